"""Finds what is not usual in one series, and says in words why it is not.

Four rules, each meant for one kind of fault: *level*, a value far from usual for a minute; *drift*, a slow mean that
has left its own usual range, which no single value need do; *creep*, daily means that go one way for days, and take
what is usual along; *frozen*, a sensor that has stopped moving though it always moved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.governor.creep import DAY_S, Creep
from gateway.governor.modes import Modes
from gateway.governor.season import Season
from gateway.governor.usual import Usual

PLAIN_HALF_LIFE_S = 12 * 3600.0
# Far from usual: so many spreads, for so long and so many values; near again: for so long.
FAR = 6.0
FAR_FOR_S = 60.0
FAR_VALUES = 3
NEAR_FOR_S = 300.0
# The slow mean and its own usual range.
SLOW_HALF_LIFE_S = 1800.0
SLOW_USUAL_HALF_LIFE_S = 3 * 86400.0
SLOW_FAR = 8.0
# What has drifted stands until it is this near again: near the edge it would come and go.
SLOW_NEAR = 4.0
# The slow mean of a coarse sensor stands still for hours: its range is at least this share of the plain spread.
SLOW_LEAST = 0.15
# A series must have been watched for so long before anything is said of it.
SILENT_FOR_S = 2 * 86400.0
FROZEN_AFTER_S = 1800.0
FROZEN_TIMES = 6.0
# While something unusual goes on little is learned, so that it does not become usual at once; but it does in the end.
UNUSUAL_WEIGHT = 0.1
# A gap longer than this is no gap but another time: nothing is concluded over it.
LONGEST_GAP_S = 600.0
# A figure that never moved has no deviation to count in: beyond this the number says nothing.
MOST_TIMES = 100.0
MOST_DIGITS = 6


class Rule(StrEnum):
    """Which rule found it."""

    LEVEL = "level"
    DRIFT = "drift"
    CREEP = "creep"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something unusual.

    Attributes:
        rule: how it was found.
        since: Unix seconds of when it began.
        value: what was seen.
        usual: what would have been usual then.
        spread: the usual deviation from that.
        off: how many of these it is away; of a frozen series how many times longer than ever it stood still.
        days: for how many of them it has crept; 0 for what is found by another rule.
        seasonal: "usual" means at this hour of the day.
    """

    rule: Rule
    since: float
    value: float
    usual: float
    spread: float
    off: float
    seasonal: bool
    days: int = 0

    def words(self, units: str = "") -> str:
        """Why it is unusual, for people."""
        unit = f" {units}" if units else ""
        if self.rule is Rule.FROZEN:
            return f"stands still at {self.value:.6g}{unit}, {self.off:.0f} times longer than it ever did"
        value, usual = _sensible(self.value, self.spread), _sensible(self.usual, self.spread)
        if self.rule is Rule.CREEP:
            return (
                f"has gone from {usual} to {value}{unit} within {self.days} days, day by day the same way: "
                f"{self._times()} times its usual deviation, which is {self.spread:.2g}{unit}"
            )
        when = " at this hour of the day" if self.seasonal else ""
        what = "has drifted to" if self.rule is Rule.DRIFT else "is"
        return (
            f"{what} {value}{unit}; usual{when} is {usual} ± {self.spread:.2g}{unit}, so this is {self._times()} "
            "times its usual deviation"
        )

    def _times(self) -> str:
        return f"{abs(self.off):.0f}" if abs(self.off) < MOST_TIMES else f"more than {MOST_TIMES:.0f}"


def _sensible(value: float, spread: float) -> str:
    """A figure without digits that its usual deviation drowns."""
    # The last digit is worth a third of it at most.
    decimals = -math.floor(math.log10(spread / 3)) if spread > 0 else MOST_DIGITS
    if not 0 <= decimals <= MOST_DIGITS or abs(value) >= 10.0**MOST_DIGITS:
        return f"{value:.{MOST_DIGITS}g}" if decimals > 0 else f"{value:.0f}"
    return f"{value:.{decimals}f}"


