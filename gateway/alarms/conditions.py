"""Conditions of alarms: whether what a tag says now is what the alarm is about. No clocks, no I/O.

A limit judges good values only: of a bad or stale one nobody knows on which side it lies, so the answer is None and the
alarm stays as it is.
"""

from __future__ import annotations

import math
from typing import Protocol

from gateway.alarms.change import Change
from gateway.core.reading import Quality, Reading, Reason, Value
from gateway.settings.alarm_model import AlarmSettings
from gateway.settings.alarm_tags import AlarmPoint

LOOK_AGAIN_S = 1.0
# The device, or the way to it, is not there.
UNREACHABLE = frozenset({Reason.NO_ANSWER, Reason.LINK_DOWN, Reason.GATEWAY_PATH, Reason.GATEWAY_TARGET, Reason.FAULT})
# Bad, and yet the device has answered.
ANSWERED = frozenset(
    {
        Reason.ILLEGAL_FUNCTION,
        Reason.ILLEGAL_ADDRESS,
        Reason.ILLEGAL_VALUE,
        Reason.DEVICE_FAILURE,
        Reason.DEVICE_BUSY,
        Reason.REFUSED,
        Reason.NO_VALUE,
        Reason.NOT_A_NUMBER,
        Reason.BAD_TEXT,
        Reason.PATTERN_TOO_SLOW,
        Reason.OUT_OF_RANGE,
    }
)


class Condition(Protocol):
    """Judges readings.

    Attributes:
        due: when it has to judge again although nothing new was read (monotonic seconds).
        seen: what it saw last, to be held against the limit; None where nothing is known.
    """

    due: float
    seen: Value | None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:
        """Whether the condition holds at ``now`` (monotonic seconds); None where nobody can tell.

        Args:
            reading: of one of its tags.
            now: never less than before.
            active: whether the alarm stands: what the condition must come back from is further off then.
        """
        ...


class High:
    """Above a limit."""

    __slots__ = ("_back", "_limit", "due", "seen")

    def __init__(self, limit: float, hysteresis: float) -> None:
        self._limit, self._back = limit, limit - hysteresis
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:  # noqa: ARG002 - as in Condition
        """See ``Condition``."""
        value = _number(reading)
        self.seen = value
        return None if value is None else value > (self._back if active else self._limit)


class Low:
    """Below a limit."""

    __slots__ = ("_back", "_limit", "due", "seen")

    def __init__(self, limit: float, hysteresis: float) -> None:
        self._limit, self._back = limit, limit + hysteresis
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:  # noqa: ARG002 - as in Condition
        """See ``Condition``."""
        value = _number(reading)
        self.seen = value
        return None if value is None else value < (self._back if active else self._limit)


class Equals:
    """A certain value; true is not 1."""

    __slots__ = ("_wanted", "due", "seen")

    def __init__(self, wanted: Value) -> None:
        self._wanted = wanted
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:  # noqa: ARG002 - as in Condition
        """See ``Condition``."""
        self.seen = reading.value if reading.quality is Quality.GOOD else None
        if self.seen is None:
            return None
        return self.seen == self._wanted and isinstance(self.seen, bool) == isinstance(self._wanted, bool)


class NotGood:
    """The value is not good. Before it was read for the first time nobody can tell."""

    __slots__ = ("due", "seen")

    def __init__(self) -> None:
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:  # noqa: ARG002 - as in Condition
        """See ``Condition``."""
        if reading.reason is Reason.NOT_YET_READ:
            self.seen = None
            return None
        good = reading.quality is Quality.GOOD
        self.seen = "good" if good else str(reading.reason or reading.quality)
        return not good


