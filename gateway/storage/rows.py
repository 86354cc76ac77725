"""One row of the history: how a value, its quality and its clock are packed into two columns."""

from __future__ import annotations

import math
import re
from typing import NamedTuple, cast

from gateway.core.reading import Quality, Value

# What SQLite keeps in a column.
Stored = None | int | float | str

_QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD)
_QUALITY_CODE = {quality: code for code, quality in enumerate(_QUALITIES)}
_QUALITY = 0b11
_KIND = 0b1100
_NUMBER, _TRUTH, _TEXT, _WIDE = 0b0000, 0b0100, 0b1000, 0b1100
_UNSYNCHRONISED = 0b1_0000
_ERA_SHIFT = 8

# No tag has a whole number that no float comes near to.
_WHOLE = re.compile(r"-?[0-9]{1,309}")
_INT64 = range(-(1 << 63), 1 << 63)


class Row(NamedTuple):
    """A point of a tag's history, as stored.

    Attributes:
        time: milliseconds of Unix time.
        state: bits 0-1 quality, 2-3 kind of value, 4 clock unsynchronised; from bit 8 the era, 0 for none.
        value: a bool as 0 or 1, an integer beyond 64 bits of sign as text, None where there is no value.
    """

    time: int
    state: int
    value: Stored

    @property
    def quality(self) -> Quality:
        """How far the value can be trusted."""
        return _QUALITIES[min(self.state & _QUALITY, 2)]

    @property
    def unsynchronised(self) -> bool:
        """Whether the time was taken from a clock that nobody vouched for."""
        return bool(self.state & _UNSYNCHRONISED)

    def restore(self) -> Value | None:
        """The value as the tag said it."""
        kind = self.state & _KIND
        if self.value is None or kind == _NUMBER:
            return self.value
        if kind == _TRUTH:
            return bool(self.value)
        return int(self.value) if kind == _WIDE else str(self.value)

    def number(self) -> float | None:
        """The value as a number to calculate with; None for text and for no value."""
        if self.value is None or self.state & _KIND == _TEXT:
            return None
        return float(self.value)


def stored(time: int, state: int, value: object) -> Row:
    """A row as the file has it.

    The database has no checksums: a bit that flipped in a state makes another kind of the value, or another quality.
    What contradicts itself says nothing of the tag: it becomes a bad row without a value.
    """
    bad = state & _QUALITY >= _QUALITY_CODE[Quality.BAD]
    if value is None if bad else _is_of(state & _KIND, value):
        return Row(time, state, cast("Stored", value))
    return Row(time, state & ~(_QUALITY | _KIND) | _QUALITY_CODE[Quality.BAD], None)


def _is_of(kind: int, value: object) -> bool:
    """Whether a column can be a value of this kind."""
    if kind == _NUMBER:
        return finite(value) is not None
    if kind == _TRUTH:
        return isinstance(value, int)
    if not isinstance(value, str):
        return False
    return kind == _TEXT or (_WHOLE.fullmatch(value) is not None and math.isfinite(float(value)))


def finite(value: object) -> float | None:
    """The column as a number to calculate with; None where it is none."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def pack(value: Value | None, quality: Quality) -> tuple[int, Stored]:
    """State (without clock) and column for a value.

    What is no finite number is not kept as one: it becomes a bad row without a value.
    """
    if quality is Quality.BAD or value is None or (isinstance(value, float) and not math.isfinite(value)):
        return _QUALITY_CODE[Quality.BAD], None
    state = _QUALITY_CODE[quality]
    if isinstance(value, bool):
        return state | _TRUTH, int(value)
    if isinstance(value, str):
        return state | _TEXT, value
    if isinstance(value, int) and value not in _INT64:
        return state | _WIDE, str(value)
    return state | _NUMBER, value


def with_clock(state: int, era: int | None) -> int:
    """A state with its clock: ``era`` is None for synchronised time, else the number of the era (0 for none)."""
    return state if era is None else state | _UNSYNCHRONISED | era << _ERA_SHIFT


def without_clock(state: int) -> int:
    """A state as it is once the time is known."""
    return state & (_QUALITY | _KIND)


def replaces(later: int, earlier: int) -> bool:
    """Whether a row may take the place of an earlier one of the same time: never of one with a better quality."""
    return later & _QUALITY <= earlier & _QUALITY


def is_text(state: int) -> bool:
    """Whether the value is text."""
    return state & _KIND == _TEXT
