"""``discovery.services``, ``discovery.announce`` and ``discovery.withdraw``: what on this LAN can be used."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from msgspec import Meta

from gateway.agents.directory import Directory
from gateway.api.dispatch import Method, told
from gateway.api.methods.acting import SCOPE, acting_for
from gateway.api.methods.rows import JsonObject, Limit, Offset, json_object, page, service_row
from gateway.api.origin import Origin
from gateway.api.params import Name, ParamsModel
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind
from gateway.core.roster import ServiceRow


class ServiceList(ParamsModel, frozen=True):
    """Parameters of ``discovery.services``: by capability and location, exactly as written; a page of them."""

    capability: str | None = None
    location: str | None = None
    limit: Limit | None = None
    offset: Offset = 0


class Announce(ParamsModel, frozen=True):
    """Parameters of ``discovery.announce``; with ``agentId`` on behalf of an agent."""

    service: JsonObject
    agent_id: Annotated[str, Meta(extra_json_schema={"minLength": 1})] | None = None


class Withdraw(ParamsModel, frozen=True):
    """Parameters of ``discovery.withdraw``."""

    service_id: Name


def discovery_methods(directory: Directory) -> dict[str, Method]:
    """The namespace ``discovery``."""

    async def services(params: ServiceList, origin: Origin) -> object:
        rows = directory.services(params.capability, params.location)
        shown = [service_row(_reached(row, origin)) for row in page(rows, params.limit, params.offset)]
        return {"services": shown, "total": len(rows)}

    async def announce(params: Announce, origin: Origin) -> object:
        owner = _owner(origin, params.agent_id)
        row = directory.announce(owner, json_object(params.service), local_peer=origin.local)
        return {"announced": True, "serviceId": row.service_id, "expiresAt": rfc3339.text(row.expires or 0.0)}

    async def withdraw(params: Withdraw, origin: Origin) -> object:
        principal = origin.principal
        owner = principal.subject if principal.kind is Kind.AGENT else None
        if not principal.may(SCOPE) and owner is None:
            raise _forbidden()
        directory.announced.withdraw(params.service_id, owner, anybodys=principal.may(SCOPE))
        return {"withdrawn": True, "serviceId": params.service_id}

    return {
        "discovery.services": told(ServiceList, services, scope="agents:read"),
        "discovery.announce": told(Announce, announce, scope=None),
        "discovery.withdraw": told(Withdraw, withdraw, scope=None),
    }


def _reached(row: ServiceRow, origin: Origin) -> ServiceRow:
    """The gateway's own services are where the caller has reached the gateway: it may have several addresses."""
    here = origin.here if row.expires is None else None
    return row if here is None else replace(row, endpoint=here)


def _owner(origin: Origin, agent_id: str | None) -> str | None:
    """The agent a service will belong to; None for one that belongs to the operators."""
    principal = origin.principal
    if agent_id is not None:
        acting_for(origin, agent_id)
        return agent_id
    if principal.kind is Kind.AGENT:
        return principal.subject
    if not principal.may(SCOPE):
        raise _forbidden()
    return None


def _forbidden() -> GatewayError:
    return GatewayError(
        Code.FORBIDDEN,
        f"this takes the token of an agent, or one with the scope {SCOPE}",
        details={"requiredScope": SCOPE},
    )
