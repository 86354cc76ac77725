"""The mailbox: events that are messages, by whom they are for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import islice
from operator import itemgetter

import msgspec
import structlog

from gateway.core.eventlog import Message
from gateway.storage.event_file import EventFile
from gateway.storage.event_rows import ROW_BYTES, full_id, short_id

log = structlog.stdlib.get_logger(__name__)

# Messages that wait give way last of all: so much of the file is theirs at most.
_PART_OF_SIZE = 4
# And those to one agent so much of that.
_PART_OF_ALL = 4
_COLUMNS = "seq, message_id, to_agent, time, expires, acknowledged, data"
# What nobody vouched for the time of does not expire: it goes with the events of its age.
_THERE = "seq > ? AND seq <= ? AND NOT (synchronised AND expires <= ?)"

_Row = tuple[int, bytes | str, str, float, float, float | None, bytes]


class _Content(msgspec.Struct):
    from_agent: str
    content: str
    priority: str = "normal"
    category: str = ""
    correlation_id: str | None = None


_CONTENT = msgspec.json.Decoder(_Content)


class StoredMailbox:
    """Implements ``core.eventlog.Mailbox``; every method raises NotKept for a disk in trouble.

    Args:
        file: where messages are kept.
        now: Unix seconds by which messages expire; None while nobody vouches for the clock: then none does.
    """

    def __init__(self, file: EventFile, now: Callable[[], float | None]) -> None:
        self._file = file
        self._now = now

    async def fetch(self, agent: str | None, *, waiting_only: bool, after: int, limit: int) -> list[Message]:
        """Messages to an agent (None: to anybody) with numbers above ``after``, oldest first; none that expired."""
        now = self._moment()

        def job(connection: sqlite3.Connection) -> list[Message]:
            values = (after, self._file.last, now)
            cursors = (_rows(connection, agent, waiting, values) for waiting in ((1,) if waiting_only else (1, 0)))
            found = merge(*cursors, key=itemgetter(0))
            return list(islice((message for row in found if (message := _message(row)) is not None), limit))

        return await self._file.read(job)

    async def find(self, id_: str) -> Message | None:
        """One message, None where there is none or it expired."""
        values = (0, self._file.last, self._moment(), short_id(id_))

        def job(connection: sqlite3.Connection) -> Message | None:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM message WHERE {_THERE} AND message_id = ?",  # noqa: S608 - words of this module
                values,
            ).fetchone()
            return None if row is None else _message(row)

        return await self._file.read(job)

    async def acknowledge(self, id_: str, at: float) -> bool:
        """Note that a message arrived; on the disk when this returns. Returns whether it was still waiting."""

        def job(connection: sqlite3.Connection) -> bool:
            noted = connection.execute(
                "UPDATE message SET waiting = 0, acknowledged = ? WHERE message_id = ? AND waiting",
                (at, short_id(id_)),
            )
            return noted.rowcount > 0

        return await self._file.write(job)

    async def waiting(self, agent: str) -> int:
        """How many messages wait for an agent."""
        values = (agent, 0, self._file.last, self._moment())

        def job(connection: sqlite3.Connection) -> int:
            (found,) = connection.execute(
                f"SELECT count(*) FROM message WHERE to_agent = ? AND waiting = 1 AND {_THERE}",  # noqa: S608 - words of this module
                values,
            ).fetchone()
            return int(found)

        return await self._file.read(job)

    async def waiting_for_all(self) -> int:
        """How many messages wait, for whomever."""
        values = (0, self._file.last, self._moment())

        def job(connection: sqlite3.Connection) -> int:
            (found,) = connection.execute(
                f"SELECT count(*) FROM message WHERE waiting = 1 AND {_THERE}",  # noqa: S608 - words of this module
                values,
            ).fetchone()
            return int(found)

        return await self._file.read(job)

    async def room_of(self, agent: str) -> int:
        """See ``core.eventlog.Mailbox``: what nobody fetches must not take the room of messages to others."""

        def job(connection: sqlite3.Connection) -> int:
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(length(data)), 0) FROM message WHERE to_agent = ? AND waiting = 1",
                (agent,),
            ).fetchone()
            return int(self._file.settings.size // _PART_OF_SIZE // _PART_OF_ALL - size - count * ROW_BYTES)

        return await self._file.read(job)

    async def room(self) -> int:
        """See ``core.eventlog.Mailbox``: those that wait may take a quarter of the file. It looks at all of them."""

        def job(connection: sqlite3.Connection) -> int:
            # Those that expired take their room until they are removed.
            count, size = connection.execute(
                "SELECT count(*), coalesce(sum(length(data)), 0) FROM message WHERE waiting"
            ).fetchone()
            return int(self._file.settings.size // _PART_OF_SIZE - size - count * ROW_BYTES)

        return await self._file.read(job)

    def _moment(self) -> float:
        now = self._now()
        return float("-inf") if now is None else now


def _rows(connection: sqlite3.Connection, agent: str | None, waiting: int, values: tuple[float, ...]) -> Iterator[_Row]:
    whose, agents = ("", ()) if agent is None else ("to_agent = ? AND", (agent,))
    return connection.execute(
        f"SELECT {_COLUMNS} FROM message WHERE {whose} waiting = ? AND {_THERE} ORDER BY seq",  # noqa: S608 - words of this module
        (*agents, waiting, *values),
    )


def _message(row: _Row) -> Message | None:
    seq, id_, to_agent, time, expires, acknowledged, data = row
    try:
        content = _CONTENT.decode(data)
    except msgspec.DecodeError as error:
        log.warning("message damaged on the disk, left out", sequence=seq, error=str(error))
        return None
    priority = "normal" if content.priority == "regular" else content.priority
    return Message(
        full_id(id_),
        seq,
        content.from_agent,
        to_agent,
        content.content,
        priority,
        content.category,
        content.correlation_id,
        time,
        expires,
        acknowledged,
    )
