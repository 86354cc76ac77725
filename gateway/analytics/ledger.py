"""Counts what happens, and keeps it now and then: a disk is not written to for each call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import structlog
import trio

from gateway.core.eventlog import NotKept
from gateway.core.usage import DAY_S, HOUR_S, Batch, Hour, PluginDay, SubjectDay, UsageStore

log = structlog.stdlib.get_logger(__name__)

# Days that are kept.
KEPT_DAYS = 90
LOOK_S = 60.0
KEEP_S = 900.0
# Callers that are told apart in one day; whoever comes after them counts among the calls alone.
MOST_CALLERS = 2000
# Seconds for the last batch when the gateway ends.
_FAREWELL_S = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceLook:
    """One instance of a plugin, looked at; what is counted is of this run of the gateway.

    Attributes:
        instance: its id.
        plugin: id of its plugin.
        version: of the plugin.
        owner: whose it is, as a subject.
        region: a word of its owner for where it is; "": not said.
        wanted: whether it should run.
        up: whether it does.
        invocations: messages it was given.
        errors: of them, those that failed.
        seconds: they took together.
        memory: bytes resident; None: not measured.
        peak: the most of them, ever; None: never measured.
        cpu: seconds of a processor that this process of it used; None: not measured.
    """

    instance: str
    plugin: str
    version: str
    owner: str
    region: str
    wanted: bool
    up: bool
    invocations: int
    errors: int
    seconds: float
    memory: int | None
    peak: int | None
    cpu: float | None


class Ledger:
    """What was counted.

    Args:
        store: keeps it.
        wall: Unix seconds.
        monotonic: seconds of a clock that does not go back.
        instances: looks at all instances of plugins.
        messages: each counts messages that were sent in this run of the gateway.
    """

    def __init__(
        self,
        store: UsageStore,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        instances: Callable[[], Iterable[InstanceLook]],
        messages: Sequence[Callable[[], int]],
    ) -> None:
        self._store, self._wall, self._monotonic = store, wall, monotonic
        self._instances, self._messages = instances, messages
        self._pending = Batch()
        self._seen: dict[str, InstanceLook] = {}
        self._sent = [0] * len(messages)
        self._looked: float | None = None
        # What is being written is neither missing from an answer nor in it twice.
        self._keeping = trio.Lock()
        self._begin()

    def call(self, subject: str | None, seconds: float, *, fault: bool) -> None:
        """A call was answered.

        Args:
            subject: of a caller whose token was good.
            seconds: it took.
            fault: it failed through the gateway.
        """
        hour = self._hour
        hour.calls += 1
        hour.faults += fault
        hour.seconds += seconds
        if subject is None:
            return
        found = self._pending.subjects.get((subject, self._day))
        if found is None:
            if len(self._pending.subjects) >= MOST_CALLERS:
                return
            found = self._pending.subjects[subject, self._day] = SubjectDay()
        found.calls += 1
        found.faults += fault
        found.last = self._wall()

    async def run(self) -> None:
        """Look every minute and keep every quarter of an hour, until cancelled; then keep the rest."""
        kept = self._monotonic()
        self.look()
        try:
            while True:
                await trio.sleep(LOOK_S)
                self.look()
                if self._monotonic() - kept >= KEEP_S:
                    kept = self._monotonic()
                    # Given up in the middle, nobody would know whether it was kept.
                    with trio.CancelScope(shield=True):
                        await self.keep()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _FAREWELL_S):
                self.look()
                await self.keep()

    def look(self) -> Collection[InstanceLook]:
        """Take what is counted elsewhere; returns all instances as they are now."""
        now = self._monotonic()
        passed, self._looked = 0.0 if self._looked is None else now - self._looked, now
        self._begin()
        self._hour.up += passed
        for number, count in enumerate(self._messages):
            sent = count()
            self._hour.messages += sent - self._sent[number]
            self._sent[number] = sent
        looks = {look.instance: look for look in self._instances()}
        for look in looks.values():
            before = self._seen.get(look.instance)
            day = self._pending.plugins.setdefault((look.plugin, self._day), PluginDay())
            day.add(_between(before, look, passed))
        self._seen = looks
        return looks.values()

    async def keep(self) -> None:
        """Have what was counted on the disk; where it takes nothing, it is tried again with what comes."""
        async with self._keeping:
            batch, self._pending = self._pending, Batch()
            self._begin()
            try:
                await self._store.keep(batch, self._day - KEPT_DAYS)
            except NotKept as error:
                log.warning("what was used is not kept now", reason=str(error))
                self._pending.add(batch)

    async def first_hour(self) -> int:
        """The oldest hour in which anything was counted."""
        async with self._keeping:
            kept = await self._store.first_hour()
            return min(self._pending.hours) if kept is None else min(kept, *self._pending.hours)

    async def hours(self, since: int) -> Mapping[int, Hour]:
        """What was counted in all hours from one on. Raises NotKept, as the others do: the disk is in trouble."""
        async with self._keeping:
            whole = Batch(hours=dict(await self._store.hours(since)))
            whole.add(Batch(hours={hour: counted for hour, counted in self._pending.hours.items() if hour >= since}))
        return whole.hours

    async def callers(self, since: int) -> Collection[str]:
        """Who called on a day or later."""
        async with self._keeping:
            return {
                *await self._store.callers(since),
                *(subject for subject, day in self._pending.subjects if day >= since),
            }

    async def subject(self, subject: str, since: int) -> Mapping[int, SubjectDay]:
        """The days of one caller, from one on."""
        async with self._keeping:
            kept = await self._store.subject(subject, since)
            whole = Batch(subjects={(subject, day): called for day, called in kept.items()})
            whole.add(Batch(subjects=_of(self._pending.subjects, subject, since)))
        return {day: called for (_, day), called in whole.subjects.items()}

    async def plugin(self, plugin: str, since: int) -> Mapping[int, PluginDay]:
        """The days of one plugin, from one on; 0 is the sum of those that were forgotten."""
        async with self._keeping:
            kept = await self._store.plugin(plugin, since)
            whole = Batch(plugins={(plugin, day): did for day, did in kept.items()})
            whole.add(Batch(plugins=_of(self._pending.plugins, plugin, since)))
        return {day: did for (_, day), did in whole.plugins.items()}

    def _begin(self) -> None:
        now = self._wall()
        self._day = int(now // DAY_S)
        self._hour = self._pending.hours.setdefault(int(now // HOUR_S), Hour())


def _of(pending: Mapping[tuple[str, int], T], name: str, since: int) -> dict[tuple[str, int], T]:
    return {key: counted for key, counted in pending.items() if key[0] == name and key[1] >= since}


def _between(before: InstanceLook | None, now: InstanceLook, passed: float) -> PluginDay:
    """What an instance did since the look before.

    Args:
        before: that look; None: there was none.
        now: this one.
        passed: seconds in between.
    """
    # Counts that went down began anew: the instance is another one of the same id.
    if before is not None and now.invocations < before.invocations:
        before = None
    did = PluginDay(
        invocations=now.invocations - (0 if before is None else before.invocations),
        errors=now.errors - (0 if before is None else before.errors),
        seconds=now.seconds - (0.0 if before is None else before.seconds),
        peak=now.peak,
    )
    # How it was in between is what it is now, where it was there before.
    if before is not None and now.wanted:
        did.wanted = passed
        did.up = passed if now.up else 0.0
    if now.memory is not None:
        did.looks, did.memory = 1, now.memory
    if before is not None and now.cpu is not None and before.cpu is not None and now.cpu >= before.cpu:
        did.cpu, did.watched = now.cpu - before.cpu, passed
    return did
