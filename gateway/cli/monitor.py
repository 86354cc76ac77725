"""``ferrule monitor``: what goes over a line, while it goes."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

import trio

from gateway.cli.client import Client
from gateway.cli.cures import unusable
from gateway.cli.line_options import line_of, refuse_serial
from gateway.cli.main import WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.field.monitor import Following, overhear
from gateway.field.monitor_capture import Capture
from gateway.field.monitor_messages import Message
from gateway.field.monitor_words import describe, is_error
from gateway.field.scan_bus import LineLostError

LOOK_EVERY_S = 0.3
_MARKS = {"request": ">", "reply": "<", "unasked": "!", "damaged": "!", "silence": "!"}


def run(arguments: argparse.Namespace) -> int:
    """Show traffic until Ctrl-C."""
    if (arguments.line is None) == (arguments.port is None):
        raise CommandError("name a line of the gateway, or --port DEVICE: one of them", WRONG)
    if arguments.port is not None and "/" not in arguments.port:
        raise CommandError(
            f'"{arguments.port}" is no device path. On a network nothing of others can be heard: use tcpdump', WRONG
        )
    source = _source(arguments)
    with ExitStack() as files:
        view = View(arguments, Screen(), _capture_file(arguments.save, files))
        failure: CommandError | None = None
        try:
            view.begin()
            trio.run(_watch, partial(source, view), arguments.seconds)
        except LineLostError as lost:
            busy = ". If the gateway has it: ferrule monitor LINE overhears it" if lost.busy else ""
            failure = CommandError(f"{lost}{busy}")
        except CommandError as error:
            failure = error
        if failure is None or view.heard:
            view.sum_up()
        elif arguments.save is not None:
            # The next try would find it there.
            arguments.save.unlink(missing_ok=True)
    if failure is not None:
        raise failure
    return 0


def _capture_file(path: Path | None, files: ExitStack) -> BinaryIO | None:
    if path is None:
        return None
    try:
        return files.enter_context(path.open("xb", buffering=0))
    except FileExistsError:
        raise CommandError(f"{path} is there already, and is not written over: name another file", WRONG) from None
    except OSError as error:
        raise CommandError(unusable(path, error)) from None


class View:
    """Shows and keeps messages.

    Args:
        arguments: of the command.
        screen: where to show them.
        file: takes the capture.
    """

    def __init__(self, arguments: argparse.Namespace, screen: Screen, file: BinaryIO | None) -> None:
        self._units: list[int] = arguments.unit
        self._errors: bool = arguments.errors
        self._json: bool = arguments.json
        self._screen = screen
        self._file = file
        self._capture = Capture(arguments.line or arguments.port)
        self._counts: Counter[str] = Counter()
        self.lost = 0
        of_units = f" of unit {', '.join(map(str, self._units))}" if self._units else ""
        self._nothing = (
            f"nothing{of_units} went over the line: devices are asked seldom (poll), or are silent (ferrule status)"
            if arguments.line is not None
            else f"nothing{of_units} was heard: does anybody talk on this line, and are A, B and the common wire there?"
        )

    @property
    def heard(self) -> bool:
        """Whether there was anything to show."""
        return bool(self._counts.total())

    def begin(self) -> None:
        """Write what a capture begins with.

        Raises:
            CommandError: nothing can be written there.
        """
        self._keep(self._capture.header)

    def _keep(self, part: Callable[[], bytes]) -> None:
        if self._file is None:
            return
        try:
            self._file.write(part())
        except OSError as error:
            kept = "; what was heard before is in it" if self.heard else ""
            raise CommandError(f"{unusable(Path(self._file.name), error)}{kept}") from None

    def show(self, message: Message) -> None:
        """One message, if it is asked for."""
        if self._units and message.unit is not None and message.unit not in self._units:
            return
        words = describe(message)
        self._counts[message.kind] += 1
        self._counts["refused"] += message.kind == "reply" and message.pdu[0] > 0x80
        self._keep(partial(self._capture.packet, message, words))
        if self._errors and not is_error(message):
            return
        if self._json:
            self._screen.json(_as_json(message, words), one_line=True)
            return
        stamp = datetime.fromtimestamp(message.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
        unit = f"unit {message.unit}" if message.unit is not None else "?"
        after = f"  after {message.after * 1000:.0f} ms" if message.after is not None else ""
        raw = f"   [{message.raw.hex(' ')}]" if message.kind != "silence" else ""
        style = "red" if message.kind in {"damaged", "silence", "unasked"} else "yellow" if is_error(message) else ""
        self._screen.line(f"{stamp} {_MARKS[message.kind]} {unit:<8} {words}{after}{raw}", style)
        sys.stdout.flush()

    def sum_up(self) -> None:
        """How much of what there was."""
        counts = self._counts
        lost = f", {self.lost} records were forgotten before they could be shown" if self.lost else ""
        print(
            f"{counts['request']} requests, {counts['reply']} answers ({counts['refused']} refusals), "
            f"{counts['silence']} without answer, {counts['unasked']} answers nobody asked for, "
            f"{counts['damaged']} damaged{lost}",
            file=sys.stderr,
        )
        if not self.heard:
            print(self._nothing, file=sys.stderr)


def _as_json(message: Message, words: str) -> object:
    return {
        "time": message.at,
        "kind": message.kind,
        "unit": message.unit,
        "words": words,
        "seconds": message.after,
        "pdu": message.pdu.hex(),
        "raw": message.raw.hex(),
    }


Source = Callable[[View], Awaitable[None]]


def _source(arguments: argparse.Namespace) -> Source:
    if arguments.line is not None:
        refuse_serial(arguments, f"line {arguments.line}")
        return _of_gateway(arguments)
    line = line_of(arguments.port, arguments)
    return lambda view: overhear(line, view.show, time.time)


def _of_gateway(arguments: argparse.Namespace) -> Source:
    client = Client(arguments)
    rows = {str(row["line"]): str(row["transport"]) for row in client.call("line.list")["lines"]}
    transport = rows.get(arguments.line)
    if transport is None or transport == "serial":
        names = ", ".join(name for name, of in rows.items() if of != "serial") or "none"
        raise CommandError(f'the gateway has no Modbus line "{arguments.line}" (it has: {names})', WRONG)
    following = Following(lambda after: client.call("line.traffic", line=arguments.line, after=after), transport)

    async def follow(view: View) -> None:
        while True:
            for message in await trio.to_thread.run_sync(following.more):
                view.show(message)
            view.lost = following.lost
            await trio.sleep(LOOK_EVERY_S)

    return follow


async def _watch(source: Callable[[], Awaitable[None]], seconds: float | None) -> None:
    """Run the source until Ctrl-C, or for so long."""
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(source)
            with (
                trio.move_on_after(seconds if seconds is not None else float("inf")),
                trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals,
            ):
                async for _ in signals:
                    break
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # Only the source can fail, and it is one task.
        raise group.exceptions[0] from None
