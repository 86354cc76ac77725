"""Where it is configured, no state is written over unseen (D-010, RFC 6585, 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api.rest.table import plugin_routes
from gateway.settings.model import ServerSettings
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

HOOK = {"data": {"url": "https://10.0.0.9/in", "events": ["device:*"]}}


@asynccontextmanager
async def calling(tmp_path: Path, *, required: bool) -> AsyncIterator[httpx.AsyncClient]:
    services = Services()
    routes = plugin_routes(services.parts, Plugins(tmp_path).parts)
    rig = Rig(tmp_path, routes=routes, services=services, server=ServerSettings(require_if_match=required))
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("*"))
        yield client


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(tmp_path, required=True) as client:
        yield client


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(tmp_path, required=False) as client:
        yield client


@pytest.mark.parametrize(("method", "body"), [("PUT", HOOK), ("PATCH", {"data": {"active": False}})])
async def test_a_change_without_if_match_is_told_what_to_do(
    strict: httpx.AsyncClient, method: str, body: object
) -> None:
    made = await strict.post("/v1/webhooks", json=HOOK)
    place = made.headers["location"]
    reply = await strict.request(method, place, json=body)
    assert (reply.status_code, reply.json()["type"]) == (428, "/problems/precondition-required")
    assert reply.json()["errors"][0]["source"] == {"header": "If-Match"}
    assert (await strict.get(place)).json()["data"]["active"] is True
    stale = await strict.request(method, place, json=body, headers={"If-Match": '"stale"'})
    assert stale.status_code == 412
    again = await strict.request(method, place, json=body, headers={"If-Match": reply.headers["etag"]})
    assert again.status_code == 200
    anything = await strict.request(method, place, json=body, headers={"If-Match": "*"})
    assert anything.status_code == 200


async def test_what_is_not_there_and_what_is_removed_needs_none(strict: httpx.AsyncClient) -> None:
    assert (await strict.put("/v1/webhooks/none", json=HOOK)).status_code == 404
    place = (await strict.post("/v1/webhooks", json=HOOK)).headers["location"]
    assert (await strict.delete(place)).status_code == 204


async def test_it_is_not_asked_for_unless_it_is_configured(plain: httpx.AsyncClient) -> None:
    place = (await plain.post("/v1/webhooks", json=HOOK)).headers["location"]
    assert (await plain.put(place, json=HOOK)).status_code == 200


PLUGIN = {"name": "P", "version": "1.0.0", "description": "d", "category": "c", "license": "MIT", "tags": []}
# What there is of each kind of resource, and a change of it.
MADE: dict[str, tuple[str, Any, Any]] = {
    "webhook": ("/v1/webhooks", HOOK, {"data": {"active": False}}),
    "plugin": (
        "/v1/plugins",
        {"data": {"type": "plugin", "attributes": PLUGIN}},
        {"data": {"type": "plugin", "attributes": {"description": "e"}}},
    ),
    "review": (
        "/v1/plugins/p/reviews",
        {"data": {"type": "review", "attributes": {"stars": 5}}},
        {"data": {"type": "review", "attributes": {"stars": 4}}},
    ),
    "user": (
        "/v1/users",
        {"data": {"name": "ada", "password": "long enough for anybody", "roles": ["viewer"]}},
        {"data": {"disabled": True}},
    ),
    "client": ("/v1/clients", {"data": {"name": "panel", "roles": ["viewer"]}}, {"data": {"disabled": True}}),
}


@pytest.mark.parametrize("kind", MADE)
async def test_nothing_that_can_be_changed_is_written_over_unseen(strict: httpx.AsyncClient, kind: str) -> None:
    path, body, change = MADE[kind]
    if kind == "review":
        assert (await strict.post(MADE["plugin"][0], json=MADE["plugin"][1])).is_success
    made = await strict.post(path, json=body)
    assert made.status_code == 201, made.text
    place = made.headers["location"]
    tag = (await strict.get(place)).headers["etag"]
    assert (await strict.patch(place, json=change)).status_code == 428
    changed = await strict.patch(place, json=change, headers={"If-Match": tag})
    assert changed.status_code == 200, changed.text
    assert (await strict.patch(place, json=change, headers={"If-Match": tag})).status_code == 412
    now = changed.headers["etag"]
    assert now == (await strict.get(place)).headers["etag"]
    if kind != "plugin":
        # What has instances is removed with them, by routes that are not here.
        assert (await strict.delete(place, headers={"If-Match": tag})).status_code == 412
        assert (await strict.delete(place, headers={"If-Match": now})).status_code == 204


async def test_who_sees_a_name_only_is_not_told_when_the_rest_changes(plain: httpx.AsyncClient) -> None:
    made = await plain.post("/v1/users", json=MADE["user"][1])
    form = {"grant_type": "client_credentials"}
    client = (await plain.post("/v1/clients", json=MADE["client"][1])).json()["data"]
    form |= {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    del plain.headers["authorization"]
    token = (await plain.post("/v1/auth/token", data=form)).json()["access_token"]
    shown = await plain.get(made.headers["location"], headers={"Authorization": f"Bearer {token}"})
    assert shown.json()["data"]["roles"] is None
    assert "etag" not in shown.headers
