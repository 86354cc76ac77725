"""``ferrule decode``: what registers may mean, in every type and order, the most plausible first."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import trio

from gateway.cli.client import Client
from gateway.cli.line_options import line_of, refuse_serial
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Cell, Screen, say_value
from gateway.field.address import Address, doubt, from_modicon, wire_address
from gateway.field.decode import Reading, Shot, guess
from gateway.field.decode_layout import LEAST_SHARE, Layout, Ranked, best_layout, toml_line
from gateway.field.decode_read import ReadError, from_hex, read_port, where_missing

MOST = 125
ALTERNATIVES = 3


def run(arguments: argparse.Namespace) -> int:
    """Show what registers may mean."""
    screen = Screen()
    first, shots = _registers(arguments)
    try:
        layout = best_layout(shots, time.time(), arguments.type)
    except ValueError as error:
        raise CommandError(str(error), WRONG) from None
    if arguments.json:
        screen.json(_as_json(first, shots, layout))
        return 0
    _show_registers(screen, first, shots)
    _show_layout(screen, first, layout, typed=bool(arguments.hex))
    if arguments.all:
        _show_all(screen, first, layout)
    return 0


# Where registers come from


def _registers(arguments: argparse.Namespace) -> tuple[Address, list[Shot]]:
    given = [bool(arguments.hex), arguments.line is not None, arguments.port is not None]
    if sum(given) != 1:
        raise CommandError("give registers as hexadecimal, or --line, or --port: one of them", WRONG)
    first = _address(arguments)
    if arguments.hex:
        try:
            return first, [from_hex(part) for part in " ".join(arguments.hex).split("/")]
        except ValueError as error:
            raise CommandError(str(error), WRONG) from None
    if arguments.unit is None or (arguments.address is None and arguments.modicon is None):
        raise CommandError("say what to read: --unit and --modicon, or --unit, --table and --address", WRONG)
    if not 1 <= arguments.count <= min(MOST, 0x10000 - first.wire):
        raise CommandError(f"--count: one request reads 1 to {MOST} registers, and none beyond 65535", WRONG)
    if arguments.line is not None:
        refuse_serial(arguments, f"line {arguments.line}")
        client = Client(arguments)
        return first, _repeat(arguments, partial(_through_gateway, client, arguments, first))
    line = line_of(arguments.port, arguments)
    try:
        return first, trio.run(
            partial(
                read_port,
                line,
                arguments.unit,
                first,
                count=arguments.count,
                repeat=arguments.repeat,
                every=arguments.every,
            )
        )
    except ReadError as error:
        raise CommandError(str(error)) from None


def _address(arguments: argparse.Namespace) -> Address:
    try:
        if arguments.modicon is not None:
            address = from_modicon(arguments.modicon)
        else:
            address = Address(arguments.table or "holding", wire_address(arguments.address or "0"))
    except ValueError as error:
        raise CommandError(str(error), WRONG) from None
    if address.table not in {"holding", "input"}:
        raise CommandError(f"{address} is a bit: there is nothing to decode. ferrule read shows it", WRONG)
    if arguments.modicon is None and (hint := doubt(address)):
        print(f"note: {hint}", file=sys.stderr)
    return address


def _repeat(arguments: argparse.Namespace, read: Callable[[], Shot]) -> list[Shot]:
    shots = [read()]
    for _ in range(arguments.repeat - 1):
        time.sleep(arguments.every)
        shots.append(read())
    return shots


def _through_gateway(client: Client, arguments: argparse.Namespace, first: Address) -> Shot:
    answer = client.call(
        "modbus.read",
        line=arguments.line,
        unit=arguments.unit,
        table=first.table,
        address=first.wire,
        count=arguments.count,
    )
    if answer["values"] is None:
        more = where_missing(arguments.count) if answer["reason"] == "illegal_address" else ""
        raise CommandError(f"line {arguments.line}, unit {arguments.unit}, {first}: {answer['message']}{more}")
    return tuple(answer["values"])


# What is shown


def _show_registers(screen: Screen, first: Address, shots: Sequence[Shot]) -> None:
    rows: list[Sequence[Cell]] = []
    for offset, word in enumerate(shots[-1]):
        address = Address(first.table, first.wire + offset)
        binary = f"{word:016b}"
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in divmod(word, 256))
        moved = "" if all(shot[offset] == word for shot in shots) else "moves"
        rows.append(
            [
                address.modicon,
                str(address.wire),
                f"0x{address.wire:02X}",
                f"{word:04X}",
                str(word),
                str(word - 0x10000 if word > 0x7FFF else word),
                " ".join(binary[i : i + 4] for i in range(0, 16, 4)),
                text,
                moved,
            ]
        )
    header = [first.table, "PDU", "", "hex", "unsigned", "signed", "binary", "text", ""]
    screen.table(header, rows, right=(1, 4, 5))


def _show_layout(screen: Screen, first: Address, layout: Layout, *, typed: bool) -> None:
    rows: list[Sequence[Cell]] = []
    for one in layout.readings:
        for number, ranked in enumerate(_choices(layout, one)):
            rows.append(_row(first, ranked, style="bold" if number == 0 else "dim"))
    screen.line()
    screen.table(["most plausible", "type", "word order", "byte order", "value", "share", "may be"], rows, right=(5,))
    screen.line()
    screen.line(layout.verdict, "bold")
    if advice := layout.advice(typed=typed):
        screen.line(advice)
    screen.line()
    screen.line("For the device in the configuration:")
    screen.line("tag = [")
    for one in layout.readings:
        screen.line(f"  {toml_line(one, first.table, first.wire)},")
    screen.line("]")


def _show_all(screen: Screen, first: Address, layout: Layout) -> None:
    for offset, ranked in enumerate(layout.ranked):
        address = Address(first.table, first.wire + offset)
        rows: list[Sequence[Cell]] = [
            [*_row(first, one), toml_line(one.reading, first.table, first.wire)]
            for one in ranked
            if one.reading.values[-1] is not None
        ]
        screen.line()
        screen.table([address.modicon, "type", "word order", "byte order", "value", "share", "may be", ""], rows)


def _choices(layout: Layout, one: Reading) -> list[Ranked]:
    """A value of the layout, and what else may begin at its place."""
    ranked = layout.ranked[one.offset]
    own = [way for way in ranked if way.reading == one]
    others = [way for way in ranked if way.reading != one and way.share >= LEAST_SHARE]
    return own + others[: ALTERNATIVES - 1]


def _row(first: Address, ranked: Ranked, style: str = "") -> list[Cell]:
    one = ranked.reading
    guessed = guess(one.type, one.values)
    may_be = f"{guessed[0]}{f', x {guessed[2]:g}' if guessed[2] != 1 else ''}" if guessed else ""
    many = one.length > 1 and one.type != "string"
    cells = [
        Address(first.table, first.wire + one.offset).modicon,
        one.type,
        one.word_order if many else "",
        one.byte_order,
        say_value(one.values[-1]),
        f"{ranked.share:.0%}",
        may_be,
    ]
    return [(cell, style) for cell in cells] if style else list(cells)


def _as_json(first: Address, shots: Sequence[Shot], layout: Layout) -> object:
    def said(ranked: Ranked) -> object:
        one = ranked.reading
        return {
            "address": first.wire + one.offset,
            "type": one.type,
            "wordOrder": one.word_order,
            "byteOrder": one.byte_order,
            "registers": one.length,
            "values": list(one.values),
            "share": round(ranked.share, 4),
            "toml": toml_line(one, first.table, first.wire),
        }

    return {
        "table": first.table,
        "address": first.wire,
        "reads": [list(shot) for shot in shots],
        "wordOrder": layout.word_order,
        "byteOrder": layout.byte_order,
        "margin": round(layout.margin, 1),
        "verdict": layout.verdict,
        "layout": [said(_choices(layout, one)[0]) for one in layout.readings],
        "ranked": [said(way) for ways in layout.ranked for way in ways if way.reading.values[-1] is not None],
    }
