"""Every route, asked by whom it should and by whom it should not: closed unless it says otherwise (D-056)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from gateway.access.scopes import SCOPES
from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.route import Form, Route
from gateway.api.rest.table import plugin_routes
from gateway.api.rest.updates import update_routes
from gateway.appliance.inbox import Inbox
from gateway.appliance.sent import SentUpdates
from gateway.core.alerts import Alerts
from gateway.core.audit import AuditOutcome
from gateway.core.principal import IMPLIED
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.agent import Agent
from tests.gateway.api.flashed import BUNDLE
from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import NOON, Services
from tests.gateway.api.talking import Talking
from tests.gateway.plugins.making import MANIFEST, package

HOOK: dict[str, Any] = {"url": "https://10.0.0.9/in", "events": ["device:*"]}


WEBHOOK = {"webhook_id": "wh-1"}
DELIVERY = {"webhook_id": "wh-1", "delivery_id": "dl-1"}
RANGE = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00+01:00"}
RELEASE = {name: MANIFEST[name] for name in ("name", "version", "description", "category", "license", "tags")}
PLUGIN = {"plugin_id": "custom-integration-plugin"}
FIRST = {**PLUGIN, "version": "1.0.0"}
OTHER = {"plugin_id": "other", "version": "1.0.0"}
REVIEW = {"review_id": "review-1"}
SCALE = {"plugin_id": "scale", "version": "1.0.0"}
INSTANCE = {"instance_id": "instance-1"}
SUBSCRIPTION = {**PLUGIN, "subscription_id": "sub-1"}
SUBSCRIBE = {
    "subscriptions": [
        {"event_pattern": "user:action:*", "handler_endpoint": f"/plugins/{PLUGIN['plugin_id']}/events/user-action"}
    ]
}


def resource(type_: str, **attributes: object) -> dict[str, object]:
    return {"type": type_, "attributes": attributes}


INSTALL: dict[str, object] = {
    **resource("plugin-instance"),
    "relationships": {"plugin": {"data": {"type": "plugin", "id": SCALE["plugin_id"]}}},
}


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
    "plugin.list": Row("plugins:read"),
    "plugin.publish": Row("plugins:write", data=resource("plugin", **RELEASE | {"name": "Third"})),
    "plugin.get": Row("plugins:read", PLUGIN),
    "plugin.replace": Row("plugins:write", PLUGIN, resource("plugin", **RELEASE)),
    "plugin.change": Row("plugins:write", PLUGIN, resource("plugin", author="Agent-7")),
    "plugin.remove": Row("plugins:*", PLUGIN),
    "plugin.suspend": Row("plugins:*", PLUGIN),
    "plugin.resume": Row("plugins:*", PLUGIN),
    "plugin.upload": Row("plugins:write", OTHER, package(id="other", name="Other")),
    "plugin.archive": Row("plugins:read", FIRST),
    "plugin.download": Row("plugins:read", PLUGIN),
    "plugin.docs": Row("plugins:read", PLUGIN),
    "review.list": Row("plugins:read", PLUGIN),
    "review.write": Row("instances:write", PLUGIN, resource("review", stars=5)),
    "review.get": Row("plugins:read", REVIEW),
    "review.change": Row("instances:write", REVIEW, resource("review", stars=4)),
    "review.remove": Row("instances:write", REVIEW),
    "plugin.communicate": Row("plugins:act", PLUGIN, {"target_plugin": "other", "message_type": "ask"}),
    "plugin.event": Row("plugins:act", PLUGIN, {"event_type": "user:action", "payload": {}}),
    "plugin.subscribe": Row("plugins:act", PLUGIN, SUBSCRIBE),
    "plugin.subscriptions": Row("plugins:act", PLUGIN),
    "plugin.subscription": Row("plugins:act", SUBSCRIPTION),
    "plugin.unsubscribe": Row("plugins:act", SUBSCRIPTION),
    "instance.list": Row("instances:read"),
    "instance.install": Row("instances:create", data=INSTALL),
    "instance.get": Row("instances:read", INSTANCE),
    "instance.change": Row("instances:write", INSTANCE, resource("plugin-instance", permissions=["read-tags"])),
    "instance.remove": Row("instances:write", INSTANCE),
    "instance.configure": Row("instances:write", INSTANCE, resource("plugin-instance", config={})),
    "instance.reconfigure": Row("instances:write", INSTANCE, resource("plugin-instance", config={})),
    "instance.activate": Row("instances:write", INSTANCE),
    "instance.deactivate": Row("instances:write", INSTANCE),
    "instance.suspend": Row("instances:*", INSTANCE),
    "instance.resume": Row("instances:*", INSTANCE),
    "instance.status": Row("instances:read", INSTANCE),
    "instance.logs": Row("instances:read", INSTANCE),
    "analytics.ecosystem": Row("analytics:read"),
    "analytics.plugin": Row("analytics:read", PLUGIN),
    "analytics.user": Row("analytics:read", {"user_id": "operator"}),
    "plugin.metrics": Row("analytics:read", PLUGIN),
    "update.get": Row("system:read"),
    "update.send": Row("system:update", data=BUNDLE),
    "alarm.ack": Row("devices:write", {"alarm_id": "alarm-1"}, {"comment": "seen"}),
}
# What is there before each test.
STOCK: list[tuple[str, Mapping[str, str], object]] = [
    ("webhook.create", {}, HOOK),
    ("message.send", {}, ROWS["message.send"].data),
    ("plugin.publish", {}, resource("plugin", **RELEASE)),
    ("plugin.upload", FIRST, package()),
    ("plugin.publish", {}, resource("plugin", **RELEASE | {"name": "Other"})),
    ("review.write", OTHER, resource("review", stars=3)),
    ("plugin.subscribe", PLUGIN, SUBSCRIBE),
    ("plugin.publish", {}, resource("plugin", **RELEASE | {"name": "Scale"})),
    ("plugin.upload", SCALE, package(id="scale", name="Scale")),
    ("instance.install", {}, INSTALL),
]
# Some changes are told of elsewhere: who wrote a message stands in its event, and publishers are summed up.
NOT_AUDITED = {"event.publish", "message.send", "message.acknowledge", "plugin.communicate", "plugin.event"}
TABLE = (
    *plugin_routes(Services().parts, Plugins(Path()).parts),
    *talk_routes(Services().log, Talking(Plugins(Path())).talk),
    *Installed.of(Plugins(Path())).routes,
    *Accounts(Plugins(Path())).routes,
    *update_routes(SentUpdates(Inbox(Path(), lambda: NOON), Alerts(lambda: NOON, lambda *_: None, str))),
)


async def ask(client: httpx.AsyncClient, route: Route, headers: Mapping[str, str]) -> httpx.Response:
    row = ROWS[route.name]
    return await request(client, route, route.path.format(**row.values), headers, row.data)


async def request(
    client: httpx.AsyncClient, route: Route, path: str, headers: Mapping[str, str], data: object
) -> httpx.Response:
    if isinstance(data, bytes):
        headers = {**headers, "Content-Type": route.accepts[0]}
        return await client.request(route.method, path, content=data, headers=headers)
    return await client.request(route.method, path, json=None if data is None else {"data": data}, headers=headers)


@pytest.fixture
async def stocked(gateway: Rig, talking: Talking, nursery: trio.Nursery) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway with one of everything; the client has no token."""
    await nursery.start(talking.talk.run)
    talking.run("other")
    transport = httpx.ASGITransport(gateway.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        for name, values, data in STOCK:
            [route] = [route for route in TABLE if route.name == name]
            path = route.path.format(**values)
            assert (await request(client, route, path, gateway.bearer("*"), data)).is_success
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
    assert (route.result is None) == (route.status == 204 or route.gives is Form.FILE)
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
    opening = {route.scope, f"{family}:*", "*", IMPLIED.get(ROWS[route.name].scope)}
    others = [scope for scope in SCOPES if scope not in opening]
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
    if route.gives is Form.FILE:
        assert response.content
        return
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
    response = await request(stocked, route, path, gateway.bearer(ROWS[route.name].scope), data)
    assert response.status_code == 422
    assert response.json()["errors"][0]["source"] == {"pointer": "/data/surprise"}


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_a_parameter_that_it_does_not_know_is_refused(
    gateway: Rig, stocked: httpx.AsyncClient, route: Route
) -> None:
    row = ROWS[route.name]
    path = f"{route.path.format(**row.values)}?surprise=1"
    response = await request(stocked, route, path, gateway.bearer(row.scope), row.data)
    assert response.status_code == 400
    assert response.json()["errors"][0]["source"] == {"parameter": "surprise"}


@pytest.mark.parametrize("route", [route for route in TABLE if "{" in route.path], ids=lambda route: route.name)
async def test_what_is_not_there_is_not_found(gateway: Rig, stocked: httpx.AsyncClient, route: Route) -> None:
    row = ROWS[route.name]
    path = route.path.format(**dict.fromkeys(row.values, "none"))
    response = await request(stocked, route, path, gateway.bearer(row.scope), row.data)
    assert response.status_code == 404
    assert "there is no" in response.json()["detail"]
