"""``ferrule scan``: which devices answer on a line, at which rate, and how well."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from gateway.cli.client import Client, add_connection
from gateway.cli.line_calls import calls_of, line_on, running_gateway
from gateway.cli.line_options import add_serial, is_place, line_of
from gateway.cli.main import BAD, WRONG, CommandError, fail
from gateway.cli.screen import Cell, Progress, Screen
from gateway.field.scan import LISTEN_S, PATIENCE_S, estimate, scan
from gateway.field.scan_borrowed import BorrowedSite
from gateway.field.scan_bus import LineLostError
from gateway.field.scan_found import Found, Scan, advice, say_setting, verdict
from gateway.field.scan_site import PortSite, Site, candidates
from gateway.field.scan_skeleton import skeleton
from gateway.settings.line_model import LineSettings

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
INTERRUPTED = 130
EXAMPLES = """\
examples:
  ferrule scan /dev/serial/by-id/usb-…             all usual rates and parities, units 1 to 247
  ferrule scan /dev/ttyAMA0 --baudrate 19200 --parity even --units 1-32
  ferrule scan /dev/ttyUSB0 --ascii --units 1-32   Modbus ASCII, 7E1 first
  ferrule scan 192.168.1.10:502                    the units behind a Modbus TCP server
  ferrule scan boiler                              a line of the running gateway, which pauses meanwhile
  ferrule scan /dev/ttyUSB0 --write found.toml     a configuration to begin with

It listens first: where another master talks it says so and asks nothing. Then each unit is sent one read of holding
register 0, which changes nothing. Ctrl-C ends it; what was found is shown.

