"""``ferrule history``: what a tag said in the past."""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import WRONG, CommandError
from gateway.cli.options.history import FEW_ROWS
from gateway.cli.screen import QUALITY_STYLES, Cell, Screen, say_value, sparkline
from gateway.cli.tags import list_tags
from gateway.core import rfc3339
from gateway.settings.quantities import duration
from gateway.settings.suggest import did_you_mean

MOST_BARS = 100
# Significant digits of a mean.
MEAN_DIGITS = 9
COLUMNS = ("timestamp", "value", "quality", "clock")
SUMMED = ("min", "max", "count")


def moment_of(text: str, now: float) -> float:
    """Unix seconds of a time, or of so long ago.

    Args:
        text: RFC 3339, or a duration such as ``1h``.
        now: Unix seconds.

    Raises:
        CommandError: it is neither.
    """
    try:
        return now - duration(text)
    except ValueError:
        pass
    try:
        return rfc3339.parse(text)
    except ValueError:
        raise CommandError(
            f'"{text}" is neither how long ago (30m, 1h, 7d) nor a time (2026-11-22T08:00:00Z)', WRONG
        ) from None


def run(arguments: argparse.Namespace) -> int:
    """Show a tag's past, once or until Ctrl-C."""
    watched = arguments.watch is not None
    if watched and arguments.until is not None:
        raise CommandError("--watch goes on until Ctrl-C: leave --until out", WRONG)
    if watched and arguments.resolution is not None and (arguments.csv or arguments.json):
        raise CommandError("what is summed up changes until its time is over: leave --watch or --resolution out", WRONG)
    screen = Screen()
    with Client(arguments) as client:
        rows = list_tags(client)
        if arguments.tag not in rows:
            hint = did_you_mean(arguments.tag, rows) or "ferrule read shows all tags"
            raise CommandError(f'no tag is called "{arguments.tag}". {hint}', WRONG)
        if not watched:
            _once(screen, client, arguments, None)
            return 0
        with suppress(KeyboardInterrupt):
            newest: str | None = None
            while True:
                try:
                    newest = _once(screen, client, arguments, newest)
                except CallError as error:
                    # Whoever watches wants to see when it is back.
                    print(f"ferrule: {error}", file=sys.stderr)
                time.sleep(arguments.watch)
                if not arguments.json and not arguments.csv:
                    screen.clear()
    return 0


def _once(screen: Screen, client: Client, arguments: argparse.Namespace, newest: str | None) -> str:
    """Show it; of what was shown before, up to the time ``newest``, programs get nothing. Returns the newest time."""
    now = time.time()
    as_rows = arguments.json or arguments.csv
    start = moment_of(newest if newest is not None and as_rows else arguments.since, now)
    end = now if arguments.until is None else moment_of(arguments.until, now)
    if newest is not None and as_rows:
        # The gateway's clock may be ahead of this one.
        end = max(end, start + 1)
    if end <= start:
        words = "--since lies in the future" if arguments.until is None else "--until lies before --since"
        raise CommandError(words, WRONG)
    more = {} if arguments.resolution is None else {"resolution": arguments.resolution}
    answer = client.call("tag.history", tag=arguments.tag, start=start, end=end, **more)
    samples: list[Json] = answer["samples"]
    if answer["truncated"] and arguments.watch is None:
        last = samples[-1]["timestamp"]
        print(
            f"note: there is more after {last}: take a coarser --resolution, or ask again from there", file=sys.stderr
        )
    if newest is not None and as_rows:
        samples = [sample for sample in samples if sample["timestamp"] > newest]
    columns = (*COLUMNS, *SUMMED) if arguments.resolution is not None else COLUMNS
    if arguments.json:
        if samples or newest is None:
            span = {"start": rfc3339.text(start), "end": rfc3339.text(end)}
            told = {"tag": arguments.tag, **span, **answer, "samples": samples}
            screen.json(told, one_line=arguments.watch is not None)
    elif arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\r\n")
        if newest is None:
            writer.writerow(columns)
        writer.writerows([sample[column] for column in columns] for sample in samples)
        sys.stdout.flush()
    else:
        _show(screen, arguments, samples, columns, (start, end))
    if samples:
        return str(samples[-1]["timestamp"])
    return rfc3339.text(start) if newest is None else newest


def _show(
    screen: Screen,
    arguments: argparse.Namespace,
    samples: list[Json],
    columns: Sequence[str],
    span: tuple[float, float],
) -> None:
    if not samples:
        screen.line(f"nothing is known of {arguments.tag} in that time")
        return
    shown = samples if arguments.all or not screen.is_terminal else samples[-FEW_ROWS:]
    if len(shown) < len(samples):
        screen.line(f"{len(samples) - len(shown)} earlier rows are left out: --all, --csv or --json has them", "dim")
    rows: list[list[Cell]] = []
    for sample in shown:
        value = sample["value"]
        if arguments.resolution is not None and isinstance(value, float):
            # A mean has all the digits of a division, and none of them is known better than those of its samples.
            value = float(f"{value:.{MEAN_DIGITS}g}")
        row: list[Cell] = [sample["timestamp"], say_value(value)]
        row += [(sample["quality"], QUALITY_STYLES[sample["quality"]]), sample["clock"]]
        row += [say_value(sample[name]) for name in columns[len(COLUMNS) :]]
        rows.append(row)
    screen.table(columns, rows, right=(1, 4, 5, 6))
    numbers = [value for sample in samples if isinstance(value := sample["value"], int | float)]
    if numbers and screen.is_terminal:
        screen.line()
        if screen.knows_blocks:
            screen.line(sparkline(course(samples, *span, min(MOST_BARS, screen.columns - 2))))
        screen.line(f"{say_value(min(numbers))} to {say_value(max(numbers))}, {len(samples)} rows", "dim")


def course(samples: Sequence[Json], start: float, end: float, bars: int) -> list[float | None]:
    """What a tag said, at evenly spaced moments.

    A value holds until the next sample; None where it was bad, no number, or not known yet.

    Args:
        samples: of ``tag.history``, oldest first.
        start: Unix seconds.
        end: the same.
        bars: how many moments.
    """
    times = [rfc3339.parse(sample["timestamp"]) for sample in samples]
    found: list[float | None] = []
    position = -1
    for bar in range(bars):
        moment = start + (end - start) * (bar + 1) / bars
        while position + 1 < len(times) and times[position + 1] <= moment:
            position += 1
        value = samples[position]["value"] if position >= 0 else None
        found.append(float(value) if isinstance(value, int | float) else None)
    return found
