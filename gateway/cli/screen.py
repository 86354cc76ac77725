"""What commands put on the screen: tables, colour and progress, and nothing of that into a file or a pipe."""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TextIO

from gateway.cli.streams import is_unicode

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
QUALITY_STYLES = {"good": "green", "uncertain": "yellow", "bad": "red"}
_BARS = "▁▂▃▄▅▆▇█"
_BAR_WIDTH = 24
# Full and empty, where the terminal has blocks and where it has none.
_BLOCKS, _SIGNS = ("█", "░"), ("#", ".")
# Of a terminal that does not say how wide it is.
_USUAL_COLUMNS = 80
_GAP = "  "

Cell = str | tuple[str, str]


def colourful(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether colour may be used: on a terminal that knows it, unless NO_COLOR (no-color.org) forbids it."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def clean(text: str) -> str:
    """Text from elsewhere, fit for a terminal: what a device sends must not move the cursor or change the title."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def width_of(text: str) -> int:
    """How many columns a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


class Screen:
    """Where a command prints.

    Args:
        stream: standard output, mostly.
        colour: whether to use colour; by default as ``colourful`` says.

    Attributes:
        is_terminal: somebody looks at it.
        knows_blocks: what ``sparkline`` draws can be shown.
    """

    def __init__(self, stream: TextIO | None = None, *, colour: bool | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colour = colourful(self._stream) if colour is None else colour
        self.is_terminal = self._stream.isatty()
        self.knows_blocks = is_unicode(self._stream)

    @property
    def columns(self) -> int:
        """Width of the terminal."""
        return shutil.get_terminal_size().columns

    def paint(self, text: str, style: str) -> str:
        """Text in a style: bold, dim, red, green, yellow; plain where there is no colour."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour and style else text

    def line(self, text: str = "", style: str = "") -> None:
        """One line."""
        print(self.paint(clean(text), style), file=self._stream)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: Sequence[int] = ()) -> None:
        """Rows under a header.

        Args:
            header: names of the columns.
            rows: cells are texts, or a text and its style.
            right: columns that are set flush right, from 0.
        """
        cells = [
            [(clean(cell), "") if isinstance(cell, str) else (clean(cell[0]), cell[1]) for cell in row] for row in rows
        ]
        widths = [
            max([width_of(name), *(width_of(row[index][0]) for row in cells)]) for index, name in enumerate(header)
        ]
        for row in [[(name, "bold") for name in header], *cells]:
            parts = []
            for index, (text, style) in enumerate(row):
                space = " " * (widths[index] - width_of(text))
                painted = self.paint(text, style)
                parts.append(space + painted if index in right else painted + space)
            print(_GAP.join(parts).rstrip(), file=self._stream)

    def json(self, thing: object, *, one_line: bool = False) -> None:
        """A value as JSON; on one line where many follow each other."""
        text = json.dumps(thing, ensure_ascii=not is_unicode(self._stream), indent=None if one_line else 2)
        print(text, file=self._stream, flush=one_line)

    def clear(self) -> None:
        """Start again at the top of the terminal; elsewhere an empty line parts what follows."""
        print("\x1b[H\x1b[J" if self.is_terminal else "", end="" if self.is_terminal else "\n", file=self._stream)


class Progress:
    """A bar on a terminal that says how far the work is; silent elsewhere.

    Args:
        what: is being done.
        stream: standard error, so that it never gets among results.
    """

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()

    def show(self, done: float, note: str = "") -> None:
        """Say that a share of the work (0 to 1) is done."""
        if self._shown:
            columns = self._columns()
            # On a narrow terminal the words say more than the bar.
            width = min(_BAR_WIDTH, columns // 5)
            filled = round(min(max(done, 0.0), 1.0) * width)
            full, empty = _BLOCKS if is_unicode(self._stream) else _SIGNS
            bar = full * filled + empty * (width - filled)
            text = f"{self._what} {bar} {done:4.0%} {clean(note)}"
            # What goes on in a second line stays there: only the last one is cleared.
            print(f"\r\x1b[K{text[: columns - 1]}", end="", file=self._stream, flush=True)

    def _columns(self) -> int:
        try:
            # Of standard error: the results may go into a file.
            return os.get_terminal_size(self._stream.fileno()).columns or _USUAL_COLUMNS
        except (OSError, ValueError):
            return _USUAL_COLUMNS

    def end(self) -> None:
        """Take the bar away."""
        if self._shown:
            print("\r\x1b[K", end="", file=self._stream, flush=True)


def say_age(seconds: float | None) -> str:
    """An age as people say it; nothing where it is not known."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    for limit, unit, length in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return f"{seconds / length:.1f} {unit}" if length == 1 else f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"


def say_value(value: object) -> str:
    """A value as people read it: a float with the digits its registers hold, and no more."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _say_float(value) if isinstance(value, float) else str(value)


def _say_float(value: float) -> str:
    text = repr(value)
    try:
        if _single(value) == value:
            # What came from 32 bits has at most nine digits; the others are noise of printing it as 64.
            shortest = (f"{value:.{digits}g}" for digits in range(6, 10))
            text = next((repr(float(short)) for short in shortest if _single(float(short)) == value), text)
    except OverflowError:
        pass
    return text.removesuffix(".0")


def _single(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


def sparkline(values: Sequence[float | None]) -> str:
    """A row of bars from the least to the greatest; blank where there is no value."""
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    low, span = min(known), max(known) - min(known)
    top = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[round((value - low) / span * top) if span else top // 2] for value in values
    )