class Stale:
    """No value has come for so long. What was before it was watched does not count: the gateway was not asking then."""

    __slots__ = ("_anew", "_limit", "_since", "due", "seen")

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._since: float | None = None
        self._anew = False
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:
        """See ``Condition``."""
        before, self._anew = self._anew, reading.reason is Reason.NOT_YET_READ
        if self._since is None or (self._anew and not before):
            # A tag that is now read from elsewhere starts anew.
            self._since = now
        came = None if reading.sample is None else reading.sample.acquired
        newest = self._since if came is None else max(came, self._since)
        self.due = newest + self._limit
        self.seen = None if came is None else round(max(now - came, 0.0), 3)
        if now >= self.due:
            # An equal value that comes renews a good one, and nobody is told.
            self.due = now + LOOK_AGAIN_S if reading.quality is Quality.GOOD else math.inf
            return True
        # What came and is not good ends no silence, and begins none.
        return None if active and reading.quality is not Quality.GOOD else False


class Rate:
    """It changes by more than so much within so long.

    The stretch of time ends when the value was acquired, not now: between two polls nobody knows more than at the last
    one, and an alarm must not come and go with each of them.
    """

    __slots__ = ("_back", "_change", "_known_at", "_limit", "due", "seen")

    def __init__(self, limit: float, hysteresis: float, change: Change) -> None:
        self._limit, self._back = limit, limit - hysteresis
        self._change = change
        self._known_at = -math.inf
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:
        """See ``Condition``."""
        value = _number(reading)
        if reading.sample is not None:
            self._known_at = max(self._known_at, min(reading.sample.acquired, now))
        self.due = math.inf
        if value is None:
            if reading.reason is Reason.NOT_YET_READ:
                # A tag that is now read from elsewhere starts anew: its old values were another thing's.
                self._change.forget()
            self._change.interrupt(self._known_at)
            self.seen = None
            return None
        change = self._change.take(value, self._known_at)
        # The greatest numbers lie further apart than there are numbers for.
        self.seen = change if math.isfinite(change) else None
        if change > (self._back if active else self._limit):
            self._look_at(self._change.less_at, now)
            return True
        if active and self._known_at < self._change.whole_at:
            # It may have changed by more while nobody could see it.
            self._look_at(self._change.whole_at, now)
            return None
        return False

    def _look_at(self, moment: float, now: float) -> None:
        """An equal value that is read again moves the stretch on, and nobody is told."""
        self.due = moment if moment > now else now + LOOK_AGAIN_S


class DeviceDown:
    """A device cannot be reached: by its tags, which say so all at once. One that answers speaks for all of them."""

    __slots__ = ("_answering", "due", "seen")

    def __init__(self) -> None:
        self._answering: set[str] = set()
        self.due = math.inf
        self.seen: Value | None = None

    def judge(self, reading: Reading, now: float, *, active: bool) -> bool | None:  # noqa: ARG002 - as in Condition
        """See ``Condition``."""
        reason = reading.reason
        if reading.quality is Quality.GOOD or reason in ANSWERED:
            self._answering.add(reading.tag)
        else:
            self._answering.discard(reading.tag)
        if self._answering:
            self.seen = "reachable"
            return False
        # What is too old, or damaged, tells nothing of the device.
        down = reason in UNREACHABLE
        self.seen = str(reason) if down else None
        return True if down else None


def condition_of(point: AlarmPoint) -> Condition:
    """The condition an alarm is configured with."""
    alarm = point.alarm
    if alarm.high is not None:
        return High(alarm.high, alarm.hysteresis)
    if alarm.low is not None:
        return Low(alarm.low, alarm.hysteresis)
    if alarm.rate is not None and alarm.per is not None:
        return Rate(alarm.rate, alarm.hysteresis, Change(alarm.per, alarm.direction))
    if alarm.stale is not None:
        return Stale(alarm.stale)
    if alarm.equals is not None:
        return Equals(alarm.equals)
    return NotGood() if alarm.not_good else DeviceDown()


def limit_of(alarm: AlarmSettings) -> Value | None:
    """What is held against what was seen; None where the condition has no limit."""
    for limit in (alarm.high, alarm.low, alarm.rate, alarm.stale, alarm.equals):
        if limit is not None:
            return limit
    return None


def _number(reading: Reading) -> int | float | None:
    """The value where it is good, and a number."""
    value = reading.value
    if reading.quality is not Quality.GOOD or value is None or isinstance(value, bool | str):
        return None
    return value
