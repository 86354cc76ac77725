"""Can a line do what its configuration asks of it? Computed before anything runs, from the wire and the plan.

Polls are scheduled earliest deadline first and an exchange is never interrupted. The classical analysis of that is used
(George, Rivierre, Spuri, "Preemptive and non-preemptive real-time uniprocessor scheduling", INRIA RR-2966, 1996): the
demand of all blocks may not exceed the line's time; a poll waits for the exchange that has begun and for all whose
deadlines are not later than its own; and the worst case lies in the longest busy period, the longest stretch in which
the line is never idle. A value's worst age is its period plus its wait plus the time its own exchange takes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from gateway.lines.plan import Block, longest_block, plan
from gateway.lines.wire import Wire
from gateway.settings.line_model import DeviceSettings, LineSettings

# On a network an exchange has no wire time; what it costs is the peer's turnaround.
NETWORK_TURNAROUND_S = 0.01
ROUNDS = 1000
# Busy periods of more than so many of the shortest periods are not looked at in detail.
MOST_PERIODS = 200.0
# Nor are lines with more different periods than this: each is looked at against all others, which takes minutes then.
MOST_DIFFERENT = 100
# Quotients and sums of periods do not meet to the last bit.
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class PlannedBlock:
    """A block of the plan.

    Attributes:
        cost: seconds its exchange keeps the line busy.
        wait: the longest it waits once it is due, in seconds, all devices answering; None where there is no bound.
        silent_wait: the same while any number of other devices is silent.
        fall_wait: the same while all other devices fall silent at one moment: the request by which that is found out
            is paid from no share, and each of them loses one.
    """

    device: DeviceSettings
    block: Block
    cost: float
    wait: float | None = None
    silent_wait: float | None = None
    fall_wait: float | None = None

    @property
    def fall_age(self) -> float | None:
        """Worst age in seconds of its values, once, when all other devices fall silent at one moment."""
        period = self.block.period
        return None if period is None or self.fall_wait is None else period + self.fall_wait + self.cost

    def age(self, *, silent: bool) -> float | None:
        """Worst age in seconds of its values, None where it has no bound."""
        period, wait = self.block.period, self.silent_wait if silent else self.wait
        return None if period is None or wait is None else period + wait + self.cost


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a line can and cannot do.

    Attributes:
        utilisation: share of the line's time that periodic polls need; above 1 they cannot be met.
        silent_utilisation: the same share of what is left when silent devices use up what they may.
        blocks: the plan.
        first_losses: seconds the line loses by the first unanswered request to each device, the dearest first.
    """

    line: LineSettings
    utilisation: float
    silent_utilisation: float
    blocks: tuple[PlannedBlock, ...]
    first_losses: tuple[float, ...] = ()

    def fall(self, devices: int) -> float:
        """Seconds the line is held up at most when so many devices fall silent at one moment."""
        return sum(self.first_losses[:devices])


def judge(line: LineSettings) -> Verdict:
    """Compute the verdict on a line."""
    wire, blocks = _planned(line)
    demand = _demand(blocks)
    needed = _share(demand)
    losses = sorted((wire.lost(device.timeout or line.timeout) for device in line.devices if device.tags), reverse=True)
    lost = wire.lost(max((device.timeout or line.timeout for device in line.devices), default=line.timeout))
    share = line.silent_share if len(line.devices) > 1 else 0.0
    # One exchange that has begun is finished first: the longest of all, or one that is lost. Background reads that have
    # waited too long go before the polls, in the worst case all in a row.
    longest_poll = max((planned.cost for planned in blocks if planned.block.period is not None), default=0.0)
    blocking = longest_poll + sum(planned.cost for planned in blocks if planned.block.period is None)
    polls = _Polls(demand, blocking, 0.0)
    in_trouble = _Polls(demand, max(blocking, lost), share)
    # Probes that were saved up for come in a row, but only as far as no deadline is missed by them.
    in_a_row = _Polls(demand, max(blocking, lost) + max(1.0, line.timeout), share)
    # Who has just answered is polled in good faith: all others may take their whole time-outs for that, in a row.
    falling = _Polls(demand, blocking + sum(losses[:-1]), share)
    waits: dict[float | None, tuple[float | None, float | None, float | None]] = {None: (None, None, None)}
    for period in demand:
        silent, row, fall = in_trouble.wait(period), in_a_row.wait(period), falling.wait(period)
        if silent is not None:
            silent = max(silent, period if row is None else min(period, row))
            fall = None if fall is None else max(fall, silent)
        waits[period] = polls.wait(period), silent, fall
    judged = [
        replace(planned, wait=wait, silent_wait=silent_wait, fall_wait=fall_wait)
        for planned in blocks
        for wait, silent_wait, fall_wait in [waits[planned.block.period]]
    ]
    silent_utilisation = needed / (1.0 - share) if share < 1.0 else math.inf
    return Verdict(line, needed, silent_utilisation, tuple(judged), tuple(losses))


