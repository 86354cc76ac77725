"""What an agent may say in a heartbeat (D-080, D-082)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.agents.issues import member
from gateway.core.errors import invalid
from gateway.core.ports import Json
from gateway.core.roster import AgentStatus

MOST_METRICS = 64
_LONGEST_NAME = 64
_PERCENT = ("cpu", "memory")


def read_status(status: str) -> AgentStatus:
    """The status an agent gives itself.

    Raises:
        GatewayError: INVALID for a word that is none.
    """
    try:
        return AgentStatus(status)
    except ValueError:
        raise invalid("status", f"must be one of {', '.join(AgentStatus)}", status) from None


def read_metrics(metrics: Mapping[str, Json]) -> dict[str, float]:
    """The figures an agent gives of itself: an open map of finite numbers; cpu and memory are percent.

    Raises:
        GatewayError: INVALID, with the metric at fault.
    """
    if len(metrics) > MOST_METRICS:
        raise invalid("metrics", f"must have at most {MOST_METRICS} members, has {len(metrics)}")
    read: dict[str, float] = {}
    for name, value in metrics.items():
        if not 0 < len(name) <= _LONGEST_NAME:
            raise invalid("metrics", f"must have names of 1 to {_LONGEST_NAME} characters", name)
        field = member("metrics", name)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise invalid(field, "must be a number", value)
        try:
            figure = float(value)
        except OverflowError:
            figure = math.inf
        if not math.isfinite(figure):
            raise invalid(field, "must be a finite number", value)
        if name in _PERCENT and not 0 <= figure <= 100:
            raise invalid(field, "is in percent: it must be between 0 and 100", value)
        read[name] = figure
    return read
