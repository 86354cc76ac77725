"""How well one unit answers: its latency, the time-out that follows from it, and what went wrong, by cause.

Keyed by (line, unit): a dead unit 1 on one bus says nothing of unit 1 on another.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.lines.fence import Shape

# Time-outs follow the measured latency as TCP's retransmission timer does (RFC 6298, 2.2 and 2.3).
ALPHA = 1 / 8
BETA = 1 / 4
SPREADS = 4
# What Linux adds on its own: scheduling, USB polling, tty buffers (peers allow 24 to 34 ms for it).
ALLOWANCE_S = 0.030
# Fewer measurements than this say too little: the first time-outs are the cautious ones below.
ENOUGH = 8
# A unit that never answered is asked with short time-outs first, doubled each time up to the configured bound, so that
# many missing units at the start do not keep the present ones waiting for seconds each.
FIRST_TIMEOUT_S = 0.25
# Pauses between probes of a unit that does not answer: at once, then growing to this.
PROBE_STEP_S = 0.5
PROBE_MAX_S = 10.0
# Sums of small credits do not meet a cost to the last bit.
ROUNDING_S = 1e-6
# How long the reply to a request that timed out may still be on its way: some times what the configuration calls the
# slowest answer. A unit that proves to be slower than that gets more.
QUARANTINE_TIMEOUTS = 4.0
QUARANTINE_LEAST_S = 2.0
QUARANTINE_MAX_S = 60.0
# A unit that has become slower than all doubling reaches is found by every sixth probe, which gets the whole bound.
WHOLE_BOUND_EVERY = 6
# Three answers missing in a row make a unit silent. One may be noise, and two that were given the short time-outs of a
# quick unit last for a tenth of a second: a busy controller or a radio link pauses for longer. So the third request
# comes after a pause, and may take as long as the configuration allows.
MISSES_UNTIL_SILENT = 3


class Presence(StrEnum):
    """Whether a unit is there."""

    UNPROVEN = "unproven"
    ONLINE = "online"
    DOUBTFUL = "doubtful"
    SILENT = "silent"


class Cause(StrEnum):
    """What can go wrong with one exchange; each sends the technician somewhere else."""

    TIMEOUT = "timeout"
    CRC = "crc"
    SHORT = "short"
    NOISE = "noise"
    WRONG_UNIT = "wrong_unit"
    WRONG_FUNCTION = "wrong_function"
    WRONG_SHAPE = "wrong_shape"
    LATE = "late"
    ECHO = "echo"


CAUSE_WORDS: dict[Cause, str] = {
    Cause.TIMEOUT: "no answer in time: power, wiring, unit number, baud rate, parity",
    Cause.CRC: "bytes arrive broken: wiring, termination, earthing, two units with one number",
    Cause.SHORT: "answers break off: wiring, or direction switching that is too slow",
    Cause.NOISE: "bytes that are no answer: noise, A and B swapped, missing bias resistors, wrong baud rate or parity",
    Cause.WRONG_UNIT: "another unit answers: two masters on the line, or a wrong unit number",
    Cause.WRONG_FUNCTION: "an answer to another kind of request: late answers, or two masters",
    Cause.WRONG_SHAPE: "an answer of another size: late answers, or a device that breaks the rules",
    Cause.LATE: "answers after the time-out: the device is slower than its time-out allows, or two have one number",
    Cause.ECHO: "the adapter echoes what is sent: set echo = true on this line",
}


@dataclass(slots=True)
class Counters:
    """Exchanges and errors of one unit since the start."""

    requests: int = 0
    answers: int = 0
    errors: dict[Cause, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def count(self, cause: Cause) -> None:
        """One more error of a cause."""
        self.errors[cause] = self.errors.get(cause, 0) + 1

    def refused(self, name: str) -> None:
        """One more exception of a name."""
        self.refusals[name] = self.refusals.get(name, 0) + 1


class Latency:
    """Smoothed turnaround of a unit in seconds, and its spread."""

    __slots__ = ("mean", "samples", "spread")

    def __init__(self) -> None:
        self.mean = 0.0
        self.spread = 0.0
        self.samples = 0

    def measured(self, turnaround: float) -> None:
        """Take one more measurement. Only of answers that cannot be another request's."""
        if self.samples == 0:
            self.mean, self.spread = turnaround, abs(turnaround) / 2
        else:
            self.spread += BETA * (abs(turnaround - self.mean) - self.spread)
            self.mean += ALPHA * (turnaround - self.mean)
        self.samples += 1