exit codes: 0 devices found, 1 none or the port cannot be had, 8 found, but something is wrong; 130 broken off"""


def _units(text: str) -> list[int]:
    units: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise argparse.ArgumentTypeError(f'"{text}" are no units: write them as 1-32,40')
        low, high = int(found[1]), int(found[2] or found[1])
        if not 1 <= low <= high <= 255:
            raise argparse.ArgumentTypeError(f"{part}: units are 1 to 247, behind TCP to 255")
        units.extend(range(low, high + 1))
    return list(dict.fromkeys(units))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule scan``."""
    parser.epilog = EXAMPLES
    parser.add_argument("place", metavar="PLACE", help="port, HOST[:PORT], or a line of the running gateway")
    parser.add_argument("--units", type=_units, default=list(range(1, 248)), metavar="LIST", help="default 1-247")
    parser.add_argument(
        "--timeout-per-unit", type=float, default=PATIENCE_S, metavar="S", help=f"default {PATIENCE_S:g} s"
    )
    parser.add_argument(
        "--listen", type=float, default=LISTEN_S, metavar="S", help=f"seconds to listen first (default {LISTEN_S:g})"
    )
    parser.add_argument("--every-setting", action="store_true", help="go on with other rates after devices were found")
    parser.add_argument("--disturb", action="store_true", help="ask although another master talks")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write a configuration; never over a file")
    parser.add_argument("--name", default="bus", metavar="NAME", help="what it calls the line (default bus)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_serial(parser)
    add_connection(parser)


def run(arguments: argparse.Namespace) -> int:
    """Scan and show what was found, also when broken off."""
    if arguments.write is not None and arguments.write.exists():
        return fail(f"{arguments.write} is there already, and is not written over: name another file", WRONG)
    screen, result, site = Screen(), Scan(), _site(arguments)
    seconds = estimate(site.settings, len(arguments.units), arguments.timeout_per_unit, listening=arguments.listen)
    settings = "1 setting" if len(site.settings) == 1 else f"{len(site.settings)} settings"
    print(
        f"{arguments.place}: {len(arguments.units)} units at {settings}, {_minutes(seconds)} if nobody answers; "
        "Ctrl-C ends it and keeps what was found",
        file=sys.stderr,
    )
    failure = trio.run(_search, site, result, arguments)
    if failure is not None and not result.found:
        raise CommandError(failure)
    if failure is not None:
        print(f"ferrule: {failure}", file=sys.stderr)
    if arguments.json:
        screen.json(_as_json(result))
    else:
        _show(screen, result)
    if arguments.write is not None:
        _write(arguments.write, result, arguments.name)
    return _code(result)


def _site(arguments: argparse.Namespace) -> Site:
    if not is_place(arguments.place):
        client = Client(arguments, ("devices:read", "devices:write"))
        try:
            return BorrowedSite(calls_of(client), arguments.place)
        except ValueError as error:
            raise CommandError(str(error), WRONG) from None
        except LineLostError as lost:
            raise CommandError(str(lost)) from None
    line = line_of(arguments.place, arguments)
    call = running_gateway(arguments)
    try:
        name = line_on(call, line) if call is not None else None
        if call is not None and name is not None:
            print(
                f"{arguments.place} is line {name} of the running gateway: borrowed from it, at the rate it has there",
                file=sys.stderr,
            )
            return BorrowedSite(call, name)
    except LineLostError as lost:
        raise CommandError(str(lost)) from None
    settings = [line]
    if line.port is not None:
        known = {key: getattr(arguments, key) for key in ("baudrate", "parity", "bytesize", "stopbits")}
        settings = candidates(line, **known)
    return PortSite(settings)


async def _search(site: Site, result: Scan, arguments: argparse.Namespace) -> str | None:
    """Scan until it is done or interrupted; returns why the port was lost, if it was."""
    bar = Progress("scan")
    failure: str | None = None
    async with trio.open_nursery() as nursery:

        async def interrupt() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(interrupt)
        try:
            await scan(
                site,
                result,
                units=arguments.units,
                patience=arguments.timeout_per_unit,
                listening=arguments.listen,
                every=arguments.every_setting,
                disturb=arguments.disturb,
                progress=lambda done, left, words: bar.show(
                    done, f"{_minutes(left)} left, {len(result.found)} found, {words}"
                ),
            )
        except LineLostError as lost:
            busy = ". If the gateway has it: ferrule scan LINE goes through it" if lost.busy else ""
            failure = f"{lost}{busy}"
        nursery.cancel_scope.cancel()
    bar.end()
    return failure


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _show(screen: Screen, result: Scan) -> None:
    if result.found:
        rows: list[Sequence[Cell]] = []
        for one in result.found:
            wrong = verdict(one)
            state: Cell = ("ok", "green") if not wrong else ("look", "yellow")
            rows.append(
                [
                    str(one.unit),
                    say_setting(one.line),
                    state,
                    f"{one.answered}/{one.asked}",
                    f"{one.seconds * 1000:.0f} ms" if one.seconds is not None else "",
                    "refuses holding 0" if one.refused and not one.holding else "",
                    ", ".join(one.identity.values()),
                ]
            )
        screen.table(["unit", "at", "", "answers", "within", "", "says it is"], rows, right=(0, 3, 4))
        for one in result.found:
            for words in verdict(one):
                screen.line(f"unit {one.unit}: {words}", "yellow")
    for words in advice(result):
        screen.line(words, "yellow")
    if not result.complete and not result.foreign_master:
        screen.line("broken off: this is not all", "yellow")


def _write(file: Path, result: Scan, name: str) -> None:
    try:
        text = skeleton(result, name)
    except ValueError as error:
        print(f"ferrule: {file} was not written: {error}", file=sys.stderr)
        return
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}") from None
    print(f"written: {file}. Next: ferrule check {file}", file=sys.stderr)


def _code(result: Scan) -> int:
    if not result.complete and not result.foreign_master:
        return INTERRUPTED
    if not result.found:
        return 1
    return BAD if any(verdict(one) for one in result.found) else 0


def _as_json(result: Scan) -> object:
    return {
        "complete": result.complete,
        "advice": advice(result),
        "echo": result.echo,
        "found": [_found(one) for one in result.found],
        "tried": [{"setting": say_setting(line), "units": count} for line, count in result.tried],
    }


def _found(one: Found) -> object:
    line: LineSettings = one.line
    serial = line.port is not None
    return {
        "unit": one.unit,
        "transport": line.transport,
        "baudrate": line.baudrate if serial else None,
        "bytesize": line.bytesize if serial else None,
        "parity": line.parity if serial else None,
        "stopbits": line.stopbits if serial else None,
        "asked": one.asked,
        "answered": one.answered,
        "refused": one.refused,
        "damaged": one.damaged,
        "doubled": one.doubled,
        "slowest": one.seconds,
        "identity": one.identity,
        "wrong": verdict(one),
    }
