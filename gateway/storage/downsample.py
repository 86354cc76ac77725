"""From rows to buckets, and from buckets to coarser ones. Pure.

Rows are changes: a value is in force from its row until the next one, so the mean of a bucket weighs every value with
the time it was in force (OPC UA Part 13, TimeAverage with stepped interpolation). A bad row ends what was in force; so
does ``hold``, for a tag that is alive says so at every heartbeat. What is not in force is in no mean: gaps stay gaps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gateway.core.reading import Quality
from gateway.storage.rows import Row, is_text

# Areas are kept in this unit, a power of two: so no sum of the largest numbers there are, over the longest bucket,
# overflows, and no digit is lost by it.
_UNIT = 2.0**-64


@dataclass(slots=True)
class Bucket:
    """What a tag did in a stretch of time. Buckets in which nothing was recorded do not exist.

    Attributes:
        start: milliseconds of Unix time, a multiple of the bucket's size.
        count: good and uncertain rows in it.
        span: milliseconds of it during which there was a numeric value.
        area: the values, each times the milliseconds it was in force, in a unit in which no sum overflows.
        minimum: lowest value in force, None where there was none.
        maximum: highest value in force.
        last: value in force at its end, None where there was none.
        text: the last text, for tags that speak text.
        bad: for some of the time there was no value.
        uncertain: some value was uncertain.
        unsynchronised: some time was taken from a clock that nobody vouched for.
    """

    start: int
    count: int = 0
    span: int = 0
    area: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    last: float | None = None
    text: str | None = None
    bad: bool = False
    uncertain: bool = False
    unsynchronised: bool = False

    @property
    def mean(self) -> float | None:
        """The time-weighted mean; None where no number was in force."""
        if self.minimum is None or self.maximum is None or not self.span:
            return None
        return min(max(self.area / self.span / _UNIT, self.minimum), self.maximum)

    @property
    def quality(self) -> Quality:
        """Bad without any value, uncertain where a part of the bucket was not good."""
        if self.minimum is None and self.text is None:
            return Quality.BAD
        return Quality.UNCERTAIN if self.bad or self.uncertain else Quality.GOOD

    def weigh(self, value: float, milliseconds: int) -> None:
        """Take in a value that was in force for some time."""
        if milliseconds <= 0:
            return
        self.span += milliseconds
        self.area += value * (milliseconds * _UNIT)
        self.minimum = value if self.minimum is None else min(self.minimum, value)
        self.maximum = value if self.maximum is None else max(self.maximum, value)


def summarise(rows: Iterable[Row], size: int, hold: int, until: int) -> Iterator[Bucket]:
    """Buckets of ``size`` milliseconds from rows in the order of time.

    Args:
        rows: of one tag; begin with the row in force at the first bucket you want, and drop the buckets before.
        size: milliseconds of a bucket.
        hold: milliseconds a value is in force without another row.
        until: the last value is not in force beyond this time.
    """
    bucket: Bucket | None = None
    previous: Row | None = None
    for row in rows:
        start = row.time - row.time % size
        if bucket is None or start != bucket.start:
            if bucket is not None and previous is not None:
                _close(bucket, previous, size, hold, until)
                yield bucket
            bucket = Bucket(start)
            if previous is not None:
                _carry(bucket, previous, start, row.time, hold)
        elif previous is not None:
            _carry(bucket, previous, previous.time, row.time, hold)
        _enter(bucket, row)
        previous = row
    if bucket is not None and previous is not None:
        _close(bucket, previous, size, hold, until)
        yield bucket


def _enter(bucket: Bucket, row: Row) -> None:
    bucket.unsynchronised |= row.unsynchronised
    if row.value is None:
        bucket.bad = True
        return
    bucket.count += 1
    bucket.uncertain |= row.quality is Quality.UNCERTAIN
    if is_text(row.state):
        bucket.text = str(row.value)


def _carry(bucket: Bucket, row: Row, start: int, stop: int, hold: int) -> bool:
    """Let a row's value be in force from ``start`` to ``stop``, as far as it holds. Returns whether it holds."""
    number = row.number()
    end = min(stop, row.time + hold)
    if number is None:
        bucket.bad |= row.value is None and stop > start
        return False
    bucket.weigh(number, end - start)
    bucket.bad |= end < stop
    bucket.uncertain |= end > start and row.quality is Quality.UNCERTAIN
    return end == stop


def _close(bucket: Bucket, row: Row, size: int, hold: int, until: int) -> None:
    end = min(bucket.start + size, max(until, row.time + 1))
    bucket.last = row.number() if _carry(bucket, row, row.time, end, hold) else None


def coarsen(buckets: Iterable[Bucket], finer: int, size: int, hold: int, until: int) -> Iterator[Bucket]:
    """Buckets of ``size`` milliseconds from buckets of ``finer`` milliseconds, in the order of time.

    Between two buckets nothing was recorded: the last value of the first stays in force, as far as it holds.
    """
    big: Bucket | None = None
    previous: Bucket | None = None
    for bucket in buckets:
        start = bucket.start - bucket.start % size
        if big is None or start != big.start:
            if big is not None and previous is not None:
                _fill(big, previous, previous.start + finer, min(big.start + size, until), finer + hold)
                yield big
            big = Bucket(start)
            if previous is not None:
                _fill(big, previous, max(start, previous.start + finer), bucket.start, finer + hold)
        elif previous is not None:
            _fill(big, previous, previous.start + finer, bucket.start, finer + hold)
        _merge(big, bucket)
        previous = bucket
    if big is not None and previous is not None:
        _fill(big, previous, previous.start + finer, min(big.start + size, until), finer + hold)
        yield big


def _merge(big: Bucket, bucket: Bucket) -> None:
    big.count += bucket.count
    big.span += bucket.span
    big.area += bucket.area
    if bucket.minimum is not None and bucket.maximum is not None:
        big.minimum = bucket.minimum if big.minimum is None else min(big.minimum, bucket.minimum)
        big.maximum = bucket.maximum if big.maximum is None else max(big.maximum, bucket.maximum)
    big.last = bucket.last
    big.text = bucket.text if bucket.text is not None else big.text
    big.bad |= bucket.bad
    big.uncertain |= bucket.uncertain
    big.unsynchronised |= bucket.unsynchronised


def _fill(big: Bucket, bucket: Bucket, start: int, stop: int, reach: int) -> None:
    """Let the last value of a bucket be in force from ``start`` to ``stop``, but not ``reach`` after its start."""
    if stop <= start:
        return
    if bucket.last is None:
        big.bad |= bucket.text is None
        big.last = None
        return
    end = min(stop, bucket.start + reach)
    big.weigh(bucket.last, end - start)
    big.bad |= end < stop
    big.last = bucket.last if end == stop else None
