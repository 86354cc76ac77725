"""What somebody should see to among instances: those that are out of lives."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from gateway.core.alerts import Alerts, Severity
from gateway.core.supervise import WELL_S
from gateway.plugins.host.states import Report, State

_METRIC = "parked"


class ParkedAlerts:
    """Raises an alert for each instance that is parked, until it is well again or nobody wants it to run.

    Args:
        alerts: what somebody should see to.
        wall: Unix seconds.
    """

    def __init__(self, alerts: Alerts, wall: Callable[[], float]) -> None:
        self._alerts, self._wall = alerts, wall
        self._standing: set[str] = set()

    def look(self, reports: Iterable[Report]) -> None:
        """See how all instances do now."""
        before, self._standing = self._standing, set()
        for report in reports:
            if report.parked:
                self._fire(report)
            if report.parked or (report.instance in before and not self._over(report)):
                self._standing.add(report.instance)
        for instance in before - self._standing:
            self._alerts.resolve(_component(instance), _METRIC)

    def _over(self, report: Report) -> bool:
        if report.state is State.ACTIVE:
            return self._wall() - report.since >= WELL_S
        return report.state in {State.INACTIVE, State.SUSPENDED}

    def _fire(self, report: Report) -> None:
        why = "" if report.fall is None else f": {report.fall.message}"
        self._alerts.fire(
            _component(report.instance),
            _METRIC,
            Severity.WARNING,
            f"the plugin {report.plugin} falls again and again{why}. It is tried every ten minutes; GET "
            f"/v1/instances/{report.instance}/logs says more",
            value=report.restarts,
            threshold=0,
        )


def _component(instance: str) -> str:
    return f"instance:{instance}"