@dataclass(slots=True)
class Detector:
    """One series.

    Attributes:
        anomaly: what is unusual now; None while all is usual.
    """

    anomaly: Anomaly | None = None
    _plain: Usual = field(default_factory=lambda: Usual(PLAIN_HALF_LIFE_S))
    _season: Season = field(default_factory=Season)
    _modes: Modes = field(default_factory=Modes)
    _slow: Usual = field(default_factory=lambda: Usual(SLOW_USUAL_HALF_LIFE_S))
    _creep: Creep = field(default_factory=Creep)
    _mean: float = 0.0
    _watched: float = 0.0
    _last: float | None = None
    _last_value: float | None = None
    _still_since: float = 0.0
    _longest_still: float = 0.0
    _far_since: float | None = None
    _far_values: int = 0
    _near_since: float | None = None
    _dated: bool = True

    @property
    def learned(self) -> bool:
        """Whether it can judge."""
        return self._watched >= SILENT_FOR_S

    @property
    def seasonal(self) -> bool:
        """Whether it goes by the hour of the day: it has such a rhythm, and the hour is known."""
        return self._dated and self._season.believed()

    def usual(self, wall: float) -> tuple[float, float] | None:
        """Usual level and spread at a moment; None before it was learned."""
        guess = self._season.guess(wall) if self.seasonal else None
        if guess is not None:
            return guess
        return None if self._plain.level is None else (self._plain.level, self._plain.scale())

    def take(self, value: float, wall: float, *, dated: bool = True) -> Anomaly | None:
        """Judge one more value, then learn from it. Returns what is unusual now.

        Args:
            value: a finite number.
            wall: Unix seconds; where they are not later than the ones before, the clock was set.
            dated: the wall clock tells the hour of the day; on a board without a clock chip it may not.
        """
        self._dated = dated
        seconds = 0.0 if self._last is None else wall - self._last
        if seconds <= 0.0 or seconds > LONGEST_GAP_S:
            seconds = 0.0
            self._far_since = self._near_since = None
            self._far_values = 0
            self._still_since = wall
        self._last = wall
        usual = self._usual_of(value, wall)
        found = None
        if usual is not None:
            level, scale = usual
            found = self._judge(value, level, scale, wall)
        self._hold(found, wall)
        # What creeps is followed, once it is told: else it would be told again as a level that is far from usual.
        known = self.anomaly is None or self.anomaly.rule is Rule.CREEP
        weight = 1.0 if known else UNUSUAL_WEIGHT
        self._learn(value, wall, seconds, usual, weight)
        return self.anomaly

    def _usual_of(self, value: float, wall: float) -> tuple[float, float] | None:
        """What is usual, or the known level this value belongs to where it is far from that."""
        usual = self.usual(wall)
        if usual is None:
            return None
        level, scale = usual
        if abs(value - level) < FAR * scale:
            self._modes.back(scale, FAR_VALUES)
            return usual
        self._modes.away(value)
        known = self._modes.known(value, scale)
        return usual if known is None else (known, scale)

    def _judge(self, value: float, level: float, scale: float, wall: float) -> Anomaly | None:
        off = (value - level) / scale
        seasonal = self.seasonal
        if not self.learned:
            return None
        if abs(off) >= FAR:
            self._far_since = wall if self._far_since is None else self._far_since
            self._far_values += 1
            if wall - self._far_since >= FAR_FOR_S and self._far_values >= FAR_VALUES:
                return Anomaly(Rule.LEVEL, self._far_since, value, level, scale, off, seasonal)
        else:
            self._far_since, self._far_values = None, 0
        if self._slow.level is not None and self._comparable():
            spread = max(self._slow.scale(), SLOW_LEAST * scale)
            slow = (self._mean - self._slow.level) / spread
            if abs(slow) >= (SLOW_NEAR if self._stands(Rule.DRIFT) else SLOW_FAR):
                return Anomaly(Rule.DRIFT, wall, level + self._mean, level, spread, slow, seasonal)
        still = wall - self._still_since
        long = max(FROZEN_AFTER_S, FROZEN_TIMES * self._longest_still)
        if value == self._last_value and still >= long and self._moves():
            times = still / max(self._longest_still, 1.0)
            return Anomaly(Rule.FROZEN, self._still_since, value, level, scale, times, seasonal)
        crept = self._creep.found
        if crept is not None:
            since = wall - crept.days * DAY_S
            return Anomaly(Rule.CREEP, since, crept.now, crept.start, scale, crept.off, seasonal, crept.days)
        return None

    def _stands(self, rule: Rule) -> bool:
        return self.anomaly is not None and self.anomaly.rule is rule

    def _comparable(self) -> bool:
        """Whether the slow mean goes on: while the hour is not known, distances are from another level than before."""
        return self._dated or not self._season.believed()

    def lost(self) -> None:
        """There has been no value for a while: what was unusual cannot be told to be so any more."""
        self.anomaly = self._far_since = self._near_since = None
        self._far_values = 0

    def _moves(self) -> bool:
        return 0.0 < self._longest_still < self._watched / 20

    def _hold(self, found: Anomaly | None, wall: float) -> None:
        """An anomaly that was found stands until all has been near usual for a while."""
        if found is not None and found.rule is Rule.CREEP and self.anomaly is not None:
            # It goes on for days: what stands beside it ends in its own time.
            found = found if self.anomaly.rule is Rule.CREEP else None
        if found is not None:
            self._near_since = None
            if self.anomaly is None or self.anomaly.rule is not found.rule:
                self.anomaly = found
            return
        if self.anomaly is None:
            return
        self._near_since = wall if self._near_since is None else self._near_since
        if wall - self._near_since >= NEAR_FOR_S:
            self.anomaly = self._near_since = None

    def _learn(
        self, value: float, wall: float, seconds: float, usual: tuple[float, float] | None, weight: float
    ) -> None:
        if value != self._last_value:
            if self._last_value is not None:
                still = wall - self._still_since
                # A machine that rests at weekends is no fault for ever, yet one dead sensor must not teach that.
                most = math.inf if self.anomaly is None else 2 * self._longest_still
                self._longest_still = max(self._longest_still, min(still, most))
            self._last_value, self._still_since = value, wall
        self._watched += seconds
        if self._dated:
            self._season.take(value, wall, seconds, self._plain.level, weight=weight)
        self._plain.take(value, seconds, weight=weight)
        if usual is not None and seconds > 0 and self._comparable():
            level, scale = usual
            limit = 3 * scale
            bounded = min(max(value - level, -limit), limit)
            self._mean += (1.0 - 0.5 ** (seconds / SLOW_HALF_LIFE_S)) * (bounded - self._mean)
            self._slow.take(self._mean, seconds, weight=weight)
            self._creep.take(level + bounded, seconds, scale)

    # Over restarts

    def dump(self) -> list[object]:
        """What must survive a restart."""
        return [
            self._plain.dump(),
            self._season.dump(),
            self._slow.dump(),
            self._modes.dump(),
            self._mean,
            self._watched,
            self._longest_still,
            self._creep.dump(),
        ]

    @classmethod
    def restored(cls, dumped: object) -> Detector:
        """Go on from what ``dump`` gave; what cannot be read is learned anew."""
        detector = cls()
        try:
            if not isinstance(dumped, Sequence) or isinstance(dumped, str):
                return detector
            plain, season, slow, modes, mean, watched, longest, *later = dumped
            detector._plain.restore(plain)
            detector._season.restore(season)
            detector._slow.restore(slow)
            detector._modes.restore(modes)
            detector._mean, detector._watched = float(mean), float(watched)
            detector._longest_still = float(longest)
            # Earlier versions knew no creep.
            if later:
                detector._creep.restore(*later)
        except (TypeError, ValueError):
            return cls()
        return detector