class Health:
    """Presence, latency and counters of one unit.

    Args:
        timeout: the configured bound of the time-out in seconds.

    Attributes:
        holds: seconds for which a gateway keeps everybody waiting when it is asked for this unit, which does not
            answer; 0 where nobody has to wait.
        open: shapes of requests that were lost, and until when their replies may come; ``open_shapes`` strikes those
            out whose time is over. Where it is empty nobody need look at the clock.
    """

    __slots__ = (
        "_quarantine",
        "bound",
        "counters",
        "holds",
        "latency",
        "misses",
        "next_probe",
        "open",
        "presence",
        "since",
    )

    def __init__(self, timeout: float, now: float) -> None:
        self.bound = timeout
        self.latency = Latency()
        self.counters = Counters()
        self.presence = Presence.UNPROVEN
        self.since = now
        self.misses = 0
        self.next_probe = 0.0
        self.holds = 0.0
        self.open: dict[Shape, float] = {}
        self._quarantine = max(QUARANTINE_TIMEOUTS * timeout, QUARANTINE_LEAST_S)

    @property
    def shortest(self) -> float:
        """The time-out that what is known of this unit justifies, in seconds."""
        if self.latency.samples == 0:
            return min(FIRST_TIMEOUT_S, self.bound)
        likely = max(self.latency.mean, 0.0) + SPREADS * self.latency.spread + ALLOWANCE_S
        if self.latency.samples < ENOUGH:
            likely = max(likely, self.bound / 2)
        return min(likely, self.bound)

    @property
    def timeout(self) -> float:
        """Seconds this unit is given for its next answer, from the end of the request to the start of the reply.

        Doubled twice while it does not answer, then from the start again, and the whole bound before it is called
        silent and now and then after that: a unit that has become slow is found, and one that is gone does not cost the
        longest time-out each time. What a gateway does before it says that nobody is there is waited for: until then it
        serves nobody else.
        """
        if not self.misses:
            return self.shortest
        last_chance = self.presence is Presence.DOUBTFUL and self.misses == MISSES_UNTIL_SILENT - 1
        if last_chance or self.misses % WHOLE_BOUND_EVERY == WHOLE_BOUND_EVERY - 1:
            return max(self.bound, self.holds)
        return max(min(self.shortest * float(1 << (self.misses % 3)), self.bound), self.holds)

    @property
    def usable(self) -> bool:
        """Whether polls may go to this unit; otherwise it is probed first."""
        return self.presence in {Presence.ONLINE, Presence.UNPROVEN}

    def answered(self, now: float, turnaround: float | None) -> bool:
        """The unit answered, after ``turnaround`` seconds where that says something. Returns whether that is news."""
        self.counters.answers += 1
        if turnaround is not None:
            self.latency.measured(turnaround)
        self.misses = 0
        if self.presence is Presence.ONLINE:
            return False
        self.presence, self.since = Presence.ONLINE, now
        self.holds = 0.0
        return True

    def missed(self, now: float) -> bool:
        """The unit did not answer. Returns whether it has just become silent."""
        self.misses += 1
        pause = 0.0 if self.misses == 1 else min(PROBE_STEP_S * 2 ** (self.misses - 2), PROBE_MAX_S)
        self.next_probe = now + pause
        if self.presence is Presence.SILENT:
            return False
        if self.presence is not Presence.UNPROVEN and self.misses < MISSES_UNTIL_SILENT:
            self.presence = Presence.DOUBTFUL
            return False
        self.presence, self.since = Presence.SILENT, now
        return True

    def reset(self) -> None:
        """The port was opened anew: presence must be proved again; what was measured, and what is open, stays."""
        if self.presence is not Presence.SILENT:
            self.presence = Presence.UNPROVEN
            self.misses = 0

    def lost(self, shape: Shape, now: float) -> None:
        """A request was not answered: its reply may still come, for as long as the quarantine lasts."""
        self.open[shape] = now + self._quarantine

    def inherit(self, before: Health) -> None:
        """Take over what may still come on the same wire, where the line was given another configuration."""
        self.open.update(before.open)
        self._quarantine = max(self._quarantine, before._quarantine)

    @property
    def quarantine(self) -> float:
        """Seconds after which the reply to a request that was not answered comes no more."""
        return self._quarantine

    def noticed(self, cause: Cause) -> None:
        """Something went wrong in an exchange with this unit."""
        self.counters.count(cause)
        if cause is Cause.WRONG_SHAPE and not self.open:
            # An answer to a request that was given up longer ago than the quarantine: this unit can be later still.
            self._quarantine = min(self._quarantine * 2, QUARANTINE_MAX_S)

    def open_until(self, shape: Shape) -> float:
        """Until when a reply of this shape may still come; 0 where none may."""
        return self.open.get(shape, 0.0)

    def open_shapes(self, now: float) -> AbstractSet[Shape]:
        """Shapes of replies that may still come."""
        if self.open:
            for shape in [shape for shape, until in self.open.items() if until <= now]:
                del self.open[shape]
        return self.open.keys()


class SilenceBudget:
    """The share of a line's time that unanswered requests may cost, whatever the number of silent units.

    Time earns credit, lost exchanges spend it. A probe is allowed when its worst cost is covered.

    Args:
        share: of the line's time, 0 to 1.
        burst: seconds of credit that can be saved up, and that there are at the start.

    Attributes:
        lost: seconds of the line that unanswered requests have cost in all.
        uncharged: seconds of these that cost nobody anything, since no unit of the line was usable.
    """

    __slots__ = ("_burst", "_credit", "_share", "_updated", "lost", "uncharged")

    def __init__(self, share: float, burst: float, now: float) -> None:
        self._share = share
        self._burst = burst
        self._credit = burst
        self._updated = now
        self.lost = 0.0
        self.uncharged = 0.0

    def _earn(self, now: float) -> None:
        self._credit = min(self._burst, self._credit + (now - self._updated) * self._share)
        self._updated = now

    def covers(self, cost: float, now: float) -> bool:
        """Whether a request that may be lost can be afforded now."""
        self._earn(now)
        return self._credit >= min(cost, self._burst) - ROUNDING_S

    def affordable_at(self, cost: float, now: float) -> float:
        """When it can be afforded, if nothing else is lost until then."""
        self._earn(now)
        short = min(cost, self._burst) - self._credit
        if short <= ROUNDING_S:
            return now
        return now + short / self._share if self._share > 0 else float("inf")

    def left(self, now: float) -> float:
        """Seconds that may be lost now."""
        self._earn(now)
        return self._credit

    def spend(self, cost: float, now: float) -> None:
        """A request was lost: it cost so many seconds of the line."""
        self._earn(now)
        self._credit -= cost
        self.lost += cost

    def waive(self, cost: float, now: float) -> None:
        """What was spent has turned out to have cost nobody anything: it stays lost, and is not charged."""
        self._earn(now)
        self._credit = min(self._burst, self._credit + cost)
        self.uncharged += cost
