"""Events that are kept reach who was subscribed to them at least once, also who was down when they came (D-120).

Who runs gets events as they come. Beside that each instance has a cursor into the log of events: up to there it was
given what was for it. A process that is new, or was too slow, gets what is behind that from the log; then an event may
come twice, with the same id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
import trio

from gateway.core.eventlog import NotKept
from gateway.core.events import Event
from gateway.core.ports import FactStore
from gateway.plugins.exchange.subscribing import PluginSubscriptions
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.states import State

log = structlog.stdlib.get_logger(__name__)

FACT = "plugin_event_cursor"
# Between two looks at all instances.
LOOK_S = 1.0
# Events that are read at once; a process is given no more before it has taken these.
AT_ONCE = 50
# Older ones are not brought any more (D-120).
TTL_S = 7 * 86400.0
# Cursors go to the disk so seldom: after a power cut, what was given since then is given again.
KEEP_S = 300.0
_TAKEN_S = 0.1
# A process that falls so soon after it was given something may not have looked at it.
SETTLED_S = 5.0


class History(Protocol):
    """Events that are kept."""

    async def after(self, sequence: int, limit: int) -> Sequence[Event]:
        """Events with higher numbers, oldest first, none only at the end. Raises NotKept: the disk is in trouble."""
        ...


@dataclass(slots=True)
class _Place:
    """Where an instance is.

    Attributes:
        cursor: it was given all up to there.
        marks: the newest events at the last looks, as far back as it takes to settle.
        lives, missed: of the instance, when it was last known to be up to date.
        behind: it lacks something between ``cursor`` and now.
        busy: it is being given that.
    """

    cursor: int
    marks: deque[int] = field(default_factory=lambda: deque(maxlen=round(SETTLED_S / LOOK_S)))
    lives: int = 0
    missed: int = 0
    behind: bool = True
    busy: bool = False


class CatchingUp:
    """Brings instances what they lack.

    Args:
        instances: all there are.
        subscriptions: what they are to get.
        history: the log of events.
        newest: number of the newest event in it.
        facts: keep how far everybody is.
        wall: Unix seconds.
    """

    def __init__(
        self,
        instances: Callable[[], Iterable[Instance]],
        subscriptions: PluginSubscriptions,
        history: History,
        newest: Callable[[], int],
        *,
        facts: FactStore,
        wall: Callable[[], float],
    ) -> None:
        self._instances, self._subscriptions, self._history = instances, subscriptions, history
        self._newest, self._facts, self._wall = newest, facts, wall
        self._places: dict[str, _Place] = {}
        self._known: dict[str, int] = {}
        for id_, cursor in facts.recall(FACT).items():
            if isinstance(cursor, int):
                self._known[id_] = cursor
        subscriptions.changed.append(self._meet)

    def again(self) -> None:
        """Nobody got what came last: look for it in the log."""
        for place in self._places.values():
            place.behind = True

    async def run(self) -> None:
        """Do so, until cancelled."""
        keep_at = trio.current_time() + KEEP_S
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._look(nursery)
                    if trio.current_time() >= keep_at:
                        keep_at = trio.current_time() + KEEP_S
                        self._keep()
                        self._forget()
                        # Where the disk could not be read at the start.
                        await self._subscriptions.load()
                    await trio.sleep(LOOK_S)
        finally:
            self._keep()

    def _meet(self) -> None:
        """Take note of where instances are that get events from now on, before the next one happens."""
        newest = self._newest()
        for instance in self._instances():
            id_ = instance.spec.instance
            if id_ not in self._places and self._subscriptions.wants(instance.spec.plugin):
                known = self._known.pop(id_, None)
                self._places[id_] = _Place(newest if known is None else known)
                if known is None:
                    self._facts.remember(FACT, id_, newest, urgent=True)

    def _look(self, nursery: trio.Nursery) -> None:
        self._meet()
        newest, there = self._newest(), set[str]()
        for instance in self._instances():
            id_ = instance.spec.instance
            if not self._subscriptions.wants(instance.spec.plugin):
                continue
            there.add(id_)
            place = self._places[id_]
            self._judge(instance, place, newest)
            if place.behind and not place.busy and instance.state is State.ACTIVE:
                place.busy = True
                nursery.start_soon(self._catch_up, instance, place, newest)
            place.marks.append(newest)
        for gone in self._places.keys() - there:
            del self._places[gone]

    @staticmethod
    def _judge(instance: Instance, place: _Place, newest: int) -> None:
        if instance.state is not State.ACTIVE or (instance.lives, instance.missed) != (place.lives, place.missed):
            place.behind = place.behind or newest > place.cursor
            place.marks.clear()
            if not place.behind and instance.state is State.ACTIVE:
                place.lives, place.missed = instance.lives, instance.missed
        elif not place.behind and not instance.pending and len(place.marks) == place.marks.maxlen:
            # What was told by then has come by way of the bus since.
            place.cursor = max(place.cursor, place.marks[0])

    async def _catch_up(self, instance: Instance, place: _Place, until: int) -> None:
        lives, missed, at = instance.lives, instance.missed, place.cursor

        def same() -> bool:
            return instance.state is State.ACTIVE and (instance.lives, instance.missed) == (lives, missed)

        try:
            while at < until:
                events = [event for event in await self._history.after(at, AT_ONCE) if event.sequence <= until]
                for event in events:
                    self._bring(instance, event)
                while instance.pending and same():  # noqa: ASYNC110 - each event costs enough as it is
                    await trio.sleep(_TAKEN_S)
                if not same():
                    return
                at = events[-1].sequence if events else until
            await trio.sleep(SETTLED_S)
            if same():
                place.cursor, place.lives, place.missed, place.behind = until, lives, missed, False
        except NotKept as trouble:
            log.info("a plugin gets later what it lacks", instance=instance.spec.instance, reason=str(trouble))
        finally:
            place.busy = False

    def _bring(self, instance: Instance, event: Event) -> None:
        if event.time > self._wall() - TTL_S:
            names = self._subscriptions.names(instance.spec.plugin, event)
            if names:
                instance.bring(names, event)

    def _keep(self) -> None:
        for id_, place in self._places.items():
            self._facts.remember(FACT, id_, place.cursor)

    def _forget(self) -> None:
        """All that are installed were seen by now."""
        for id_ in self._facts.recall(FACT).keys() - self._places.keys():
            self._facts.remember(FACT, id_, None)
        self._known = {}
