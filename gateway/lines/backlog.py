"""Requests on Modbus TCP that were given up and may still be served: what comes behind them may have to wait for that.

A gateway to a serial line serves one request after the other and waits seconds for a unit that is dead. Whoever is
asked meanwhile does not answer in time either, and is not to blame. An answer that overtakes an earlier request proves
that nobody is held up. Used by the one task that owns the line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.modbus.pdu import Data, Refusal, Request
from gateway.core.reading import Reason
from gateway.lines.absence import Absence
from gateway.lines.health import MISSES_UNTIL_SILENT, Cause, Presence, SilenceBudget
from gateway.lines.orders import reason_of
from gateway.lines.refusals import GATEWAY_CODES
from gateway.lines.schedule import Schedule
from gateway.lines.unit import BlockPoll, Unit

# How long a request may hold up others: gateways mostly wait for 0.5 to 3 s, then they say that nobody is there.
HELD_S = 3.5
# How long the first of them is left alone where nobody answers any more: asked once more, it would hold them up again.
ALONE_S = 12.0
# So much longer than the last time such a request is waited for: the gateway's own clock is coarse.
MARGIN = 1.25

Missed = Callable[[Unit, float, float, Reason], None]
Heard = Callable[[Unit, float], None]


@dataclass(slots=True)
class Waiting:
    """A unit whose answer may still come.

    Attributes:
        since: when it was asked, or when the one before it had been served.
        probe_at: when it would be asked again if nothing of it were on the way.
        lost: seconds that the line had lost before.
        waived: seconds of these that nobody had paid for.
        behind: another one was waited for already: what is missing says nothing of this one.
    """

    since: float
    probe_at: float
    lost: float
    waived: float
    behind: bool


class Backlog:
    """Whose answers may still come on one connection.

    Args:
        known: the units of the line.
        absent: those of them that are probed.
        budget: pays for the time in which others were held up.
        schedule: the polls of all units.
        timeout: the configured one.
        missed: told that a unit did not answer, with seconds to pay, the time and the reason.
        heard: told that a unit did answer, too late to be of use for more than that.

    Attributes:
        units: that are waited for, in the order in which they were asked.
    """

    def __init__(  # noqa: PLR0917 - what it works on
        self,
        known: Mapping[int, Unit],
        absent: Absence,
        budget: SilenceBudget,
        schedule: Schedule[BlockPoll],
        timeout: float,
        missed: Missed,
        heard: Heard,
    ) -> None:
        self.units: dict[Unit, Waiting] = {}
        self._known = known
        self._absent = absent
        self._budget = budget
        self._schedule = schedule
        self._bound = max(HELD_S, timeout)
        self._missed = missed
        self._heard = heard
        self._served = 0.0
        # Nobody has answered for so long that it cannot be for the first of them alone.
        self._over = False

    @property
    def _end(self) -> float:
        """When the first one is not waited for any longer."""
        return next(iter(self.units.values())).since + self._bound

    def _witness(self, unit: Unit) -> Unit | None:
        """Another unit that most likely answers: if it does, nobody is held up."""
        others = (other for other in self._known.values() if other is not unit and other not in self.units)
        return next((other for other in others if other.health.usable and other.polls), None)

    def patience(self, unit: Unit, usual: float, now: float) -> float:
        """Seconds to wait for a unit that is asked while others are waited for.

        Where nobody is left who could be asked instead, it is waited for until it is clear that none is served.
        """
        if now >= self._end:
            self._give_over(now)
        if self._over or unit.health.presence is Presence.SILENT or self._witness(unit) is not None:
            return usual
        return max(usual, self._end - now)

    def lost(self, unit: Unit, cost: float, now: float) -> None:
        """A unit did not answer in time: its fault, or that of one that was asked before it."""
        health, budget = unit.health, self._budget
        health.holds = 0.0
        if self._over:
            self._missed(unit, cost, now, Reason.NO_ANSWER)
            return
        behind = health.presence is not Presence.SILENT and any(other is not unit for other in self.units)
        waiting = Waiting(max(now - cost, self._served), now, budget.lost, budget.uncharged, behind)
        if behind:
            if health.presence is Presence.ONLINE:
                health.missed(now)
            self._schedule.hold(unit.polls)
            self._absent.lost(unit, cost, now)
        else:
            self._missed(unit, cost, now, Reason.NO_ANSWER)
            waiting.probe_at = health.next_probe
        witness = self._witness(unit)
        if not behind and witness is None:
            # Nobody is there who could be held up.
            return
        self.units[unit] = waiting
        if now >= self._end:
            self._give_over(now)
            return
        health.next_probe = self._end
        if witness is not None and health.presence is not Presence.SILENT:
            self._schedule.advance(witness.polls[0], now)

    def _give_over(self, now: float) -> None:
        """Nobody at all has answered: who had all the time that its configuration gives it is silent."""
        if self._over:
            return
        self._over = True
        for unit, waiting in self.units.items():
            if unit.health.presence is Presence.DOUBTFUL and now - waiting.since >= unit.health.bound:
                unit.health.misses = MISSES_UNTIL_SILENT - 1
                self._missed(unit, 0.0, now, Reason.NO_ANSWER)
                waiting.probe_at = unit.health.next_probe
        self._ask_again(self.units, now)
        first = next(iter(self.units))
        first.health.next_probe = self.units[first].since + ALONE_S

    def answered(self, unit: Unit, spent: float, usual: float, now: float) -> None:
        """A request was answered before earlier ones: those will not be, or they hold up nobody."""
        self.units.pop(unit, None)
        if self.units and spent > usual:
            self._held_in_silence(now)
        self._settle(now)

    def _held_in_silence(self, now: float) -> None:
        """The first one has held up the others all the same: the gateway gave it up without a word."""
        first = next(iter(self.units))
        self._held(first, self.units[first], now)

    def forget(self) -> None:
        """The connection is another one: nothing comes on it but what is asked on it."""
        for unit, waiting in self.units.items():
            unit.health.next_probe = waiting.probe_at
        self.units.clear()
        self._over = False

    def _settle(self, now: float) -> None:
        """Nobody is held up."""
        units, self.units, self._over = self.units, {}, False
        self._ask_again(units, now)

    def _ask_again(self, units: dict[Unit, Waiting], now: float) -> None:
        """These are not waited for any longer: who did not answer has himself to blame."""
        for unit, waiting in units.items():
            unit.health.next_probe = waiting.probe_at
            if waiting.behind and unit.health.presence is Presence.UNPROVEN:
                self._missed(unit, 0.0, now, Reason.NO_ANSWER)
                waiting.probe_at = unit.health.next_probe

    def _held(self, unit: Unit, waiting: Waiting, now: float) -> None:
        """A request has held up the others until now: that is paid for, and expected from now on."""
        duration, budget = now - waiting.since, self._budget
        unit.health.holds = MARGIN * duration
        # Those that waited behind it have paid for a part, or nobody has: there was nobody who seemed to be there.
        waived = min(budget.uncharged - waiting.waived, duration)
        budget.waive(-waived, now)
        unpaid = duration - (budget.lost - waiting.lost)
        if unpaid > 0.0:
            budget.spend(unpaid, now)

    def late(self, request: Request, answer: Data | Refusal, now: float) -> None:
        """The answer to a request that was given up."""
        unit = self._known.get(request.unit)
        if unit is None or unit not in self.units:
            if unit is not None:
                unit.health.noticed(Cause.LATE)
            return
        if unit is not next(iter(self.units)):
            self._held_in_silence(now)
            order = list(self.units)
            earlier = {other: self.units.pop(other) for other in order[: order.index(unit)]}
            self._ask_again(earlier, now)
        waiting = self.units.pop(unit)
        self._served, self._over = now, False
        unit.health.next_probe = waiting.probe_at
        if isinstance(answer, Refusal) and answer.code in GATEWAY_CODES:
            unit.health.counters.refused(answer.name)
            self._held(unit, waiting, now)
            self._missed(unit, 0.0, now, reason_of(answer))
        else:
            unit.health.noticed(Cause.LATE)
            if waiting.behind:
                self._heard(unit, now)
        for other in self.units.values():
            # Now it is their turn.
            other.since = max(other.since, now)
            other.lost, other.waived = self._budget.lost, self._budget.uncharged
        for other_unit in self.units:
            other_unit.health.next_probe = self._end
