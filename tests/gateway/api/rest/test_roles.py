"""Every route and every method against every role: closed unless the role's scopes say otherwise (D-053 to D-056)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from gateway.access.roles import ROLES
from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.route import Route
from gateway.api.rest.table import plugin_routes
from gateway.core.principal import Kind, Principal, allows
from gateway.settings.model import LimitSettings
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.flashed import FlashedBoard
from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rest.test_matrix import ROWS
from tests.gateway.api.rig import Rig, rpc_body
from tests.gateway.api.services import Services
from tests.gateway.api.talking import Talking
from tests.gateway.api.test_callers import BY_SCOPE

BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
# The scopes of routes beside those of ``test_matrix``; None: any good token. A route that is in none of them fails.
ACCESS: dict[str, str | None] = {
    "auth.me": None,
    "tools.changelog": None,
    "tools.test": "tools:use",
    "tools.sdk_generate": "tools:use",
    "tools.sdk_list": None,
    "tools.sdk_fetch": None,
    "tools.sdk_download": None,
    "tools.sdk_docs": None,
    "tools.sdk_examples": None,
    "plugin.token": "plugins:write",
    "client.list": "system:read",
    "client.create": "system:write",
    "client.get": "system:read",
    "client.change": "system:write",
    "client.rotate_secret": "system:write",
    "client.remove": "system:write",
    "api_key.list": "system:read",
    "api_key.create": "system:write",
    "api_key.get": "system:read",
    "api_key.revoke": "system:write",
    "user.list": "system:write",
    "user.create": "system:write",
    "user.get": "plugins:read",
    "user.change": "system:write",
    "user.remove": "system:write",
    "user.renew_code": "system:write",
}
# They need no token at all (ruling 24).
OPEN = {
    "auth.token",
    "auth.refresh",
    "auth.revoke",
    "auth.introspect",
    "auth.server",
    "auth.resource",
    "auth.resource1",
    "auth.resource2",
    "auth.authorize",
    "auth.consent",
    "auth.keys_make",
    "auth.keys_page",
    "auth.keys_revoke",
    "auth.login",
    "auth.login_page",
    "auth.logout",
    "auth.setup",
    "auth.setup_page",
    "auth.style",
    "user.add_first",
    "tools.openapi",
    "tools.docs",
    "tools.docs_style",
    "tools.docs_script",
}
WHO = [*ROLES, "nobody"]


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    services = Services()
    limits = LimitSettings(burst=10_000, anonymous_burst=10_000, total_burst=100_000)
    plugins = Plugins(tmp_path)
    routes = (
        *plugin_routes(services.parts, plugins.parts),
        *talk_routes(services.log, Talking(plugins).talk),
        *Installed.of(plugins).routes,
        *Accounts(plugins).routes,
        *FlashedBoard(tmp_path / "board").routes,
    )
    return Rig(tmp_path, limits, routes=routes, services=services)


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rig.app), base_url="https://rig") as client:
        yield client


def table(rig: Rig) -> tuple[Route, ...]:
    routes: tuple[Route, ...] = rig.app._plugins._routes  # type: ignore[attr-defined]  # it is more than an application
    return routes


async def shown(rig: Rig, client: httpx.AsyncClient, role: str, family: str) -> Mapping[str, str]:
    """The headers of a client with a role; of nobody there are none."""
    if role == "nobody":
        return {}
    made, secret = await rig.access.clients.add(BOSS, name=role, roles={role})
    form = {
        "grant_type": "client_credentials",
        "client_id": made.id,
        "client_secret": str(secret),
        "resource": family,
    }
    token = (await client.post("/v1/auth/token", data=form)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_every_route_has_a_row_and_every_row_a_route(rig: Rig) -> None:
    routes = table(rig)
    assert {route.name for route in routes if route.open} == OPEN
    closed = {route.name: route.scope for route in routes if not route.open}
    assert closed == {**{name: row.scope for name, row in ROWS.items()}, **ACCESS}


@pytest.mark.parametrize("role", WHO)
async def test_a_role_opens_the_routes_of_its_scopes_and_no_other(
    rig: Rig, client: httpx.AsyncClient, role: str
) -> None:
    headers = await shown(rig, client, role, "/v1")
    for route in table(rig):
        path = route.path.replace("{", "").replace("}", "")
        response = await client.request(route.method, path, headers=headers)
        place = f"{role}: {route.method} {route.path}"
        if route.open:
            assert "Bearer" not in response.headers.get("www-authenticate", ""), place
        elif role == "nobody":
            assert response.status_code == 401, place
        elif route.scope is None or allows(ROLES[role], route.scope):
            assert response.status_code not in {401, 403}, place
        else:
            assert response.status_code == 403, place
            assert response.json()["errors"][0]["meta"] == {"required_scope": route.scope}, place


@pytest.mark.parametrize("role", WHO)
async def test_a_role_opens_the_methods_of_its_scopes_and_no_other(
    rig: Rig, client: httpx.AsyncClient, role: str
) -> None:
    headers = await shown(rig, client, role, "/api/v1")
    for scope, methods in BY_SCOPE.items():
        for method, params in methods.items():
            response = await client.post("/api/v1/rpc", json=rpc_body(method, params), headers=headers)
            code = response.json().get("error", {}).get("code")
            if role == "nobody":
                assert code == -32001, f"{role}: {method}"
            else:
                assert (code == -32002) != allows(ROLES[role], scope), f"{role}: {method}: {response.text}"
