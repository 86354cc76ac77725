"""What the configuration says of alarms. Seconds, and engineering units of the tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gateway.settings.line_model import Scalar

if TYPE_CHECKING:
    from gateway.settings.problems import Place

AlarmSeverity = Literal["info", "warning", "critical"]
RateDirection = Literal["up", "down", "any"]
AlarmKind = Literal["high", "low", "rate", "stale", "not_good", "equals", "device_down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """A condition somebody must hear of. Exactly one of ``high`` to ``device_down`` is set.

    Attributes:
        name: of the alarm.
        tag: full name of the tag; with ``*`` in it all tags that fit, each with an alarm of its own.
        high: stands while the value is above this.
        low: stands while the value is below this.
        rate: stands while the value has changed by more than this within ``per``.
        per: seconds ``rate`` is about.
        direction: which changes ``rate`` is about.
        stale: stands while no value has come for so many seconds.
        not_good: stands while the value is not good.
        equals: stands while the value is this.
        device_down: full name of a device; stands while the device cannot be reached.
        hysteresis: how far the value must come back from ``high``, ``low`` or ``rate`` before the alarm clears.
        delay: seconds the condition must hold before the alarm is raised.
        off_delay: seconds the condition must be over before the alarm clears.
        severity: how bad it is.
        message: for people; empty: one that says the condition.
        enabled: False: as if it were not there.
        place: where it is written.
    """

    name: str
    tag: str | None = None
    high: float | None = None
    low: float | None = None
    rate: float | None = None
    per: float | None = None
    direction: RateDirection = "any"
    stale: float | None = None
    not_good: bool = False
    equals: Scalar | None = None
    device_down: str | None = None
    hysteresis: float = 0.0
    delay: float = 0.0
    off_delay: float = 0.0
    severity: AlarmSeverity = "warning"
    message: str = ""
    enabled: bool = True
    place: Place | None = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> AlarmKind:
        """Which of the conditions it has."""
        if self.high is not None:
            return "high"
        if self.low is not None:
            return "low"
        if self.rate is not None:
            return "rate"
        if self.stale is not None:
            return "stale"
        if self.equals is not None:
            return "equals"
        return "not_good" if self.not_good else "device_down"
