"""An alarm that stands: when it was raised, and what somebody said to it. It outlives the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.core.ports import Json
from gateway.core.reading import Value
from gateway.core.timeline import Era


class AlarmState(StrEnum):
    """Where an alarm is (ISA-18.2)."""

    NORMAL = "normal"
    # It stands, and nobody has acknowledged it.
    RAISED = "raised"
    # It stands, and somebody has.
    ACKNOWLEDGED = "acknowledged"
    # It is over, and nobody has acknowledged that it was.
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that is corrected when the clock synchronises.

    Attributes:
        monotonic: seconds of the run loop's clock, or of Unix where it comes from an earlier run.
        era: turns it into wall time.
    """

    monotonic: float
    era: Era

    @property
    def wall(self) -> float:
        """Unix seconds."""
        return self.era.wall(self.monotonic)

    @classmethod
    def of(cls, wall: float, *, synchronised: bool) -> Moment:
        """A moment of an earlier run, as it was known then."""
        return cls(wall, Era(0.0, synchronised=synchronised))


@dataclass(frozen=True, slots=True)
class Standing:
    """One alarm that is not normal.

    Attributes:
        alarm_id: stays from its first raising until it is normal again.
        raised: when, the last time.
        value: what was seen when it was last raised or cleared; None where nothing was known.
        times: how often it was raised before it was normal again.
        cleared: when the condition ended; None while it lasts.
        acknowledged: when somebody acknowledged it; None until then.
        acknowledged_by: who did.
        comment: what was said at that.
    """

    alarm_id: str
    raised: Moment
    value: Value | None = None
    times: int = 1
    cleared: Moment | None = None
    acknowledged: Moment | None = None
    acknowledged_by: str | None = None
    comment: str | None = None

    @property
    def state(self) -> AlarmState:
        """Where it is."""
        if self.acknowledged is None:
            return AlarmState.RAISED if self.cleared is None else AlarmState.CLEARED
        return AlarmState.ACKNOWLEDGED if self.cleared is None else AlarmState.NORMAL

    @property
    def synchronised(self) -> bool:
        """Whether the clock was right, or was corrected since, at all of its times."""
        times = (self.raised, self.cleared, self.acknowledged)
        return all(time.era.synchronised for time in times if time is not None)

    def fact(self) -> dict[str, Json]:
        """As it is kept."""
        return {
            "id": self.alarm_id,
            "raised": _kept(self.raised),
            "value": self.value,
            "times": self.times,
            "cleared": _kept(self.cleared),
            "acknowledged": _kept(self.acknowledged),
            "by": self.acknowledged_by,
            "comment": self.comment,
        }


def recalled(fact: Mapping[str, Json]) -> Standing | None:
    """What was kept; None where it cannot be read."""
    alarm_id, raised, value = fact.get("id"), _moment(fact.get("raised")), fact.get("value")
    times, by, comment = fact.get("times"), fact.get("by"), fact.get("comment")
    if not isinstance(alarm_id, str) or raised is None or not isinstance(times, int):
        return None
    return Standing(
        alarm_id,
        raised,
        value if isinstance(value, bool | int | float | str) else None,
        times,
        _moment(fact.get("cleared")),
        _moment(fact.get("acknowledged")),
        by if isinstance(by, str) else None,
        comment if isinstance(comment, str) else None,
    )


def _kept(moment: Moment | None) -> Json:
    return None if moment is None else [moment.wall, moment.era.synchronised]


def _moment(kept: Json) -> Moment | None:
    match kept:
        case [float() | int() as wall, bool() as synchronised]:
            return Moment.of(float(wall), synchronised=synchronised)
    return None
