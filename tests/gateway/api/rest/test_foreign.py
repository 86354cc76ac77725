"""Every route with something named in its path, asked by a stranger: one with the scope, and nothing else (D-057).

A route whose path has a variable stands in ``FOREIGN`` or in ``SHARED``. Who adds one says which, or this fails.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from gateway.access.oauth.grant import Issued
from gateway.access.scopes import SCOPES
from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.ports import EventParts
from gateway.api.rest.route import Route
from gateway.api.rest.table import plugin_routes
from gateway.core.principal import Kind, Principal
from gateway.settings.model import LimitSettings
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rest.test_matrix import FIRST, INSTALL, OTHER, ROWS, SCALE, STOCK, request
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services
from tests.gateway.api.talking import Talking
from tests.gateway.events.desk import desk
from tests.gateway.webhooks.conftest import BODY
from tests.gateway.webhooks.conftest import Rig as Hooks

BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
PASSWORD = "correct horse battery"
OWNED = [scope for scope in SCOPES if "*" not in scope]
HOOK: dict[str, Any] = {**BODY, "events": ["device:*"]}
# The routes that are for the owner of what their path names, with what is sent where ``ROWS`` has another or none. Who
# administers may do everything but what he could not do himself: there the object is an administrator's.
FOREIGN: dict[str, object] = {
    **{name: ROWS[name].data for name in ROWS if name.startswith(("webhook.", "instance.")) and ROWS[name].values},
    "webhook.replace": HOOK,
    "message.acknowledge": None,
    "plugin.replace": ROWS["plugin.replace"].data,
    "plugin.change": ROWS["plugin.change"].data,
    "plugin.upload": ROWS["plugin.upload"].data,
    "plugin.communicate": ROWS["plugin.communicate"].data,
    "plugin.event": ROWS["plugin.event"].data,
    "plugin.subscribe": ROWS["plugin.subscribe"].data,
    "plugin.subscriptions": None,
    "plugin.subscription": None,
    "plugin.unsubscribe": None,
    "plugin.token": {},
    "review.change": ROWS["review.change"].data,
    "review.remove": None,
    "client.change": {"disabled": True},
    "client.rotate_secret": None,
    "client.remove": None,
    "api_key.revoke": None,
    "user.change": {"disabled": True},
    "user.remove": None,
    "analytics.user": None,
    "analytics.plugin": None,
    "plugin.metrics": None,
}
# Those that are for everybody with the scope, and why.
SHARED = {
    "alarm.ack": "alarms belong to the plant: whoever may write to devices acknowledges them",
    "plugin.get": "the registry is for all to read",
    "plugin.archive": "as above",
    "plugin.download": "as above",
    "plugin.docs": "as above",
    "review.list": "reviews are for all to read",
    "review.get": "as above",
    "review.write": "anybody's opinion of somebody else's plugin is what a review is",
    "plugin.remove": "plugins:* is to see to all of them",
    "plugin.suspend": "as above",
    "plugin.resume": "as above",
    "instance.suspend": "instances:* is to see to all of them",
    "instance.resume": "as above",
    "client.get": "system:read is to look at all of them; no secret is shown",
    "api_key.get": "as above",
    "user.get": "the name alone, of whom one sees as an author; see below",
    "tools.sdk_fetch": "what the gateway gives out is for whoever may call it",
    "tools.sdk_download": "as above",
    "tools.sdk_docs": "as above",
    "tools.sdk_examples": "as above",
}
for name in SHARED:
    FOREIGN.pop(name, None)
# Not even those who may do everything: a review is in somebody's name.
OF_ONE_ALONE = {"review.change"}


class Real(Services):
    """Webhooks and messages are the real ones: theirs have owners."""

    real: EventParts | None = None

    @property
    def parts(self) -> EventParts:
        return super().parts if self.real is None else self.real


@dataclasses.dataclass
class Stage:
    """A gateway with one of everything, which belongs to ``owner``; the client shows nothing by itself."""

    rig: Rig
    client: httpx.AsyncClient
    routes: Mapping[str, Route]
    names: dict[str, str] = dataclasses.field(default_factory=dict)

    def shown(self, client: str, *scopes: str) -> dict[str, str]:
        issued = Issued(subject=f"client:{client}", scopes=frozenset(scopes), resource=frozenset({"/v1"}))
        return {"Authorization": f"Bearer {self.rig.access.tokens.issue(client, issued).token}"}

    async def as_plugin(self, plugin: str) -> dict[str, str]:
        """What a plugin shows that speaks for itself."""
        made = await self.make("plugin.token", {}, plugin_id=plugin)
        return {"Authorization": f"Bearer {made['data']['access_token']}"}

    async def ask(self, name: str, headers: Mapping[str, str], data: object, **more: str) -> httpx.Response:
        route = self.routes[name]
        return await request(self.client, route, route.path.format(**(self.names | more)), headers, data)

    async def make(self, name: str, data: object, **more: str) -> dict[str, Any]:
        headers = self.shown("owner", *OWNED)
        if name == "plugin.subscribe":
            headers = self.rig.bearer("*")
        response = await self.ask(name, headers, data, **more)
        assert response.is_success, f"{name}: {response.text}"
        made: dict[str, Any] = response.json() if response.content else {}
        return made


@pytest.fixture
async def stage(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Stage]:
    services, plugins, hooks = Real(), Plugins(tmp_path), Hooks()
    talking, installed, accounts = Talking(plugins), Installed.of(plugins), Accounts(plugins)
    async with desk() as post, hooks.running() as webhooks, installed.running():
        services.real = dataclasses.replace(services.parts, webhooks=webhooks, messages=post.messages)
        limits = LimitSettings(burst=10_000, anonymous_burst=10_000, total_burst=100_000)
        routes = (
            *plugin_routes(services.parts, plugins.parts),
            *talk_routes(services.log, talking.talk),
            *installed.routes,
            *accounts.routes,
        )
        rig = Rig(tmp_path, limits, routes=routes, services=services)
        rig.access.plugins.know(plugins.parts.registry.get, talking.granted)
        await nursery.start(talking.talk.run)
        talking.run("other")
        clients = rig.access.clients
        for name in ("owner", "stranger"):
            await clients.add(
                BOSS, name=name, client_id=name, scopes={*OWNED, "plugins:*", "instances:*", "metrics:read"}
            )
        await clients.add(BOSS, name="root", client_id="root", roles={"admin"})
        key, _ = await rig.access.keys.add(BOSS, owner="client:root", name="k", scopes={"*"})
        transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
        async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
            table: tuple[Route, ...] = rig.app._plugins._routes  # type: ignore[attr-defined]  # as in test_roles
            made = Stage(rig, client, {route.name: route for route in table})
            await _stock(made, hooks)
            accounts.people.add(made.names["user_id"])
            made.names |= {"client_id": "root", "key_id": key.id, "alarm_id": "alarm-1"}
            yield made
        nursery.cancel_scope.cancel()


async def _stock(made: Stage, hooks: Hooks) -> None:
    people = {"name": "anna", "password": PASSWORD, "roles": ["admin"]}
    user = await made.ask("user.create", made.rig.bearer("*"), people)
    assert user.is_success, user.text
    hook = (await made.make("webhook.create", HOOK))["data"]["id"]
    hooks.happens("device:down", line="l", device="d")
    await trio.sleep(0.2)
    delivered = (await made.make("webhook.deliveries", None, webhook_id=hook))["data"][0]["id"]
    message = await made.make("message.send", {"to_agent": "two", "content": "hello"})
    for name, values, data in STOCK:
        if name.startswith(("plugin.", "review.")):
            found = await made.make(name, data, **values)
            if name == "review.write":
                made.names["review_id"] = found["data"]["id"]
    instance = (await made.make("instance.install", INSTALL, **SCALE))["data"]["id"]
    made.names |= {
        **FIRST,
        "user_id": user.json()["data"]["id"],
        "webhook_id": hook,
        "delivery_id": delivered,
        "message_id": message["data"]["message_id"],
        "instance_id": instance,
        "subscription_id": "sub-1",
    }


async def test_every_route_that_names_something_says_whose_it_is(stage: Stage) -> None:
    named = {name for name, route in stage.routes.items() if "{" in route.path and not route.open}
    assert named == FOREIGN.keys() | SHARED.keys()
    assert not FOREIGN.keys() & SHARED.keys()


async def test_what_belongs_to_another_is_refused(stage: Stage) -> None:
    """One gateway for all of them: what is refused changes nothing, and the owner ends things last."""
    wrong: dict[str, str] = {}
    # Whoever else has ``plugins:act`` administers plugins (decision 0019).
    acting = await stage.as_plugin("other")
    for name, data in FOREIGN.items():
        scope = stage.routes[name].scope
        assert scope is not None
        values = OTHER if name == "plugin.upload" else {}
        stranger = stage.shown("stranger", scope) if scope != "plugins:act" else acting
        response = await stage.ask(name, stranger, data, **values)
        # It has the scope, so that is not what it may be told to lack.
        lacks = response.is_error and response.json()["errors"][0].get("meta", {}).get("required_scope") == scope
        if response.status_code not in {403, 404} or lacks:
            wrong[name] = f"{response.status_code} {response.text}"
    assert wrong == {}
    # And there is such a thing.
    ends = [name for name in FOREIGN if name.endswith((".unsubscribe", ".revoke", ".remove"))]
    # A client takes its keys along.
    ends.sort(key="client.remove".__eq__)
    for name in [*(name for name in FOREIGN if name not in ends), *ends]:
        values = OTHER if name == "plugin.upload" else {}
        response = await stage.ask(name, stage.rig.bearer("*"), FOREIGN[name], **values)
        if response.status_code in {403, 404} and name not in OF_ONE_ALONE:
            wrong[name] = f"{response.status_code} {response.text}"
    assert wrong == {}


@pytest.mark.parametrize(("name", "scope"), [("webhook.list", "webhooks:read"), ("instance.list", "instances:read")])
async def test_lists_have_nothing_of_others(stage: Stage, name: str, scope: str) -> None:
    assert (await stage.ask(name, stage.shown("stranger", scope), None)).json()["data"] == []
    assert len((await stage.ask(name, stage.shown("owner", scope), None)).json()["data"]) == 1


async def test_messages_to_others_are_in_no_list(stage: Stage) -> None:
    headers = stage.shown("stranger", "messaging:read")
    assert (await stage.ask("message.list", headers, None)).json()["data"] == []
    response = await stage.client.get("/v1/messages?to_agent=two", headers=headers)
    assert response.status_code == 403


async def test_of_another_user_there_is_the_name_alone(stage: Stage) -> None:
    row = (await stage.ask("user.get", stage.shown("stranger", "plugins:read"), None)).json()["data"]
    assert {member for member, value in row.items() if value is not None} <= {"id", "name"}


@pytest.mark.parametrize("name", ["analytics.plugin", "plugin.metrics"])
async def test_figures_of_a_plugin_are_its_publishers_and_of_who_may_read_all_that_is_measured(
    name: str, stage: Stage
) -> None:
    for client, scopes, status in (
        ("owner", ["analytics:read"], 200),
        ("stranger", ["analytics:read"], 403),
        ("stranger", ["analytics:read", "metrics:read"], 200),
    ):
        assert (await stage.ask(name, stage.shown(client, *scopes), None)).status_code == status, (client, scopes)
