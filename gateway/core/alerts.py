"""Alerts: what somebody should see to, raised once, kept while it lasts, resolved once (D-135).

An alert is known by its component and metric: raising what is raised already changes its words, and announces nothing
unless its severity changes. So a fault that is seen every second is told of once. There is room for so many; a worse
one takes the room of the mildest, so that whoever can make many small ones hides no bad one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.core.ports import Json

# Alerts that stand at once.
MOST_STANDING = 500
# Resolved ones that are remembered.
REMEMBERED = 200


class Severity(StrEnum):
    """How bad it is: what can wait, what should be seen to, what must be seen to now."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


_MILD = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that somebody should see to.

    Attributes:
        alert_id: stays the same from firing to resolved.
        severity: how bad.
        component: what it is about, e.g. ``line:boiler``.
        summary: a sentence with the cure where there is one.
        metric: what was measured.
        value: what it was.
        threshold: what it should not have been, or should have been.
        since: Unix seconds.
        resolved: Unix seconds; None while it stands.
    """

    alert_id: str
    severity: Severity
    component: str
    summary: str
    metric: str
    value: Json
    threshold: Json
    since: float
    resolved: float | None = None

    def data(self) -> dict[str, object]:
        """As the event ``system:alert`` carries it."""
        return {
            "alert_id": self.alert_id,
            "severity": str(self.severity),
            "component": self.component,
            "summary": self.summary,
            "metric": self.metric,
            "value": self.value,
            "threshold": self.threshold,
            "state": "firing" if self.resolved is None else "resolved",
        }


class Alerts:
    """The alerts of this gateway.

    Args:
        wall: Unix seconds.
        announce: told of ``system:alert`` when one begins, changes severity, or is resolved.
        name: makes an id that is never given twice.

    Attributes:
        dropped: how often there was no room for one; it was not told of then.
    """

    def __init__(
        self, wall: Callable[[], float], announce: Callable[[str, dict[str, object]], None], name: Callable[[], str]
    ) -> None:
        self._wall = wall
        self._announce = announce
        self._name = name
        self._standing: dict[tuple[str, str], Alert] = {}
        self._resolved: deque[Alert] = deque(maxlen=REMEMBERED)
        self.dropped = 0

    def fire(
        self,
        component: str,
        metric: str,
        severity: Severity,
        summary: str,
        *,
        value: Json = None,
        threshold: Json = None,
    ) -> Alert:
        """Raise an alert, or bring the one that stands up to date.

        Where as many stand as may, it takes the place of the latest of the mildest ones, if it is worse than that; else
        it is counted as dropped, and nobody is told: what is raised every second would be told of every second.
        """
        key = (component, metric)
        standing = self._standing.get(key)
        if standing is not None:
            alert = replace(standing, severity=severity, summary=summary, value=value, threshold=threshold)
            self._standing[key] = alert
            if severity is not standing.severity:
                self._announce("system:alert", alert.data())
            return alert
        alert = Alert(self._name(), severity, component, summary, metric, value, threshold, self._wall())
        if len(self._standing) >= MOST_STANDING and not self._make_room(severity):
            self.dropped += 1
            return alert
        self._standing[key] = alert
        self._announce("system:alert", alert.data())
        return alert

    def _make_room(self, severity: Severity) -> bool:
        # Of equal ones the first is taken, and the latest stands first in this order.
        key = max(reversed(self._standing), key=lambda key: _MILD[self._standing[key].severity])
        mildest = self._standing[key]
        if _MILD[mildest.severity] <= _MILD[severity]:
            return False
        self.dropped += 1
        return self.resolve(*key, f"{mildest.summary} (not over: it made room for a worse one)")

    def resolve(self, component: str, metric: str, summary: str | None = None) -> bool:
        """End an alert. Returns whether it stood."""
        alert = self._standing.pop((component, metric), None)
        if alert is None:
            return False
        alert = replace(alert, summary=summary or alert.summary, resolved=self._wall())
        self._resolved.append(alert)
        self._announce("system:alert", alert.data())
        return True

    def standing(self) -> list[Alert]:
        """What stands, the oldest first."""
        return list(self._standing.values())

    def resolved(self) -> list[Alert]:
        """What was resolved lately, the oldest first."""
        return list(self._resolved)
