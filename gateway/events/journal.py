"""The journal: every event of the gateway goes through here, in the order of its number.

What is to be kept is on the disk before anybody hears of it, so that nobody acts on what a power cut takes back. Events
that come within a moment of each other share one write. When the disk is in trouble, the gateway still tells what
happens to it, and writes that down later; what others hand over it refuses, for they can keep it and try again.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog
import trio

from gateway.core.alerts import Alerts, Severity
from gateway.core.bus import Bus
from gateway.core.catalogue import type_of
from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import Entry, EventLog, NotKept, Priority
from gateway.core.events import Data, Event, EventSource
from gateway.events.lanes import Lanes, Place

log = structlog.stdlib.get_logger(__name__)

# Ruling 19: commits are grouped for up to this long.
GROUPED_S = 0.02
# What is told at once and kept for webhooks only waits this long for company.
LAZY_S = 2.0
# Events in memory that are not on the disk, and callers that wait for theirs at once.
MOST_WAITING = 10_000
MOST_ASKED = 1_000
# One transaction; the run loop and other writers have their turn between two.
AT_ONCE = 500
# A write that takes longer holds up nothing any more that happens here, as if it had failed; worn cards take seconds.
LATE_S = 2.0
# Between two looks whether the disk takes data again.
RETRY_S = 1.0
# For how long it has to take them before that is told.
CALM_S = 10.0
# Once the gateway stops: a write that is under way goes on to its end, none begins after this. The service manager
# kills who is not gone in 90 s, and the store has to write after this, too.
END_S = 20.0

COMPONENT = "events"
NOT_KEPT = "notKept"
GIVEN_UP = "givenUp"


class Journal:
    """Numbers events, has them kept, and tells them, in this order.

    Args:
        source: numbers events.
        bus: tells listeners.
        events: keeps them.
        alerts: told when the disk does not take events, and when some had to be given up.

    Attributes:
        wanted: asked whether anybody wants events of a type that is not kept; announcers skip work by ``wants``.
        keep: asked whether an event that is not kept by its type is to be logged all the same (a webhook wants it).
        published: number of the newest event that was told.
        logged: number of the newest event that is on the disk.
        accepted: events that were numbered here.
        kept: events that were written to the disk.
        given_up: events that could not be kept in memory until the disk took them.
        latency: milliseconds that the last write took; None before the first.
    """

    def __init__(self, source: EventSource, bus: Bus[Event], events: EventLog, alerts: Alerts) -> None:
        self._source = source
        self._bus = bus
        self._events = events
        self._alerts = alerts
        self._lanes = Lanes()
        self._writing: list[Place] = []
        # How many, in the lanes and being written, listeners do not have yet: none may overtake them.
        self._untold = 0
        self._asked = 0
        self._trouble: str | None = None
        self._failed_at: float | None = None
        self._stopped = False
        self._late = False
        self._due = math.inf
        self._sooner = trio.Event()
        self._more = trio.Event()
        self.wanted: list[Callable[[str], bool]] = []
        self.keep: Callable[[Event], bool] = lambda _: False
        self.published = source.last_sequence
        self.logged = events.last
        self.accepted = self.kept = self.given_up = 0
        self.latency: float | None = None

    @property
    def trouble(self) -> str | None:
        """Why the disk does not take events now; None where it does."""
        return self._trouble

    @property
    def late(self) -> bool:
        """Whether the disk has not answered for a while; what comes of the events it was given is not known then."""
        return self._late

    @property
    def waiting(self) -> int:
        """Events that are not on the disk yet, and those that wait behind them."""
        return len(self._lanes) + len(self._writing)

    def wants(self, type_: str) -> bool:
        """Whether anybody wants events of a type that is not kept."""
        return any(wants(type_) for wants in self.wanted)

    def announce(self, type_: str, data: Data, routing_key: str | None = None) -> None:
        """Say what happened. Returns at once; listeners hear of it after it is on the disk, where it is to be kept.

        Args:
            type_: of the catalogue, or one of others.
            data: as the type has it; not changed afterwards.
            routing_key: a label (D-119).
        """
        event = self._source.make(type_, data, routing_key)
        kind = type_of(type_)
        if kind.kept:
            self._put(Place(event, kind.priority, kept=True), lazy=False)
        else:
            self._put(Place(event, kind.priority, kept=self.keep(event)), lazy=True)

    async def accept(
        self,
        type_: str,
        data: Data,
        *,
        routing_key: str | None = None,
        kept: bool = True,
        priority: Priority | None = None,
    ) -> Event:
        """Take an event for others; it is on the disk when this returns, and then they may be told so (ruling 19).

        Cancelled before it is being written, it never was; after that it is kept, though nobody is told.

        Args:
            type_: of the catalogue, or one of others.
            data: as the type has it; not changed afterwards.
            routing_key: a label (D-119).
            kept: False: it is told, and forgotten (D-120, ``persistent: false``); it gives way to all others.
            priority: what gives way first when the log is full; None: as the type has it.

        Raises:
            GatewayError: UNAVAILABLE, the disk does not take it. It was not told either.
        """
        if not kept:
            event = self._source.make(type_, data, routing_key)
            self._put(Place(event, Priority.LOW, kept=self.keep(event)), lazy=True)
            await trio.lowlevel.checkpoint()
            return event
        if self._stopped:
            raise _unavailable("the gateway is stopping")
        if self._trouble is not None:
            raise _unavailable(self._trouble)
        if self._asked >= MOST_ASKED:
            raise _unavailable(f"{MOST_ASKED} others wait for the disk already")
        level = type_of(type_).priority if priority is None else priority
        place = Place(self._source.make(type_, data, routing_key), level, kept=True, asked=trio.Event())
        # Until the place is free again, not only as long as the caller has patience: its memory is taken until then.
        self._asked += 1
        self._put(place, lazy=False)
        await self._outcome(place)
        if place.refused is not None:
            raise _unavailable(place.refused)
        return place.event

    async def run(self) -> None:
        """Write and tell. Cancel it when nobody announces any more: what waits is written before it ends."""
        try:
            while True:
                await self._until_due()
                await self._write()
        except trio.Cancelled:
            with trio.move_on_after(END_S, shield=True):
                await self._write_what_waits()
            self._stop()
            raise

    async def watch(self, after: int) -> int:
        """Wait until an event with a number above ``after`` is on the disk; returns the newest such number."""
        while self.logged <= after:
            await self._more.wait()
        return self.logged

    def unlogged(self, after: int) -> list[Event]:
        """Events above a number that listeners have, or had, and that are to be on the disk but are not yet.

        Who resumes from the log and goes on by the bus asks for them between the two, without a pause.
        """
        return [
            place.event
            for place in (*self._writing, *self._lanes)
            if place.told and place.kept and place.event.sequence > after
        ]

    # Putting

    def _put(self, place: Place, *, lazy: bool) -> None:
        """Tell at once what may be told now, and have the rest told, and kept, in order."""
        self.accepted += 1
        later = lazy or (place.asked is None and (self._trouble is not None or self._late or self._stopped))
        if later and not self._untold:
            self._tell(place)
            if not place.kept or self._stopped:
                return
        else:
            self._untold += 1
        self._lanes.add(place)
        if len(self._lanes) > MOST_WAITING:
            self._give_up()
        if self._trouble is None:
            self._hurry(LAZY_S if place.told else GROUPED_S)

    def _hurry(self, within: float) -> None:
        due = trio.current_time() + (within if len(self._lanes) < AT_ONCE else 0.0)
        if due < self._due:
            self._due = due
            self._sooner.set()

    def _tell(self, place: Place) -> None:
        place.told = True
        self.published = place.event.sequence
        self._bus.publish(place.event)

    def _give_up(self) -> None:
        """No room: what is oldest of the lowest priority goes, and that is told of once."""
        lost = self._lanes.give_up()
        if lost is None:
            return
        if not lost.told:
            self._untold -= 1
        self.given_up += 1
        self._alerts.fire(
            COMPONENT,
            GIVEN_UP,
            Severity.CRITICAL,
            f"the disk does not keep up, and {MOST_WAITING} events wait in memory: the oldest of the lowest priority "
            "are given up. Check the card and its room",
            value=self.given_up,
            threshold=MOST_WAITING,
        )

    async def _outcome(self, place: Place) -> None:
        if place.asked is None:
            return
        try:
            await place.asked.wait()
        except trio.Cancelled:
            place.withdrawn = True
            raise

    # Writing

    async def _until_due(self) -> None:
        # Nothing else would notice the stop while there is always more to write.
        await trio.lowlevel.checkpoint_if_cancelled()
        while trio.current_time() < self._due:
            self._sooner = trio.Event()
            with trio.move_on_at(self._due):
                await self._sooner.wait()

    async def _write(self) -> None:
        """Write the oldest, then tell them."""
        self._writing = [place for place in self._lanes.take(AT_ONCE) if not self._let_go(place)]
        self._due = trio.current_time() if self._lanes else math.inf
        entries = [Entry(place.event, place.priority) for place in self._writing if place.kept]
        begun, trouble = trio.current_time(), None
        try:
            if entries:
                trouble = await self._append(entries)
        except Exception:
            # Ours climbs; until somebody starts this anew, it is as if the disk were in trouble.
            self._not_written("a fault of the gateway; the log has it")
            raise
        if trouble is None:
            if entries:
                self.latency = 1000 * (trio.current_time() - begun)
            self._written(entries)
        else:
            self._not_written(trouble)

    async def _append(self, entries: list[Entry]) -> str | None:
        """Have events kept, and see to those that wait behind. Returns why they are not kept; None where they are."""
        # Half of a write is nothing anybody could make use of.
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._tell_when_late)
                try:
                    await self._events.append(entries)
                except NotKept as error:
                    return str(error)
                finally:
                    self._late = False
                    nursery.cancel_scope.cancel()
        return None

    async def _tell_when_late(self) -> None:
        """Tell what happens here though it is not on the disk, up to the first event that somebody waits for.

        That one may not be told, for it may have to be refused; and none may overtake it.
        """
        await trio.sleep(LATE_S)
        self._late = True
        for place in (*self._writing, *self._lanes):
            if place.asked is not None:
                return
            if not place.told:
                self._untold -= 1
                self._tell(place)

    def _let_go(self, place: Place) -> bool:
        """Whether nobody waits for it any more."""
        if place.withdrawn:
            self._untold -= 1
            self._asked -= 1
        return place.withdrawn

    def _written(self, entries: list[Entry]) -> None:
        written, self._writing = self._writing, []
        for place in written:
            if not place.told:
                self._untold -= 1
                self._tell(place)
            if place.asked is not None:
                self._asked -= 1
                place.asked.set()
        if entries:
            self.kept += len(entries)
            self.logged = entries[-1].event.sequence
            more, self._more = self._more, trio.Event()
            more.set()
        self._trouble = None
        if self._failed_at is not None:
            self._recover(self._failed_at)

    def _not_written(self, why: str) -> None:
        """Refuse what others wait for, tell the rest, and keep it in memory until the disk takes it."""
        self._trouble = why
        self._failed_at = trio.current_time()
        failed, self._writing = self._writing, []
        if self._untold:
            failed += self._lanes.take(len(self._lanes))
        waiting = []
        for place in failed:
            if self._let_go(place):
                continue
            if not place.told:
                self._untold -= 1
                if place.asked is not None:
                    self._asked -= 1
                    place.refused = why
                    place.asked.set()
                    continue
                self._tell(place)
            if place.kept:
                waiting.append(place)
        self._lanes.put_back(waiting)
        while len(self._lanes) > MOST_WAITING:
            self._give_up()
        self._due = self._failed_at + RETRY_S
        self._alerts.fire(
            COMPONENT,
            NOT_KEPT,
            Severity.CRITICAL,
            f"the disk does not take events: {why}. What happens is told and waits in memory; what others publish is "
            "refused",
            value=len(self._lanes),
        )

    def _recover(self, failed_at: float) -> None:
        """The disk takes events again; that is told once it has done so for a while, and nothing is left over."""
        calm = failed_at + CALM_S
        if self._lanes or trio.current_time() < calm:
            self._due = min(self._due, calm)
            return
        self._failed_at = None
        self._alerts.resolve(COMPONENT, NOT_KEPT, "the disk takes events again")
        self._alerts.resolve(COMPONENT, GIVEN_UP, f"{self.given_up} events were given up since the gateway started")

    async def _write_what_waits(self) -> None:
        self._trouble = None
        while self._lanes and self._trouble is None:
            await self._write()
            await trio.lowlevel.checkpoint_if_cancelled()

    def _stop(self) -> None:
        self._stopped = True
        if self._lanes:
            log.error(
                "events are lost: the disk does not take them in time, and the gateway stops", number=len(self._lanes)
            )


def _unavailable(why: str) -> GatewayError:
    return GatewayError(Code.UNAVAILABLE, f"the event was not taken: {why}. Try again later", details={"reason": why})
