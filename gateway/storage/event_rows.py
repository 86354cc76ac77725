"""Rows of events: how they are written, and read again without being believed where a bit flipped."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

import msgspec
import structlog

from gateway.core import rfc3339
from gateway.core.eventlog import Entry, Priority
from gateway.core.events import Event

log = structlog.stdlib.get_logger(__name__)

# What gives way first comes first. Messages have a table of their own, whatever their priority.
TABLES: Mapping[Priority, str] = {
    Priority.LOW: "event_low",
    Priority.NORMAL: "event_normal",
    Priority.HIGH: "event_high",
    Priority.URGENT: "event_urgent",
}
MESSAGES = "message"
ALL_TABLES = (*TABLES.values(), MESSAGES)

MESSAGE_TYPE = "message:received"
_SYNCHRONISED, _UNSYNCHRONISED = "synchronised", "unsynchronised"

# Data that is nested deeper is cut there: no reader of JSON has to go so deep for an event.
_DEEPEST = 64

# What a row takes besides its data, more or less.
ROW_BYTES = 120
COLUMNS = "seq, id, type, time, synchronised, gateway, routing_key, checksum, data"
Row = tuple[int, bytes | str, str, float, int, int, str | None, int, bytes]

_ADD = {
    table: f"INSERT INTO {table} ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"  # noqa: S608 - names of this module
    for table in TABLES.values()
}
_ADD_MESSAGE = f"""
    INSERT INTO message ({COLUMNS}, waiting, expires, message_id, to_agent)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING"""  # noqa: S608 - names of this module


class Written(NamedTuple):
    """An event as its row has it, but for the number of its gateway.

    Attributes:
        event: what it is made from.
        table: where it belongs.
        id: of the event, short.
        data: JSON.
        checksum: over all of it.
        more: what a message has besides: when it expires, its id and whom it is for.
    """

    event: Event
    table: str
    id: bytes | str
    data: bytes
    checksum: int
    more: tuple[float, bytes | str, str] | None


class _Address(msgspec.Struct):
    """What of a message's data decides where it is found again."""

    message_id: str
    to_agent: str
    expires_at: str


def short_id(id_: str) -> bytes | str:
    """An id as it is stored: 16 bytes where it is a UUID as RFC 9562 writes it, as it is where it is not."""
    if len(id_) == 36:
        try:
            raw = bytes.fromhex(id_.replace("-", ""))
        except ValueError:
            return id_
        if len(raw) == 16 and full_id(raw) == id_:
            return raw
    return id_


def full_id(stored: bytes | str) -> str:
    """An id from what is stored."""
    if isinstance(stored, str):
        return stored
    text = stored.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def write(entry: Entry) -> Written:
    """What to store of an event. What JSON does not carry is made so: one event must not hold up the others."""
    event = entry.event
    try:
        data = msgspec.json.encode(dict(event.data))
        (event.routing_key or "").encode()
    except (TypeError, ValueError, OverflowError, RecursionError) as fault:
        log.warning("event made plain, its data is no JSON", type=event.type, sequence=event.sequence, fault=str(fault))
        data = msgspec.json.encode(_plain(event.data, 0))
        event = replace(event, routing_key=event.routing_key and _text(event.routing_key))
    id_ = short_id(event.id)
    more = _address(data) if event.type == MESSAGE_TYPE else None
    table = TABLES[entry.priority] if more is None else MESSAGES
    # SQLite knows no negative zero.
    time = event.time + 0.0
    head = (event.id, event.gateway, event.sequence, event.type, time, event.clock, event.routing_key)
    checksum = _checksum(head, data)
    return Written(event, table, id_, data, checksum, more)


def _plain(value: object, depth: int) -> object:
    match value:
        case bool() | int() | None:
            return value
        case float():
            # A subclass may have an encoding of its own.
            return float(value)
        case str():
            return _text(value)
        case _ if depth >= _DEEPEST:
            return _text(f"({type(value).__name__}, nested too deep)")
        case Mapping():
            return {_text(str(name)): _plain(member, depth + 1) for name, member in value.items()}
        case list() | tuple():
            return [_plain(member, depth + 1) for member in value]
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    """As UTF-8 has it: half a pair of surrogates is a question mark."""
    return str(text).encode("utf-8", "replace").decode()


def _address(data: bytes) -> tuple[float, bytes | str, str] | None:
    try:
        address = msgspec.json.decode(data, type=_Address)
        expires = rfc3339.parse(address.expires_at)
    except (msgspec.ValidationError, ValueError):
        return None
    return expires, short_id(address.message_id), address.to_agent


def add(connection: sqlite3.Connection, rows: list[Written]) -> None:
    """Add events; one whose number is there already is that one."""
    gateways: dict[str, int] = {}
    for row in rows:
        event = row.event
        gateway = gateways.get(event.gateway)
        if gateway is None:
            gateway = gateways[event.gateway] = _number_of(connection, event.gateway)
        values = (
            event.sequence,
            row.id,
            event.type,
            event.time,
            int(event.clock == _SYNCHRONISED),
            gateway,
            event.routing_key,
            row.checksum,
            row.data,
        )
        if row.more is None:
            connection.execute(_ADD[row.table], values)
        else:
            connection.execute(_ADD_MESSAGE, (*values, *row.more))


def _number_of(connection: sqlite3.Connection, gateway: str) -> int:
    found = connection.execute("SELECT id FROM gateway WHERE name = ?", (gateway,)).fetchone()
    if found is None:
        found = connection.execute("INSERT INTO gateway (name) VALUES (?) RETURNING id", (gateway,)).fetchone()
    return int(found[0])


def gateways_of(connection: sqlite3.Connection) -> dict[int, str]:
    """The names of gateways by their numbers."""
    return dict(connection.execute("SELECT id, name FROM gateway").fetchall())


def rows_between(connection: sqlite3.Connection, after: int, last: int) -> Iterator[Row]:
    """Rows of all tables with numbers above ``after`` and up to ``last``, in the order of their numbers."""
    return _merged(connection, "seq > ? AND seq <= ?", (after, last))


def rows_of_time(connection: sqlite3.Connection, start: float, end: float, after: int, last: int) -> Iterator[Row]:
    """The same for events that happened from ``start`` to ``end``."""
    return _merged(connection, "seq > ? AND seq <= ? AND time BETWEEN ? AND ?", (after, last, start, end))


def _merged(connection: sqlite3.Connection, condition: str, values: tuple[float, ...]) -> Iterator[Row]:
    cursors = (
        connection.execute(
            f"SELECT {COLUMNS} FROM {table} WHERE {condition} ORDER BY seq",  # noqa: S608 - names of this module
            values,
        )
        for table in ALL_TABLES
    )
    return merge(*cursors, key=itemgetter(0))


def read(row: Row, gateways: Mapping[int, str]) -> Event | None:
    """An event from its row; None, and a line in the log, where the row is not what was written."""
    seq, stored, type_, time, synchronised, gateway, routing_key, checksum, data = row
    id_, name = full_id(stored), gateways.get(gateway, "")
    clock = _SYNCHRONISED if synchronised else _UNSYNCHRONISED
    if checksum != _checksum((id_, name, seq, type_, time, clock, routing_key), data):
        log.error("event damaged on the disk, left out", sequence=seq)
        return None
    return Event(id_, name, seq, type_, time, clock, msgspec.json.decode(data), routing_key)


def _checksum(head: tuple[str, str, int, str, float, str, str | None], data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(repr(head).encode()))
