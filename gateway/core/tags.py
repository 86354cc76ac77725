"""The tag store: the last reading of every tag, and which of them matter to others.

Applying a block's answer is the hottest path of the gateway. An answer therefore makes one ``Sample`` shared by all
its tags; ``Reading`` objects are built when somebody asks, and for changes only when somebody listens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from gateway.core.bus import Bus
from gateway.core.reading import Quality, Reading, Reason, Sample, Value
from gateway.core.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Tag:
    """A named point of a device, as configured.

    Attributes:
        name: ``line/device/tag``.
        type: how the value is coded, e.g. ``float32``.
        units: engineering units, or None.
        poll: period in seconds; None for background tags that are read as the line has time.
        stale_after: age in seconds beyond which a good value is served as uncertain.
        deadband: change in engineering units below which nobody is told.
        origin: what the value is read from and how; a tag whose origin changes starts anew.
    """

    name: str
    type: str
    units: str | None = None
    writable: bool = False
    poll: float | None = 1.0
    stale_after: float = 3.0
    deadband: float = 0.0
    description: str = ""
    origin: Hashable = None


class Cell:
    """The store's mutable place of one tag. Lines hold on to the cells of their blocks; others go by name."""

    __slots__ = ("deadband", "last_value", "missed", "published", "quality", "reason", "sample", "tag", "value")

    def __init__(self, tag: Tag) -> None:
        self.follow(tag)
        self.value: Value | None = None
        self.quality = Quality.BAD
        self.reason: Reason | None = Reason.NOT_YET_READ
        self.sample: Sample | None = None
        self.last_value: Value | None = None
        self.published: Value | None = None
        self.missed = 0

    def follow(self, tag: Tag) -> None:
        """Take up what is configured now."""
        self.tag = tag
        # Asked for with every new value: it lies at hand.
        self.deadband = tag.deadband


@dataclass(frozen=True, slots=True)
class Changes:
    """Readings that matter, from one answer or one event on a line, in the order of the block."""

    readings: tuple[Reading, ...]


