"""Rows of the history that wait in memory: in columns, for there may be tens of thousands of them for days.

A row takes 21 bytes there, as an object of its own it would take 144. Columns are kept in blocks, and no row in them
ever changes: while some are being written by another thread, others may be added.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from gateway.core.timeline import Era
from gateway.storage.rows import Stored

# Rows of a block.
_BLOCK = 512
# How a value is kept, beside the bits of its state: as the number itself, as one that was whole, or elsewhere.
_WHOLE, _NOTHING, _ELSEWHERE = 0x20, 0x40, 0x60
_STATE = 0x1F
# Beyond these a double does not carry whole numbers exactly.
_EXACT = range(-(1 << 53), (1 << 53) + 1)


class Pending(NamedTuple):
    """A row in memory; ``moment`` is monotonic seconds.

    Its era turns into wall time when it is written: until then a correction comes for free.
    """

    tag: str
    moment: float
    era: Era
    state: int
    value: Stored


class _Block:
    """Rows that follow each other, all of one era."""

    __slots__ = ("_elsewhere", "_numbers", "_states", "_tags", "era", "moments")

    def __init__(self, era: Era) -> None:
        self.era = era
        self.moments = array("d")
        self._tags = array("I")
        self._states = array("B")
        self._numbers = array("d")
        self._elsewhere: dict[int, Stored] = {}

    def append(self, tag: int, moment: float, state: int, value: Stored) -> None:
        number, kind = 0.0, 0
        if value is None:
            kind = _NOTHING
        elif isinstance(value, float):
            number = value
        elif isinstance(value, int) and value in _EXACT:
            number, kind = float(value), _WHOLE
        else:
            kind = _ELSEWHERE
            self._elsewhere[len(self.moments)] = value
        self.moments.append(moment)
        self._tags.append(tag)
        self._states.append(state | kind)
        self._numbers.append(number)

    def rows(self, start: int, stop: int, names: list[str]) -> Iterator[Pending]:
        for place in range(start, stop):
            yield self._row(place, names[self._tags[place]])

    def rows_of(self, tag: int, name: str, start: int) -> Iterator[Pending]:
        with suppress(ValueError):
            while True:
                start = self._tags.index(tag, start) + 1
                yield self._row(start - 1, name)

    def _row(self, place: int, name: str) -> Pending:
        state = self._states[place]
        return Pending(name, self.moments[place], self.era, state & _STATE, self._value(place, state))

    def _value(self, place: int, state: int) -> Stored:
        kind = state & ~_STATE
        if kind == _NOTHING:
            return None
        if kind == _ELSEWHERE:
            return self._elsewhere[place]
        number = self._numbers[place]
        return int(number) if kind == _WHOLE else number


class Batch:
    """The rows that waited at one moment; other threads may read them."""

    def __init__(self, blocks: list[tuple[_Block, int, int]], names: list[str]) -> None:
        self.blocks = blocks
        self._names = names

    def __len__(self) -> int:
        return sum(stop - start for _, start, stop in self.blocks)

    def __iter__(self) -> Iterator[Pending]:
        for block, start, stop in self.blocks:
            yield from block.rows(start, stop, self._names)


class Waiting:
    """The rows in memory, oldest first.

    Args:
        most: rows there may be; beyond them the oldest give way.

    Attributes:
        dropped: how many have given way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._blocks: deque[_Block] = deque()
        # Of the first block: rows that are gone.
        self._gone = 0
        self._length = 0
        # Grows only: a batch that is being written goes on reading it.
        self._names: list[str] = []
        self._numbers: dict[str, int] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return self._length

    def append(self, pending: Pending) -> None:
        """Add the newest row."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.era is not pending.era or len(last.moments) >= _BLOCK:
            last = _Block(pending.era)
            self._blocks.append(last)
        number = self._numbers.get(pending.tag)
        if number is None:
            number = self._numbers[pending.tag] = len(self._names)
            self._names.append(pending.tag)
        last.append(number, pending.moment, pending.state, pending.value)
        self._length += 1
        if self._length > self._most:
            self.dropped += 1
            self._let_go(self._gone + 1)

    def of(self, tag: str) -> Iterator[Pending]:
        """The rows of a tag."""
        number = self._numbers.get(tag)
        if number is not None:
            start = self._gone
            for block in self._blocks:
                yield from block.rows_of(number, tag, start)
                start = 0

    @property
    def oldest(self) -> float | None:
        """Unix seconds of the oldest row; None where there is none."""
        if not self._blocks:
            return None
        first = self._blocks[0]
        return first.era.wall(first.moments[self._gone])

    def batch(self) -> Batch:
        """All rows; they stay here until ``written`` says that they are on disk."""
        starts = [self._gone, *[0] * len(self._blocks)]
        return Batch(
            [(block, start, len(block.moments)) for block, start in zip(self._blocks, starts, strict=False)],
            self._names,
        )

    def written(self, batch: Batch) -> None:
        """Let go of rows that are on disk. Some may have given way to newer ones meanwhile."""
        for block, _, stop in batch.blocks:
            if self._blocks and self._blocks[0] is block:
                self._let_go(max(stop, self._gone))

    def _let_go(self, until: int) -> None:
        """Of the first block, the rows before that one."""
        self._length -= until - self._gone
        self._gone = until
        if until == len(self._blocks[0].moments):
            self._blocks.popleft()
            self._gone = 0
