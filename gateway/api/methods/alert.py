"""``alert.list``: what somebody should see to, and what was seen to lately."""

from __future__ import annotations

from typing import Literal

from gateway.api.dispatch import Method, method
from gateway.api.methods.rows import Limit, Offset, page
from gateway.api.params import ParamsModel
from gateway.core import rfc3339
from gateway.core.alerts import Alert, Alerts


class AlertList(ParamsModel, frozen=True):
    """Parameters of ``alert.list``; without ``state`` those that stand, then those resolved lately."""

    state: Literal["firing", "resolved"] | None = None
    limit: Limit | None = None
    offset: Offset = 0


def alert_methods(alerts: Alerts) -> dict[str, Method]:
    """The namespace ``alert``."""

    async def list_alerts(params: AlertList) -> object:
        firing = [] if params.state == "resolved" else alerts.standing()
        resolved = [] if params.state == "firing" else alerts.resolved()[::-1]
        found = [*firing, *resolved]
        return {"alerts": [_shown(alert) for alert in page(found, params.limit, params.offset)], "total": len(found)}

    return {"alert.list": method(AlertList, list_alerts, scope="devices:read")}


def _shown(alert: Alert) -> dict[str, object]:
    return {
        "alertId": alert.alert_id,
        "severity": str(alert.severity),
        "component": alert.component,
        "summary": alert.summary,
        "metric": alert.metric,
        "value": alert.value,
        "threshold": alert.threshold,
        "state": "firing" if alert.resolved is None else "resolved",
        "since": rfc3339.text(alert.since),
        "resolvedAt": None if alert.resolved is None else rfc3339.text(alert.resolved),
    }
