"""Every route, asked by whom it should and by whom it should not: closed unless it says otherwise (D-056)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest

from gateway.access.scopes import SCOPES
from gateway.api.rest.route import Route
from gateway.api.rest.table import plugin_routes
from gateway.core.audit import AuditOutcome
from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

HOOK: dict[str, Any] = {"url": "https://10.0.0.9/in", "events": ["device:*"]}


WEBHOOK = {"webhook_id": "wh-1"}
DELIVERY = {"webhook_id": "wh-1", "delivery_id": "dl-1"}
RANGE = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00+01:00"}


@dataclass(frozen=True)
class Row:
    """What a route is asked for: the scope the decisions give it, and a request that succeeds."""

    scope: str
    values: Mapping[str, str] = field(default_factory=dict)
    data: object = None


ROWS = {
    "webhook.list": Row("webhooks:read"),
    "webhook.create": Row("webhooks:write", data=HOOK),
    "webhook.get": Row("webhooks:read", WEBHOOK),
    "webhook.replace": Row("webhooks:write", WEBHOOK, HOOK),
    "webhook.change": Row("webhooks:write", WEBHOOK, {"active": False}),
    "webhook.remove": Row("webhooks:write", WEBHOOK),
    "webhook.rotate_secret": Row("webhooks:write", WEBHOOK),
    "webhook.test": Row("webhooks:write", WEBHOOK),
    "webhook.pause": Row("webhooks:write", WEBHOOK),
    "webhook.resume": Row("webhooks:write", WEBHOOK),
    "webhook.deliveries": Row("webhooks:read", WEBHOOK),
    "webhook.delivery": Row("webhooks:read", DELIVERY),
    "webhook.redeliver": Row("webhooks:write", DELIVERY),
    "webhook.redeliver_range": Row("webhooks:write", WEBHOOK, RANGE),
    "event.publish": Row("events:publish", data={"event_type": "user:action", "payload": {}}),
    "event.list": Row("events:subscribe"),
    "event.types": Row("events:subscribe"),
    "message.send": Row("messaging:write", data={"to_agent": "Agent-2", "content": "hello"}),
    "message.list": Row("messaging:read"),
    "message.acknowledge": Row("messaging:read", {"message_id": "msg-1"}),
    "alarm.list": Row("devices:read"),
    "alarm.ack": Row("devices:write", {"alarm_id": "alarm-1"}, {"comment": "seen"}),
}
# Some changes are told of elsewhere: who wrote a message stands in its event, and publishers are summed up.
NOT_AUDITED = {"event.publish", "message.send", "message.acknowledge"}
TABLE = plugin_routes(Services().parts)


async def ask(client: httpx.AsyncClient, route: Route, headers: Mapping[str, str]) -> httpx.Response:
    row = ROWS[route.name]
    body = None if row.data is None else {"data": row.data}
    return await client.request(route.method, route.path.format(**row.values), json=body, headers=headers)


@pytest.fixture
async def stocked(gateway: Rig, services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with one of everything; the client has no token."""
    transport = httpx.ASGITransport(gateway.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        for name in ("webhook.create", "message.send"):
            [route] = [route for route in TABLE if route.name == name]
            assert (await ask(client, route, gateway.bearer("*"))).is_success
        gateway.audit.entries.clear()
        yield client


def test_every_route_has_a_row_and_every_row_a_route() -> None:
    assert [route.name for route in TABLE] == list(dict.fromkeys(route.name for route in TABLE))
    assert {route.name for route in TABLE} == set(ROWS)


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
def test_a_route_says_what_it_takes_and_gives(route: Route) -> None:
    assert route.scope == ROWS[route.name].scope
    assert route.scope in SCOPES
    assert route.path.startswith("/v1/")
    assert route.summary
    assert route.origin in {"seed", "addition"}
    assert (route.result is None) == (route.status == 204)
    assert route.audited == (route.method != "GET" and route.name not in NOT_AUDITED)
    for model in (route.body, route.query):
        if model is not None:
            assert model.__struct_config__.forbid_unknown_fields, model


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_without_a_token_it_is_closed(stocked: httpx.AsyncClient, route: Route) -> None:
    response = await ask(stocked, route, {})
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_a_token_of_another_class_does_not_open_it(
    gateway: Rig, stocked: httpx.AsyncClient, route: Route
) -> None:
    """D-030: neither an enrolment nor an agent's own token, whatever its scopes are."""
    agent = Agent(gateway, scopes=["*"])
    assert (await ask(stocked, route, agent.bearer)).status_code == 401
    registered = (await agent.try_to_register()).json()["result"]["token"]
    response = await ask(stocked, route, {"Authorization": f"Bearer {registered}"})
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_all_other_scopes_do_not_open_it(gateway: Rig, stocked: httpx.AsyncClient, route: Route) -> None:
    family = ROWS[route.name].scope.partition(":")[0]
    others = [scope for scope in SCOPES if scope not in {route.scope, f"{family}:*", "*"}]
    response = await ask(stocked, route, gateway.bearer(*others))
    assert response.status_code == 403
    assert response.json()["errors"][0]["meta"] == {"required_scope": route.scope}
    [noted] = gateway.audit.of(route.name)
    assert noted.outcome is AuditOutcome.DENIED


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_its_scope_alone_opens_it(gateway: Rig, stocked: httpx.AsyncClient, route: Route) -> None:
    response = await ask(stocked, route, gateway.bearer(ROWS[route.name].scope))
    assert response.status_code == route.status, response.text
    done = [noted for noted in gateway.audit.of(route.name) if noted.outcome is AuditOutcome.DONE]
    assert len(done) == route.audited
    if route.result is None:
        assert response.content == b""
        return
    result: Any = list[route.result] if route.listing else route.result  # type: ignore[name-defined]  # made here
    msgspec.convert(response.json()["data"], result)
    shown = response.json()["data"]
    for row in shown if route.listing else [shown]:
        known = {found.encode_name for found in msgspec.structs.fields(route.result)}
        assert row.keys() <= known


@pytest.mark.parametrize("route", [route for route in TABLE if route.body is not None], ids=lambda route: route.name)
async def test_a_member_that_it_does_not_know_is_refused(
    gateway: Rig, stocked: httpx.AsyncClient, route: Route
) -> None:
    data = {**(ROWS[route.name].data or {}), "surprise": 1}  # type: ignore[dict-item]  # an object
    path = route.path.format(**ROWS[route.name].values)
    response = await stocked.request(
        route.method, path, json={"data": data}, headers=gateway.bearer(ROWS[route.name].scope)
    )
    assert response.status_code == 422
    assert response.json()["errors"][0]["source"] == {"pointer": "/data/surprise"}


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_a_parameter_that_it_does_not_know_is_refused(
    gateway: Rig, stocked: httpx.AsyncClient, route: Route
) -> None:
    row = ROWS[route.name]
    path = f"{route.path.format(**row.values)}?surprise=1"
    body = None if row.data is None else {"data": row.data}
    response = await stocked.request(route.method, path, json=body, headers=gateway.bearer(ROWS[route.name].scope))
    assert response.status_code == 400
    assert response.json()["errors"][0]["source"] == {"parameter": "surprise"}


@pytest.mark.parametrize("route", [route for route in TABLE if "{" in route.path], ids=lambda route: route.name)
async def test_what_is_not_there_is_not_found(gateway: Rig, stocked: httpx.AsyncClient, route: Route) -> None:
    row = ROWS[route.name]
    path = route.path.format(**dict.fromkeys(row.values, "none"))
    body = None if row.data is None else {"data": row.data}
    response = await stocked.request(route.method, path, json=body, headers=gateway.bearer(ROWS[route.name].scope))
    assert response.status_code == 404
    assert "there is no" in response.json()["detail"]
