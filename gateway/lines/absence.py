"""Units that do not answer: which of them is asked when, so that the others do not pay for it."""

from __future__ import annotations

import math

from gateway.lines.health import Presence, SilenceBudget
from gateway.lines.schedule import Schedule
from gateway.lines.unit import BlockPoll, Unit
from gateway.lines.wire import Wire

# A probe waits until it fits before the next deadline, but not longer than this: an overloaded line must find its
# devices again too.
PROBE_PATIENCE_S = 5.0
# How much of the slack before the next deadline a probe may use up: its end is known less exactly than a poll's.
USABLE_SLACK = 0.9
# So often a safe value that is owed may ask a silent device although the budget is spent.
OWED_EVERY_S = 10.0
# All units silent for so long, the port itself is opened anew: an adapter can hang without hanging up.
ALL_SILENT_REOPEN_S = 30.0
ALL_SILENT_REOPEN_MAX_S = 600.0


class Absence:
    """The absent units of one line.

    Args:
        wire: what a lost request costs there.
        budget: what lost requests may cost in all.
        schedule: the polls that must not be held up.
        configured: how many units the line has.

    Attributes:
        units: that are absent.
    """

    def __init__(self, wire: Wire, budget: SilenceBudget, schedule: Schedule[BlockPoll], configured: int) -> None:
        self._wire = wire
        self._budget = budget
        self._schedule = schedule
        self._configured = configured
        self.units: list[Unit] = []
        # What the first misses of units have cost since anybody answered: they may be the beginning of a power cut.
        self._fall = 0.0
        # From when on a probe that can be afforded goes although it does not fit before the next deadline.
        self._overdue: float | None = None
        # Whether it would have fitted since if no order came: then such a moment is waited for once more.
        self._tight = False
        # From when on a safe value may be tried on credit.
        self._credit_at = -math.inf

    def __contains__(self, unit: Unit) -> bool:
        return unit in self.units

    def add(self, unit: Unit) -> None:
        """A unit is to be probed until it answers."""
        if unit not in self.units:
            self.units.append(unit)

    def lost(self, unit: Unit, cost: float, now: float) -> None:
        """A unit did not answer: pay for that, and probe it until it does if it is configured.

        Nobody pays where nobody is usable, nor for the misses by which that came about.
        """
        self._budget.spend(cost, now)
        first = unit not in self.units and unit.device is not None
        if self.deserted:
            self._budget.waive(cost, now)
        elif first:
            self._fall += cost
        if first:
            self.units.append(unit)
            if self.deserted:
                self._budget.waive(self._fall, now)
                self._fall = 0.0

    def heard(self) -> None:
        """Somebody answered: what was lost before has cost time that was somebody's."""
        self._fall = 0.0

    def remove(self, unit: Unit, before: Presence, now: float) -> None:
        """It answers, after it was ``before``.

        Where all were silent, the others are most likely back with it: their pauses are over.
        """
        deserted = self.deserted
        self.units.remove(unit)
        silent = Presence.SILENT
        if deserted and before is silent and all(other.health.presence is silent for other in self.units):
            # From now on somebody pays for those that are not back: the cheapest go first.
            self.units.sort(key=self._worst)
            for other in self.units:
                other.health.next_probe = now

    def clear(self) -> None:
        """Nobody is known to be absent."""
        self.units.clear()

    @property
    def deserted(self) -> bool:
        """Whether no configured unit of the line is usable: then a lost request costs nobody anything."""
        return len(self.units) >= self._configured

    def affordable(self, unit: Unit, now: float) -> bool:
        """Whether a request to a unit may be lost now."""
        return self.deserted or self._budget.covers(self._worst(unit), now)

    def on_credit(self, now: float) -> bool:
        """Whether a safe value may ask a silent device now that cannot be afforded: now and then, and paid for later.

        It must not wait for what the others have cost. Asked when it is about to be done.
        """
        if now < self._credit_at:
            return False
        self._credit_at = now + OWED_EVERY_S
        return True

    def patience(self, unit: Unit, now: float) -> float:
        """The time-out of a probe that goes out of turn, for an order: no longer than deadlines leave room for."""
        return self._cost(unit, self._schedule.slack(now), now)[1]

    def spare(self, unit: Unit, now: float) -> float | None:
        """The same for a probe that costs no deadline if it is lost and an order comes meanwhile; None: it would."""
        room, _ = self._room(now)
        cost, patience = self._cost(unit, room, now)
        return patience if self.deserted or cost <= room else None

    def due(self, now: float) -> tuple[Unit, float] | None:
        """The unit to ask now and the time-out to give it, if the budget covers it and no deadline pays."""
        first = self._first(now)
        if now < first.health.next_probe:
            # Nobody waits: whoever does so next begins anew, and does not go at once for what another one waited.
            self._overdue = None
            return None
        if self.deserted:
            self._overdue = None
            return first, first.health.timeout
        room, slack = self._room(now)
        cost, patience = self._cost(first, room, now)
        if not self._in_good_faith(first) and not self._budget.covers(cost, now):
            self._overdue = None
            return None
        if self._overdue is None:
            self._overdue, self._tight = now + PROBE_PATIENCE_S, False
        if cost > room:
            # The very moments that ``wake`` names, not differences: rounded down, they would never be over.
            if now < self._overdue:
                self._tight = self._tight or cost <= slack
                return None
            if cost > slack and self._tight and now < self._overdue + PROBE_PATIENCE_S:
                return None
        self._overdue = None
        return first, patience

    def wake(self, now: float) -> float:
        """When ``due`` may have something, if it has nothing now and no poll comes before."""
        first = self._first(now)
        if self.deserted:
            return first.health.next_probe
        cost, _ = self._cost(first, self._room(now)[0], now)
        paid_at = now if self._in_good_faith(first) else self._budget.affordable_at(cost, now)
        probe = max(first.health.next_probe, paid_at)
        if probe <= now:
            # It does not fit before the next deadline: it is looked at again after the next poll, or when overdue.
            overdue = now + PROBE_PATIENCE_S if self._overdue is None else self._overdue
            probe = overdue if now < overdue else overdue + PROBE_PATIENCE_S
        # One in doubt whose pause is over goes before a silent one that still waits for its credit.
        in_doubt = (unit.health for unit in self.units if unit.health.presence is not Presence.SILENT)
        return min([probe, *(health.next_probe for health in in_doubt if health.next_probe > now)])

    def _in_good_faith(self, unit: Unit) -> bool:
        """Whether a unit is asked before there is credit: one in doubt behind a gateway that serves nobody meanwhile.

        It cannot be asked for less, and a lost frame must not cost it its values until the first time is paid for.
        """
        return unit.health.holds > 0.0 and unit.health.presence is not Presence.SILENT

    def _room(self, now: float) -> tuple[float, float]:
        """Seconds until a deadline is missed, with an order in between, and without.

        An order that comes meanwhile goes before the polls and needs its time as well.
        """
        slack = self._schedule.slack(now)
        return slack - self._wire.order(), slack

    def _worst(self, unit: Unit) -> float:
        """Seconds the next request to a unit costs if it is lost."""
        return self._wire.lost(unit.health.timeout)

    def _cost(self, unit: Unit, slack: float, now: float) -> tuple[float, float]:
        """What a probe costs when it is lost, and its time-out: as long as it may be, as short as deadlines ask for.

        A line whose deadlines leave no room for a slow unit could not poll it either. A unit in doubt does not wait
        until its longest time-out can be paid: what there is must do, and whether it is there is known.
        """
        fixed = self._wire.lost(0.0)
        room = USABLE_SLACK * slack
        if unit.health.presence is not Presence.SILENT:
            room = min(room, self._budget.left(now))
        patience = max(unit.health.shortest, unit.health.holds, min(unit.health.timeout, room - fixed))
        return fixed + patience, patience

    def _first(self, now: float) -> Unit:
        """Whom to ask first: of those whose pause is over the units in doubt, the cheapest before the others.

        A unit in doubt is most likely there: it must not wait behind an expensive probe. Where all pauses last, it is
        the one that ends first.
        """

        def urgency(unit: Unit) -> tuple[bool, bool, float]:
            health = unit.health
            if health.next_probe > now:
                return True, False, health.next_probe
            silent = health.presence is Presence.SILENT
            return False, silent, health.next_probe if silent else self._worst(unit)

        return min(self.units, key=urgency)


class Stillness:
    """How long nobody at all has answered, and whether that is reason enough to open the port anew.

    It may be the adapter, so it is tried; it is most likely the cabinet's power, so it is tried ever more seldom.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._enough = ALL_SILENT_REOPEN_S

    def ends(self) -> None:
        """Somebody answered."""
        self._since = None

    def lasts(self, now: float) -> bool:
        """Nobody is there now; returns whether that has lasted long enough, and begins to count anew if so."""
        if self._since is None:
            self._since = now
        if now - self._since < self._enough:
            return False
        self._since = None
        self._enough = min(self._enough * 2, ALL_SILENT_REOPEN_MAX_S)
        return True
