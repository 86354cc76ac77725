"""The part of ``ferrule check`` that asks the devices: through the running gateway where it has the line."""

from __future__ import annotations

import argparse
from functools import partial

import trio

from gateway.cli.line_calls import Call, line_on, running_gateway
from gateway.cli.main import BAD
from gateway.cli.screen import Cell, Screen, say_value
from gateway.field.address import Address
from gateway.field.check_bus import Tried, try_line
from gateway.field.scan_borrowed import BorrowedSite
from gateway.field.scan_bus import LineLostError
from gateway.field.scan_found import say_setting
from gateway.field.scan_site import PortSite, Site
from gateway.settings.line_model import LineSettings
from gateway.settings.model import Settings


def check_bus(arguments: argparse.Namespace, settings: Settings, screen: Screen) -> int:
    """Try every tag of every Modbus line. Returns the exit code."""
    found: list[Tried] = []
    notes: list[str] = []
    call = running_gateway(arguments)
    for line in settings.lines:
        if line.transport == "serial":
            notes.append(f"line {line.name}: raw serial; it speaks when it likes, ferrule read shows what it said")
            continue
        trio.run(partial(try_line, _site(call, line, notes), line, found.append))
    if arguments.json:
        screen.json({"tags": [_as_json(one) for one in found], "notes": notes})
    else:
        _show(screen, found, notes, quiet=arguments.quiet)
    return 0 if all(one.sound for one in found) else BAD


def _site(call: Call | None, line: LineSettings, notes: list[str]) -> Site:
    """The gateway's line on the same port or address, borrowed; else the port itself."""
    if call is not None:
        try:
            name = line_on(call, line)
            if name is not None:
                site = BorrowedSite(call, name)
                [own] = site.settings
                notes.append(f"line {line.name}: tried through the running gateway, which rests its polls meanwhile")
                if say_setting(own) != say_setting(line):
                    notes.append(
                        f"line {line.name}: the gateway has it at {say_setting(own)}, the file says "
                        f"{say_setting(line)}: ferrule reload first"
                    )
                return site
        except (LineLostError, ValueError) as error:
            notes.append(f"line {line.name}: {error}")
    return PortSite([line])


def _place(one: Tried) -> str:
    return str(Address(one.tag.table, one.tag.address)) if one.tag is not None else ""


def _name(one: Tried) -> str:
    return "/".join(part for part in (one.line, one.device, one.tag.name if one.tag else "") if part)


def _show(screen: Screen, found: list[Tried], notes: list[str], *, quiet: bool) -> None:
    for note in notes:
        screen.line(note, "dim")
    rows: list[list[Cell]] = []
    for one in found:
        if one.sound and quiet:
            continue
        state: Cell = ("ok", "green") if one.sound else ("bad", "red")
        units = f" {one.tag.units}" if one.tag is not None and one.tag.units and one.value is not None else ""
        said = f"{say_value(one.value)}{units}" if one.sound and one.tag is not None else one.words or "answers"
        rows.append([state, _name(one), str(one.unit) if one.unit else "", _place(one), one.raw.hex(" ", 2), said])
    if rows:
        screen.table(["", "tag", "unit", "address", "raw", "value or reason"], rows, right=(2,))
    bad = sum(not one.sound for one in found)
    if not quiet:
        screen.line(f"{len(found)} tried, {bad} without a value", "red" if bad else "green")


def _as_json(one: Tried) -> dict[str, object]:
    tag = one.tag
    return {
        "tag": _name(one),
        "unit": one.unit,
        "table": tag.table if tag else None,
        "address": tag.address if tag else None,
        "value": one.value,
        "reason": one.words or None,
        "raw": one.raw.hex(),
        "attempts": one.attempts,
    }
