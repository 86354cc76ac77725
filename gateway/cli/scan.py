"""``ferrule scan``: which devices answer on a line, at which rate, and how well."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from gateway.access.files import create
from gateway.cli.client import Client
from gateway.cli.cures import unusable
from gateway.cli.line_calls import calls_of, line_on, running_gateway
from gateway.cli.line_options import is_place, line_of, refuse_serial
from gateway.cli.main import BAD, WRONG, CommandError
from gateway.cli.screen import Cell, Progress, Screen
from gateway.field.scan import estimate, scan
from gateway.field.scan_borrowed import BorrowedSite
from gateway.field.scan_bus import LineLostError
from gateway.field.scan_found import Found, Scan, advice, say_setting, verdict
from gateway.field.scan_site import PortSite, Site, candidates
from gateway.field.scan_skeleton import skeleton
from gateway.settings.kinds import Name, UnfitError
from gateway.settings.line_model import LineSettings

INTERRUPTED = 130


def run(arguments: argparse.Namespace) -> int:
    """Scan and show what was found, also when broken off."""
    if arguments.write is not None:
        _check_written(arguments.write, arguments.name)
    screen, result, site = Screen(), Scan(), _site(arguments)
    listening = arguments.listen if site.listens else 0.0
    seconds = estimate(site.settings, len(arguments.units), arguments.timeout_per_unit, listening=listening)
    settings = "1 setting" if len(site.settings) == 1 else f"{len(site.settings)} settings"
    units = "1 unit" if len(arguments.units) == 1 else f"{len(arguments.units)} units"
    first = f"{_minutes(listening)} of listening, then " if listening else ""
    print(
        f"{arguments.place}: {first}{units} at {settings}, {_minutes(seconds)} in all if nobody "
        "answers; Ctrl-C ends it and keeps what was found",
        file=sys.stderr,
    )
    failure = trio.run(_search, site, result, arguments, listening)
    if failure is not None and not result.found:
        raise CommandError(failure)
    if failure is not None:
        print(f"ferrule: {failure}", file=sys.stderr)
    if arguments.json:
        screen.json(_as_json(result))
    else:
        _show(screen, result)
    if arguments.write is not None:
        _write(arguments.write, result, arguments.name, shown=not arguments.json)
    return _code(result)


def _check_written(file: Path, name: str) -> None:
    """What can be known of the file before a scan that may take an hour.

    Raises:
        CommandError: it will not be written.
    """
    if os.path.lexists(file):
        raise CommandError(f"{file} is there already, and is not written over: name another file", WRONG)
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise CommandError(f"{file} cannot be written: {file.parent} is no directory this user may write to", WRONG)
    try:
        Name().read(name)
    except UnfitError as refusal:
        raise CommandError(f"--name: {refusal}", WRONG) from None


def _site(arguments: argparse.Namespace) -> Site:
    if not is_place(arguments.place):
        try:
            return _borrowed(arguments)
        except CommandError as error:
            if (port := _port_called(arguments.place)) is None:
                raise
            words = f"{arguments.place} is taken for the name of a line. For the port write {port}"
            raise CommandError(f"{error}. {words}", error.code) from None
    line = line_of(arguments.place, arguments)
    # Said before anybody is told how long it takes.
    if line.port is not None and not os.path.lexists(line.port):
        raise CommandError(f"{line.port} is not there: is the adapter plugged in, and the path right?")
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


def _borrowed(arguments: argparse.Namespace) -> Site:
    refuse_serial(arguments, f"line {arguments.place}")
    client = Client(arguments, ("devices:read", "devices:write"))
    try:
        return BorrowedSite(calls_of(client), arguments.place)
    except ValueError as error:
        raise CommandError(str(error), WRONG) from None
    except LineLostError as lost:
        raise CommandError(str(lost)) from None


def _port_called(word: str) -> str | None:
    """The port that somebody means who leaves its directory out: ``ttyUSB0``; None where there is none."""
    ports = (Path(word), Path("/dev", word))
    return next((f"./{port}" if port.parent == Path() else str(port) for port in ports if port.is_char_device()), None)


async def _search(site: Site, result: Scan, arguments: argparse.Namespace, listening: float) -> str | None:
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
                listening=listening,
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


def _write(file: Path, result: Scan, name: str, *, shown: bool) -> None:
    try:
        text = skeleton(result, name)
    except ValueError as error:
        print(f"ferrule: {file} was not written: {error}", file=sys.stderr)
        return
    try:
        create(file, text.encode())
    except OSError as error:
        if shown:
            # A scan may have taken an hour.
            print(f"\n{text}", end="")
        kept = "; what belongs in it is printed here" if shown else ""
        raise CommandError(f"{unusable(file, error)}{kept}") from None
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