def utilisation(line: LineSettings) -> float:
    """The share of a line's time that periodic polls need, without the search for worst ages, which takes longer."""
    _, blocks = _planned(line)
    return _share(_demand(blocks))


def _planned(line: LineSettings) -> tuple[Wire, list[PlannedBlock]]:
    """A line's wire as it is reckoned with before anything was measured, and its plan."""
    wire = Wire.of(line)
    if line.network:
        wire = wire.with_turnaround(max(wire.turnaround, NETWORK_TURNAROUND_S))
    longest = longest_block(line, wire)
    return wire, [
        PlannedBlock(device, block, wire.read(block.table, block.count))
        for device in line.devices
        for block in plan(device, wire, {}, longest)
    ]


def _demand(blocks: Iterable[PlannedBlock]) -> dict[float, float]:
    """Seconds of line time for each period, by all blocks of that period together."""
    demand: dict[float, float] = defaultdict(float)
    for planned in blocks:
        if planned.block.period is not None:
            demand[planned.block.period] += planned.cost
    return demand


def _share(demand: Mapping[float, float]) -> float:
    return sum(cost / period for period, cost in demand.items())


class _Polls:
    """The periodic polls of a line and what holds them up.

    Args:
        demand: seconds of line time for each period, by all blocks of that period together.
        blocking: seconds for which the line is taken when all fall due at once.
        share: of the line's time that is not theirs.
    """

    def __init__(self, demand: Mapping[float, float], blocking: float, share: float) -> None:
        self._demand = sorted(demand.items())
        self._blocking = blocking
        self._left = 1.0 - share
        self._busy = self._busy_period()

    def _busy_period(self) -> float | None:
        """The longest time in which the line is never idle, or None where it never is."""
        if sum(cost / period for period, cost in self._demand) >= self._left:
            return None
        return self._settled(
            lambda length: sum(max(1, math.ceil(length / period - ROUNDING)) * cost for period, cost in self._demand)
        )

    def wait(self, period: float) -> float | None:
        """The longest a poll of this period waits before it begins; None where there is no bound."""
        busy = self._busy
        if busy is None or busy > MOST_PERIODS * self._demand[0][0] or len(self._demand) > MOST_DIFFERENT:
            # A line as full or as varied as that: the busy period is a bound as well, if not the closest.
            return busy
        worst = 0.0
        for released in self._releases(period, busy):
            start = self._settled(partial(self._ahead, released + period))
            worst = max(worst, (busy if start is None else start) - released)
        return worst

    def _releases(self, period: float, busy: float) -> set[float]:
        """The moments of the busy period that can be the worst: the poll's deadline falls on another one's."""
        deadlines = {
            number * other
            for other, _ in self._demand
            for number in range(math.ceil(period / other - ROUNDING), math.floor((busy + period) / other) + 1)
        }
        return {0.0} | {deadline - period for deadline in deadlines if deadline - period < busy}

    def _ahead(self, deadline: float, start: float) -> float:
        """Seconds of work that goes before a poll with that deadline which has not begun by ``start``.

        Its own exchange is counted with it: then it is of no account which of the polls of its period it is.
        """
        work = 0.0
        for period, cost in self._demand:
            if period <= deadline + ROUNDING:
                # As many as have been released by then, and as have a deadline that is not later.
                released = math.floor(start / period + ROUNDING)
                sooner = math.floor((deadline - period) / period + ROUNDING)
                work += (1 + min(released, sooner)) * cost
        return work

    def _settled(self, work: Callable[[float], float]) -> float | None:
        """The moment by which the blocking and all work that comes until then is done."""
        length = self._blocking
        for _ in range(ROUNDS):
            grown = (self._blocking + work(length)) / self._left
            if grown <= length + ROUNDING:
                return length
            length = grown
        return None
