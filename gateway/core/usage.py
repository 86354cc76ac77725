"""What of the gateway is used, how much and by whom: what is counted, and where it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

HOUR_S = 3600
DAY_S = 86400


@dataclass(slots=True)
class Hour:
    """What was counted in one hour.

    Attributes:
        calls: of both APIs that were answered.
        faults: of them, those that failed through the gateway.
        seconds: they took together.
        messages: between agents and between plugins.
        up: seconds in which the gateway ran.
    """

    calls: int = 0
    faults: int = 0
    seconds: float = 0.0
    messages: int = 0
    up: float = 0.0

    def add(self, other: Hour) -> None:
        """Sum up."""
        self.calls += other.calls
        self.faults += other.faults
        self.seconds += other.seconds
        self.messages += other.messages
        self.up += other.up


@dataclass(slots=True)
class SubjectDay:
    """What one caller did on one day.

    Attributes:
        calls: that were answered.
        faults: of them, those that failed through the gateway.
        last: Unix seconds of the last one.
    """

    calls: int = 0
    faults: int = 0
    last: float = 0.0

    def add(self, other: SubjectDay) -> None:
        """Sum up."""
        self.calls += other.calls
        self.faults += other.faults
        self.last = max(self.last, other.last)


@dataclass(slots=True)
class PluginDay:
    """What the instances of one plugin did on one day, all together.

    Attributes:
        invocations: messages they were given.
        errors: of them, those that failed.
        seconds: they took together.
        wanted: seconds in which they should have run.
        up: of them, those in which they did.
        looks: how often it was looked at what they take.
        memory: bytes, summed up over these looks.
        peak: bytes, the most of one instance; None: never looked at.
        cpu: seconds of a processor they used, in those looked at.
        watched: seconds that were looked at.
    """

    invocations: int = 0
    errors: int = 0
    seconds: float = 0.0
    wanted: float = 0.0
    up: float = 0.0
    looks: int = 0
    memory: int = 0
    peak: int | None = None
    cpu: float = 0.0
    watched: float = 0.0

    def add(self, other: PluginDay) -> None:
        """Sum up."""
        self.invocations += other.invocations
        self.errors += other.errors
        self.seconds += other.seconds
        self.wanted += other.wanted
        self.up += other.up
        self.looks += other.looks
        self.memory += other.memory
        if other.peak is not None:
            self.peak = other.peak if self.peak is None else max(self.peak, other.peak)
        self.cpu += other.cpu
        self.watched += other.watched


@dataclass(slots=True)
class Batch:
    """What was counted and is not kept yet; hours and days are numbered from 1970 on.

    Attributes:
        hours: by hour.
        subjects: by caller and day.
        plugins: by plugin and day.
    """

    hours: dict[int, Hour] = field(default_factory=dict)
    subjects: dict[tuple[str, int], SubjectDay] = field(default_factory=dict)
    plugins: dict[tuple[str, int], PluginDay] = field(default_factory=dict)

    def add(self, other: Batch) -> None:
        """Sum up."""
        for hour, counted in other.hours.items():
            self.hours.setdefault(hour, Hour()).add(counted)
        for caller, called in other.subjects.items():
            self.subjects.setdefault(caller, SubjectDay()).add(called)
        for plugin, did in other.plugins.items():
            self.plugins.setdefault(plugin, PluginDay()).add(did)


class CallCounter(Protocol):
    """Counts calls."""

    def call(self, subject: str | None, seconds: float, *, fault: bool) -> None:
        """A call was answered.

        Args:
            subject: of a caller whose token was good.
            seconds: it took.
            fault: it failed through the gateway.
        """
        ...


class UsageStore(Protocol):
    """Keeps what was counted. All raise NotKept for a disk in trouble."""

    async def keep(self, batch: Batch, oldest_day: int) -> None:
        """Add a batch to what is there, and forget hours and days before a day; of plugins a sum of these stays."""
        ...

    async def hours(self, since: int) -> Mapping[int, Hour]:
        """Hours from one on."""
        ...

    async def first_hour(self) -> int | None:
        """The oldest hour there is."""
        ...

    async def callers(self, since: int) -> Sequence[str]:
        """Who called on a day or later."""
        ...

    async def subject(self, subject: str, since: int) -> Mapping[int, SubjectDay]:
        """The days of one caller, from one on."""
        ...

    async def plugin(self, plugin: str, since: int) -> Mapping[int, PluginDay]:
        """The days of one plugin, from one on; 0 is the sum of those that were forgotten."""
        ...
