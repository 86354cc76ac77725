"""The JSON forms of agents and services, and pages of lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar, cast

from msgspec import Meta

from gateway.core import rfc3339
from gateway.core.ports import Json
from gateway.core.roster import AgentRow, ServiceRow

# The largest that every reader of JSON has as it is (RFC 7493, 2.2).
_LARGEST = 2**53 - 1
Limit = Annotated[int, Meta(ge=1, le=_LARGEST)]
Offset = Annotated[int, Meta(ge=0, le=_LARGEST)]
# An object whose members are nobody's business but the work's, which looks at each.
JsonObject = dict[str, object]

T = TypeVar("T")


def page(rows: Sequence[T], limit: int | None, offset: int) -> Sequence[T]:
    """The rows that were asked for; without a limit all from the offset on (D-084)."""
    return rows[offset : None if limit is None else offset + limit]


def json_object(given: JsonObject) -> dict[str, Json]:
    """An object as the JSON it was parsed from."""
    return cast("dict[str, Json]", given)


def agent_row(row: AgentRow) -> dict[str, object]:
    """An agent as ``agent.list`` shows it: the reference's members, then ours."""
    return {
        "agentId": row.agent_id,
        "name": row.name,
        "version": row.version,
        "status": row.shown_status,
        "lastSeen": rfc3339.text(row.last_seen),
        "capabilities": row.capabilities,
        "endpoints": [
            {"protocol": endpoint.protocol, "host": endpoint.host, "port": endpoint.port, "path": endpoint.path}
            for endpoint in row.endpoints
        ],
        "active": row.active,
        "healthy": row.healthy,
        "clock": row.clock,
        "metrics": row.metrics,
    }


def service_row(row: ServiceRow) -> dict[str, object]:
    """A service as ``discovery.services`` shows it: the reference's members, then ours."""
    return {
        "serviceId": row.service_id,
        "name": row.name,
        "type": row.type,
        "capabilities": row.capabilities,
        "endpoint": row.endpoint,
        "metadata": row.metadata,
        "agentId": row.owner,
        "expiresAt": None if row.expires is None else rfc3339.text(row.expires),
    }
