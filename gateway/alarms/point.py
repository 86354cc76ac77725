"""One alarm on one tag or device: from what is read to what becomes of it. No clocks, no I/O.

A delay asks for a condition without a break: one value on the other side, and one that says nothing, begin it anew. So
a value that nobody knows neither raises an alarm nor clears one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

from gateway.alarms.conditions import Condition, condition_of
from gateway.core.reading import Reading, Value
from gateway.settings.alarm_tags import AlarmPoint


class Turn(StrEnum):
    """What becomes of an alarm by what was read."""

    RAISED = "raised"
    CLEARED = "cleared"


class Point:
    """The state of one alarm.

    Args:
        point: what it is about.
        active: whether it stands, from before.

    Attributes:
        point: what it is about; a change that leaves the condition alone may be put in its place.
        active: whether the condition has held for its delay, and has not been over for its other delay since.
        frozen: whether nobody can tell now; ``active`` is what was known last.
        reason: one word for why; None where it is not frozen, or has no word.
    """

    __slots__ = ("_condition", "_since", "active", "due", "frozen", "point", "reason")

    def __init__(self, point: AlarmPoint, *, active: bool = False) -> None:
        self.point = point
        self.active = active
        self.frozen = True
        self.reason: str | None = None
        self.due = math.inf
        self._condition: Condition = condition_of(point)
        self._since: float | None = None

    @property
    def seen(self) -> Value | None:
        """What is held against the limit, as it was last; None where nothing is known."""
        return self._condition.seen

    def feed(self, reading: Reading, now: float) -> Turn | None:
        """Judge a reading of one of its tags; also again at ``due``, with what the tag says then.

        Args:
            reading: as it is at ``now``.
            now: monotonic seconds, never less than before.
        """
        holds = self._condition.judge(reading, now, active=self.active)
        self.due = self._condition.due
        if holds is None:
            self.frozen = True
            self.reason = None if reading.reason is None else str(reading.reason)
            self._since = None
            return None
        self.frozen, self.reason = False, None
        if holds is self.active:
            self._since = None
            return None
        alarm = self.point.alarm
        delay = alarm.off_delay if self.active else alarm.delay
        if self._since is None:
            self._since = now
        if now < self._since + delay:
            self.due = min(self.due, self._since + delay)
            return None
        self.active, self._since = holds, None
        return Turn.RAISED if holds else Turn.CLEARED

    def feed_all(self, readings: Sequence[Reading], now: float) -> Turn | None:
        """Judge readings of several of its tags at once: what some of them say alone is not the whole truth."""
        for reading in readings[:-1]:
            self._condition.judge(reading, now, active=self.active)
        return self.feed(readings[-1], now) if readings else None

    def doubt(self) -> None:
        """Something may have been missed: delays begin anew."""
        self._since = None
