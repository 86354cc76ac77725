"""Answers questions about the past from whichever layer has it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core.ports import HistorySample
from gateway.storage.downsample import Bucket, coarsen, summarise
from gateway.storage.layers import Layers, oldest
from gateway.storage.rows import Row


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a tag's past; times in milliseconds of Unix time.

    Attributes:
        tag: its name.
        start: from this time on.
        stop: before this time.
        resolution: size of the buckets, None for every single row there is.
        limit: samples at most, the first ones.
        waiting: rows of the tag that are in memory only, from ``start - hold`` on.
        now: the last value is not in force beyond this time.
    """

    tag: str
    start: int
    stop: int
    resolution: int | None
    limit: int
    waiting: tuple[Row, ...]
    now: int


class Answer:
    """Finds the samples one question asks for.

    Args:
        layers: rows and tiers.
        connection: in a read transaction.
        question: what is asked.
    """

    def __init__(self, layers: Layers, connection: sqlite3.Connection, question: Question) -> None:
        self._layers = layers
        self._connection = connection
        self._question = question
        found = connection.execute("SELECT id, fed FROM tag WHERE name = ?", (question.tag,)).fetchone()
        self._tag: int = found[0] if found is not None else 0
        self._fed: int = found[1] if found is not None else 0

    def samples(self) -> list[HistorySample]:
        """Samples in the order of time. Where a layer is deleted already, the next coarser one answers."""
        return list(itertools.islice(self._parts(), self._question.limit))

    def _parts(self) -> Iterator[HistorySample]:
        question, sizes = self._question, self._layers.sizes
        begins = [oldest(self._connection, size) for size in (0, *sizes)]
        stop = question.stop
        stretches: list[tuple[int, int, int]] = []
        for layer in range(self._base(question.resolution), len(begins)):
            # The part before goes to a coarser layer, from the edge of one of its buckets on.
            edge = begins[layer]
            if layer < len(sizes):
                edge = -(-edge // sizes[layer]) * sizes[layer]
            low = max(question.start, edge)
            if low < stop:
                stretches.append((layer, low, stop))
                stop = low
        for layer, low, high in reversed(stretches):
            if layer:
                yield from self._tier(layer - 1, low, high)
            elif question.resolution is None:
                yield from self._rows(low, high)
            else:
                yield from self._summed(question.resolution, low, high)

    def _base(self, resolution: int | None) -> int:
        """The coarsest layer that can answer: 0 for the rows, else a tier's number from 1."""
        if resolution is None:
            return 0
        fitting = [number for number, size in enumerate(self._layers.sizes, 1) if resolution % size == 0]
        return max(fitting, default=0)

    def _all_rows(self, low: int, high: int) -> Iterator[Row]:
        return self._layers.all_rows(self._connection, self._tag, low, high, self._question.waiting)

    def _rows(self, low: int, high: int) -> Iterator[HistorySample]:
        for row in self._all_rows(low, high):
            if row.time >= low:
                clock = _clock(unsynchronised=row.unsynchronised)
                yield HistorySample(row.time / 1000, row.restore(), row.quality.value, clock)

    def _summed(self, size: int, low: int, high: int) -> Iterator[HistorySample]:
        until = min(high, self._question.now)
        for bucket in summarise(self._all_rows(low - low % size, high), size, self._layers.hold, until):
            if bucket.start + size > low:
                yield _sample(bucket)

    def _tier(self, level: int, low: int, high: int) -> Iterator[HistorySample]:
        """Buckets of a tier, then rows that are not in it yet; brought to the resolution that was asked for."""
        layers, finer = self._layers, self._layers.sizes[level]
        asked = self._question.resolution or finer
        size = finer if asked % finer else asked
        until = min(high, self._question.now)
        first = low - low % size
        computed = max(first, min(self._fed - self._fed % finer, high))
        stored = layers.buckets(self._connection, level, self._tag, first, computed, before=True)
        tail = (
            bucket
            for bucket in summarise(self._all_rows(computed, high), finer, layers.hold, until)
            if bucket.start >= computed
        )
        chain = itertools.chain(stored, tail if computed < high else ())
        for bucket in coarsen(chain, finer, size, layers.hold, until):
            if bucket.start >= first:
                yield _sample(bucket)


def _clock(*, unsynchronised: bool) -> str:
    return "unsynchronised" if unsynchronised else "synchronised"


def _sample(bucket: Bucket) -> HistorySample:
    return HistorySample(
        bucket.start / 1000,
        bucket.text if bucket.text is not None else bucket.mean,
        bucket.quality.value,
        _clock(unsynchronised=bucket.unsynchronised),
        bucket.minimum,
        bucket.maximum,
        bucket.count,
    )
