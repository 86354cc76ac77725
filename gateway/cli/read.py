"""``ferrule read``: what tags or registers say now."""

from __future__ import annotations

import argparse
import time

from gateway.cli.client import CallError, Client, Json
from gateway.cli.exchange import Exchanges, show_exchange
from gateway.cli.main import BAD, WRONG, CommandError
from gateway.cli.raw_place import raw_place
from gateway.cli.screen import QUALITY_STYLES, Cell, Screen, say_age, say_value
from gateway.cli.tags import chosen, list_tags, read_tags
from gateway.field.address import Address
from gateway.field.registers import BIT_TABLES, Decoded, decode, in_hex, size_of


def run(arguments: argparse.Namespace) -> int:
    """Read once, or until Ctrl-C."""
    with Client(arguments) as client:
        return _read(Screen(), client, arguments)


def _read(screen: Screen, client: Client, arguments: argparse.Namespace) -> int:
    exchanges = Exchanges(client)
    address = raw_place(arguments)
    if address is not None and arguments.tag:
        raise CommandError("name tags or registers, not both", WRONG)
    rows = [] if address is not None else chosen(list_tags(client), arguments.tag)
    try:
        while True:
            try:
                code = (
                    _read_tags(screen, client, exchanges, arguments, rows)
                    if address is None
                    else _read_registers(screen, exchanges, arguments, address)
                )
            except CallError as error:
                if arguments.watch is None:
                    raise
                # Whoever watches wants to see when it is back.
                _tell(screen, error, as_json=arguments.json)
                exchanges = Exchanges(client)
                code = error.code
            if arguments.watch is None:
                return code
            time.sleep(arguments.watch)
            if not arguments.json:
                screen.clear()
    except KeyboardInterrupt:
        return 0


def _tell(screen: Screen, error: CallError, *, as_json: bool) -> None:
    if as_json:
        screen.json({"error": str(error)}, one_line=True)
    else:
        screen.line(str(error), "red")


def _read_tags(
    screen: Screen, client: Client, exchanges: Exchanges, arguments: argparse.Namespace, rows: list[Json]
) -> int:
    readings = read_tags(client, rows, arguments.max_age) if rows else []
    code = BAD if any(reading["quality"] == "bad" for reading in readings) else 0
    places = {row["tag"]: row["place"] for row in rows}
    if arguments.bad:
        readings = [reading for reading in readings if reading["quality"] != "good"]
    if arguments.raw:
        readings = [{**reading, "raw": _raw(exchanges, reading, places[reading["tag"]])} for reading in readings]
    if arguments.json:
        screen.json({"readings": readings}, one_line=arguments.watch is not None)
    elif arguments.raw:
        for reading in readings:
            _show_raw(screen, reading)
    elif readings:
        _show(screen, readings)
    else:
        screen.line("all readings are good" if rows else "there are no tags")
    return code


def _show(screen: Screen, readings: list[Json]) -> None:
    rows: list[list[Cell]] = []
    for reading in readings:
        style = QUALITY_STYLES[reading["quality"]]
        # An old value must not look live.
        last = reading.get("lastValue")
        value: Cell = (f"({say_value(last)})", "dim") if last is not None else say_value(reading["value"])
        rows.append(
            [
                reading["tag"],
                value,
                reading["units"] or "",
                (reading["quality"], style),
                say_age(reading["age"]),
                reading.get("message") or reading["reason"] or "",
            ]
        )
    screen.table(["tag", "value", "units", "quality", "age", "reason"], rows, right=(1, 4))


def _raw(exchanges: Exchanges, reading: Json, place: Json) -> Json | None:
    """The registers of a tag, read for themselves; None for a tag of a line that does not speak Modbus."""
    if "table" not in place:
        return None
    address = Address(place["table"], place["address"])
    # tag.list does not say how long a string is.
    whole = reading["type"] != "string"
    count = 1 if address.table in BIT_TABLES or not whole else size_of(reading["type"])
    line = reading["tag"].partition("/")[0]
    return exchanges.ask(line, place["unit"], address, count)


def _show_raw(screen: Screen, reading: Json) -> None:
    value = say_value(reading["value"] if reading["value"] is not None else reading.get("lastValue"))
    old = reading["value"] is None
    units = f" {reading['units']}" if reading["units"] else ""
    said = f"({value}{units})" if old else f"{value}{units}"
    reason = f", {reading['message']}" if reading.get("message") else ""
    screen.line(f"{reading['tag']}: {said}, {reading['quality']}{reason}", QUALITY_STYLES[reading["quality"]])
    age = (
        "never acquired"
        if reading["age"] is None
        else f"acquired {reading['timestamp']}, {say_age(reading['age'])} ago"
    )
    screen.line(f"  {age}" + ("" if reading["clock"] != "unsynchronised" else "; that clock is not set"))
    raw = reading["raw"]
    if raw is None:
        screen.line("  cut from the messages of a serial line: it has no registers")
    else:
        show_exchange(screen, raw, reading["type"])


def _read_registers(screen: Screen, exchanges: Exchanges, arguments: argparse.Namespace, first: Address) -> int:
    type_ = _type(arguments.type, first)
    one = 1 if first.table in BIT_TABLES else size_of(type_, 8)
    raw = exchanges.ask(arguments.line, arguments.unit, first, one if arguments.count is None else arguments.count)
    found = (
        [] if raw["values"] is None else decode(first, raw["values"], type_, arguments.word_order, arguments.byte_order)
    )
    if arguments.json:
        screen.json(
            {**raw, "type": type_, "decoded": [_form(one) for one in found]}, one_line=arguments.watch is not None
        )
        return BAD if raw["values"] is None else 0
    show_exchange(screen, raw, type_)
    rows: list[list[Cell]] = [
        [one.address.modicon, str(one.address.wire), f"0x{one.address.wire:02X}", in_hex(one.raw), _say(one)]
        for one in found
    ]
    if rows:
        screen.table(["modicon", "PDU", "", "raw", type_], rows, right=(1, 4))
    elif raw["values"] is not None:
        screen.line(f"  too few registers for one {type_}: it takes {size_of(type_)}")
    return BAD if raw["values"] is None else 0


def _type(asked: str | None, first: Address) -> str:
    if first.table not in BIT_TABLES:
        return asked or "uint16"
    if asked not in {None, "bool"}:
        cure = "Leave --type out, or name a table of registers: --table holding or --table input"
        raise CommandError(f"--type {asked}: a {first.table} is one bit, true or false. {cure}", WRONG)
    return "bool"


def _say(one: Decoded) -> Cell:
    return (one.problem, "red") if one.problem else say_value(one.value)


def _form(one: Decoded) -> Json:
    return {
        "address": one.address.wire,
        "modicon": one.address.modicon,
        "raw": list(one.raw),
        "value": one.value,
        "problem": one.problem or None,
    }