class TagStore:
    """The last reading of every tag.

    Args:
        monotonic: the run loop's clock, in seconds.
        timeline: gives each answer its era.
    """

    def __init__(self, monotonic: Callable[[], float], timeline: Timeline) -> None:
        self._monotonic = monotonic
        self._timeline = timeline
        self._cells: dict[str, Cell] = {}
        self._sequence = 0
        self._soonest_stale = math.inf
        self.changes: Bus[Changes] = Bus()

    def add(self, tags: Iterable[Tag]) -> list[Cell]:
        """Take tags into the store and return their cells; a tag that is there keeps its reading.

        A tag that is now read from elsewhere, or in another way, starts anew: its old value is another thing's.
        """
        cells = []
        for tag in tags:
            cell = self._cells.get(tag.name)
            if cell is None or (cell.tag.type, cell.tag.units, cell.tag.origin) != (
                tag.type,
                tag.units,
                tag.origin,
            ):
                cell = self._cells[tag.name] = Cell(tag)
            cell.follow(tag)
            cells.append(cell)
            self._soonest_stale = min(self._soonest_stale, tag.stale_after)
        return cells

    def remove(self, names: Iterable[str]) -> None:
        """Forget tags that are no longer configured."""
        for name in names:
            self._cells.pop(name, None)

    def __len__(self) -> int:
        return len(self._cells)

    def names(self) -> list[str]:
        """All tags, in the order of the configuration."""
        return list(self._cells)

    def cell(self, name: str) -> Cell | None:
        """The place of a tag, or None where no such tag is configured."""
        return self._cells.get(name)

    def sample(self, acquired: float) -> Sample:
        """Stamp one answer whose last byte arrived at ``acquired`` (monotonic seconds)."""
        self._sequence += 1
        return Sample(acquired, self._timeline.era, self._sequence)

    def apply(self, cells: Sequence[Cell], values: Sequence[Value | Reason], acquired: float) -> None:
        """Take the values of one answer; a Reason in place of a value says why there is none.

        The sequences are parallel. Publishes one ``Changes`` when something mattered, and before it another one for
        values that had become stale until then: an equal answer must not hide that there was none for a while.
        """
        # Tags of a block are as old as each other: one look for all of them, for this is the hottest path.
        # Where the first one never had a value, it says nothing of the others.
        if cells and ((first := cells[0].sample) is None or acquired - first.acquired > self._soonest_stale):
            self._age(cells, acquired)
        sample = self.sample(acquired)
        changed: list[Cell] | None = None
        good = Quality.GOOD
        for cell, value in zip(cells, values, strict=True):
            if cell.quality is good:
                # A reason is text too: it must not pass for a value that reads the same.
                reason = value.__class__ is Reason
                if value == cell.value and not reason:
                    cell.sample = sample
                    continue
                if not reason:
                    cell.value = cell.last_value = value
                    cell.sample = sample
                    if cell.deadband and not _exceeds(cell, value):
                        continue
                    if changed is None:
                        changed = []
                    changed.append(cell)
                    continue
            if self._enter(cell, value, sample):
                if changed is None:
                    changed = []
                changed.append(cell)
        if changed is not None:
            self._tell(changed)

    @staticmethod
    def _enter(cell: Cell, value: Value | Reason, sample: Sample) -> bool:
        """The slow way in: quality changes, or stays other than good. Returns whether it matters."""
        before = (cell.quality, cell.reason, cell.value)
        if isinstance(value, Reason):
            cell.value = None
            cell.quality, cell.reason = Quality.BAD, value
        else:
            cell.value = cell.last_value = value
            cell.quality, cell.reason = Quality.GOOD, None
            cell.sample = sample
        return before != (cell.quality, cell.reason, cell.value)

    def doubt(self, cells: Sequence[Cell], values: Sequence[Value | Reason], acquired: float, why: Reason) -> None:
        """Take values that cannot be excluded from being another answer's: uncertain, never good."""
        self._age(cells, acquired)
        sample = self.sample(acquired)
        changed = []
        for cell, value in zip(cells, values, strict=True):
            if isinstance(value, Reason):
                continue
            cell.value = cell.last_value = value
            cell.quality, cell.reason, cell.sample = Quality.UNCERTAIN, why, sample
            changed.append(cell)
        self._tell(changed)

    def fail(self, cells: Iterable[Cell], reason: Reason) -> None:
        """Mark tags bad: no value can be had. Their last value keeps its own time."""
        cells = list(cells)
        self._age(cells, self._monotonic())
        changed = []
        for cell in cells:
            if cell.quality is Quality.BAD and cell.reason is reason:
                continue
            cell.value = None
            cell.quality, cell.reason = Quality.BAD, reason
            changed.append(cell)
        self._tell(changed)

    def sweep(self) -> None:
        """Tell listeners of good values that have become stale. Who reads is told at once; call this now and then."""
        self._age(self._cells.values(), self._monotonic())

    def _age(self, cells: Iterable[Cell], now: float) -> None:
        """Mark and tell good values that are stale at ``now``."""
        stale = [
            cell
            for cell in cells
            if cell.quality is Quality.GOOD
            and cell.sample is not None
            and now - cell.sample.acquired > cell.tag.stale_after
        ]
        for cell in stale:
            cell.quality, cell.reason = Quality.UNCERTAIN, Reason.STALE
        self._tell(stale)

    def stale_since(self, reading: Reading) -> float:
        """When a stale reading became so (monotonic seconds): its value was good until then."""
        cell = self._cells.get(reading.tag)
        if cell is None or reading.sample is None:
            return self._monotonic()
        return min(reading.sample.acquired + cell.tag.stale_after, self._monotonic())

    def restore(self, name: str, value: Value, sample: Sample) -> None:
        """Put back what was known before a restart: for people, never as a current value."""
        cell = self._cells.get(name)
        if cell is not None and cell.sample is None:
            cell.last_value, cell.sample = value, sample

    def read(self, name: str) -> Reading | None:
        """The reading of a tag at this moment, or None where no such tag is configured.

        Age is judged here, at the moment of reading, so that a value cannot look fresh because the task that should
        have renewed it hangs.
        """
        cell = self._cells.get(name)
        return None if cell is None else self._reading(cell, self._monotonic())

    def snapshot(self) -> list[Reading]:
        """The readings of all tags at one moment."""
        now = self._monotonic()
        return [self._reading(cell, now) for cell in self._cells.values()]

    @staticmethod
    def _reading(cell: Cell, now: float) -> Reading:
        quality, reason = cell.quality, cell.reason
        if quality is Quality.GOOD and cell.sample is not None and now - cell.sample.acquired > cell.tag.stale_after:
            quality, reason = Quality.UNCERTAIN, Reason.STALE
        return Reading(cell.tag.name, cell.value, quality, reason, cell.sample, cell.last_value)

    def _tell(self, cells: list[Cell]) -> None:
        if not cells:
            return
        for cell in cells:
            cell.published = cell.value
        if self.changes.listened_to:
            now = self._monotonic()
            self.changes.publish(Changes(tuple([self._reading(cell, now) for cell in cells])))


def _exceeds(cell: Cell, value: object) -> bool:
    """Whether a new value is further from the last published one than the tag's deadband."""
    old = cell.published
    if isinstance(value, int | float) and isinstance(old, int | float):
        return abs(value - old) > cell.deadband
    return True
