"""Clients and API keys under /v1: made, shown once, changed, ended; nobody gives more than it has."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.admin import AdminClient
from gateway.access.owners import KnownOwners
from gateway.core.audit import AuditOutcome
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig

ADMIN = AdminClient("admin-1", "s3cret-of-the-first-administrator")
PUMP = {"name": "pump room", "roles": ["viewer"]}


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000))
    await made.access.load(ADMIN)
    return made


@pytest.fixture
async def bare(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        yield client


@pytest.fixture
async def boss(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.9", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig", headers=rig.bearer("*")) as client:
        yield client


async def made(client: httpx.AsyncClient, path: str, data: object) -> dict[str, Any]:
    response = await client.post(path, json={"data": data})
    assert response.status_code == 201, response.text
    row: dict[str, Any] = response.json()["data"]
    assert response.headers["location"] == f"{path}/{row.get('client_id', row.get('key_id'))}"
    return row


async def issue(client: httpx.AsyncClient, id_: str, secret: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": id_, "client_secret": secret}
    return await client.post("/v1/auth/token", data=form)


async def test_a_client_is_shown_its_secret_once(rig: Rig, boss: httpx.AsyncClient, bare: httpx.AsyncClient) -> None:
    row = await made(boss, "/v1/clients", PUMP)
    assert len(row["client_secret"]) == 43
    assert (row["kind"], row["roles"], row["disabled"], row["last_used_at"]) == (
        "confidential",
        ["viewer"],
        False,
        None,
    )
    shown = (await boss.get(f"/v1/clients/{row['client_id']}")).json()["data"]
    assert "client_secret" not in shown
    assert row["client_secret"] not in json.dumps([repr(one) for one in rig.credentials.kept_clients.values()])
    assert (await issue(bare, row["client_id"], row["client_secret"])).status_code == 200
    assert (await boss.get(f"/v1/clients/{row['client_id']}")).json()["data"]["last_used_at"] is not None
    listed = (await boss.get("/v1/clients")).json()
    assert {one["client_id"] for one in listed["data"]} == {"admin-1", row["client_id"]}
    assert listed["meta"]["total"] == 2


async def test_it_is_there_after_a_restart(rig: Rig, boss: httpx.AsyncClient) -> None:
    row = await made(boss, "/v1/clients", PUMP)
    again = rig.restarted()
    await again.access.load(ADMIN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(again.app), base_url="https://rig") as client:
        assert (await issue(client, row["client_id"], row["client_secret"])).status_code == 200


async def test_another_secret_ends_the_one_before_and_its_tokens(
    boss: httpx.AsyncClient, bare: httpx.AsyncClient
) -> None:
    row = await made(boss, "/v1/clients", PUMP)
    text = (await issue(bare, row["client_id"], row["client_secret"])).json()["access_token"]
    rotated = (await boss.post(f"/v1/clients/{row['client_id']}/rotate-secret")).json()["data"]
    assert rotated["client_secret"] != row["client_secret"]
    assert (await issue(bare, row["client_id"], row["client_secret"])).status_code == 401
    assert (await bare.get("/v1/auth/me", headers={"Authorization": f"Bearer {text}"})).status_code == 401
    assert (await issue(bare, row["client_id"], rotated["client_secret"])).status_code == 200


async def test_a_removed_client_is_gone_with_its_tokens(boss: httpx.AsyncClient, bare: httpx.AsyncClient) -> None:
    row = await made(boss, "/v1/clients", {**PUMP, "client_id": "pump"})
    assert row["client_id"] == "pump"
    text = (await issue(bare, "pump", row["client_secret"])).json()["access_token"]
    asked = {"name": "k", "owner": "client:pump", "scopes": ["devices:read"]}
    by_key = {"X-API-Key": (await made(boss, "/v1/auth/api-keys", asked))["api_key"]}
    assert (await bare.get("/v1/auth/me", headers=by_key)).status_code == 200
    assert (await boss.delete("/v1/clients/pump")).status_code == 204
    assert (await bare.get("/v1/auth/me", headers={"Authorization": f"Bearer {text}"})).status_code == 401
    # Nor does the next one of this name inherit them.
    await made(boss, "/v1/clients", {**PUMP, "client_id": "pump"})
    assert (await bare.get("/v1/auth/me", headers={"Authorization": f"Bearer {text}"})).status_code == 401
    assert (await bare.get("/v1/auth/me", headers=by_key)).status_code == 401
    assert (await boss.get("/v1/auth/api-keys")).json()["data"] == []


@pytest.mark.parametrize(
    ("data", "status", "pointer"),
    [
        ({"roles": ["viewer"]}, 422, "/data/name"),
        ({"name": "x"}, 422, "/data/roles"),
        ({"name": "x", "roles": ["boss"]}, 422, "/data/roles"),
        ({"name": "x", "scopes": ["made:up"]}, 422, "/data/scope"),
        ({"name": "x", "roles": ["viewer"], "kind": "secret"}, 422, "/data/kind"),
        ({"name": "x", "roles": ["viewer"], "client_id": "a:b"}, 422, "/data/client_id"),
        ({"name": "x", "roles": ["viewer"], "client_id": "admin-1"}, 409, None),
        ({"name": "x", "roles": ["viewer"], "redirect_uris": ["http://10.0.0.1/cb"]}, 422, "/data/redirect_uris"),
        ({"name": "x", "roles": ["viewer"], "redirect_uris": ["https://a/#b"]}, 422, "/data/redirect_uris"),
        ({"name": "x", "roles": ["viewer"], "redirect_uris": ["javascript:alert(1)"]}, 422, "/data/redirect_uris"),
        ({"name": "x", "roles": ["viewer"], "rate_limit": 0}, 422, "/data/rate_limit"),
    ],
)
async def test_what_cannot_be_registered(
    boss: httpx.AsyncClient, data: dict[str, Any], status: int, pointer: str | None
) -> None:
    response = await boss.post("/v1/clients", json={"data": data})
    assert response.status_code == status, response.text
    if pointer is not None:
        assert response.json()["errors"][0]["source"]["pointer"] == pointer


async def test_nobody_gives_or_takes_over_what_it_has_not_itself(rig: Rig, boss: httpx.AsyncClient) -> None:
    """Who may write here cannot make itself an administrator by it."""
    small = rig.bearer("system:write", "devices:read")
    for data in ({"name": "x", "roles": ["admin"]}, {"name": "x", "scopes": ["devices:write"]}):
        refused = await boss.post("/v1/clients", json={"data": data}, headers=small)
        assert refused.status_code == 403
    strong = await made(boss, "/v1/clients", {"name": "strong", "scopes": ["devices:write"]})
    place = f"/v1/clients/{strong['client_id']}"
    assert (await boss.post(f"{place}/rotate-secret", headers=small)).status_code == 403
    assert (await boss.patch(place, json={"data": {"name": "mine"}}, headers=small)).status_code == 403
    assert (await boss.delete(place, headers=small)).status_code == 403
    weak = await boss.post("/v1/clients", json={"data": {"name": "weak", "scopes": ["devices:read"]}}, headers=small)
    place = f"/v1/clients/{weak.json()['data']['client_id']}"
    raised = await boss.patch(place, json={"data": {"scopes": ["devices:write"]}}, headers=small)
    assert raised.status_code == 403
    key = {"name": "k", "owner": f"client:{strong['client_id']}", "scopes": ["devices:write"]}
    assert (await boss.post("/v1/auth/api-keys", json={"data": key}, headers=small)).status_code == 403


async def test_the_first_administrator_is_what_its_file_says(rig: Rig, boss: httpx.AsyncClient) -> None:
    place = "/v1/clients/admin-1"
    for response in (
        await boss.delete(place),
        await boss.post(f"{place}/rotate-secret"),
        await boss.patch(place, json={"data": {"roles": ["viewer"]}}),
    ):
        assert response.status_code == 409
        assert "admin.json" in response.json()["detail"]
    assert (await boss.patch(place, json={"data": {"disabled": True}})).status_code == 200
    again = rig.restarted()
    await again.access.load(ADMIN)
    assert again.access.clients.shown("admin-1").disabled
    # With another file there is another one, and the one before is nobody any more.
    anew = rig.restarted()
    await anew.access.load(AdminClient("admin-2", "another"))
    assert [client.id for client in anew.access.clients.all()] == ["admin-2"]
    assert anew.access.clients.authentic("admin-2", "another") is not None


async def test_while_the_disk_takes_nothing_nothing_is_changed(
    rig: Rig, boss: httpx.AsyncClient, bare: httpx.AsyncClient
) -> None:
    row = await made(boss, "/v1/clients", PUMP)
    rig.credentials.trouble = "the disk is full"
    assert (await boss.post("/v1/clients", json={"data": PUMP})).status_code == 503
    rotated = await boss.post(f"/v1/clients/{row['client_id']}/rotate-secret")
    assert (rotated.status_code, "the disk is full" in rotated.text) == (503, True)
    assert (await boss.delete(f"/v1/clients/{row['client_id']}")).status_code == 503
    assert (await issue(bare, row["client_id"], row["client_secret"])).status_code == 200
    key = {"name": "k", "owner": f"client:{row['client_id']}", "scopes": ["devices:read"]}
    assert (await boss.post("/v1/auth/api-keys", json={"data": key})).status_code == 503
    assert not rig.access.keys.all()


async def test_a_client_has_the_calls_it_was_given(boss: httpx.AsyncClient, bare: httpx.AsyncClient) -> None:
    """D-163: never more than everybody, and less where that was said."""
    row = await made(boss, "/v1/clients", {**PUMP, "rate_limit": 30})
    text = (await issue(bare, row["client_id"], row["client_secret"])).json()["access_token"]
    answers = [await bare.get("/v1/auth/me", headers={"Authorization": f"Bearer {text}"}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["x-ratelimit-limit"] == "30"
    assert answers[0].json()["data"]["rate_limit"] == 30
    # Its next token is no fresh start.
    text = (await issue(bare, row["client_id"], row["client_secret"])).json()["access_token"]
    assert (await bare.get("/v1/auth/me", headers={"Authorization": f"Bearer {text}"})).status_code == 429


async def test_an_api_key_opens_by_both_headers_what_it_was_given(
    rig: Rig, boss: httpx.AsyncClient, bare: httpx.AsyncClient
) -> None:
    row = await made(boss, "/v1/clients", {**PUMP, "client_id": "analytics-plugin"})
    asked = {"name": "logger", "owner": f"client:{row['client_id']}", "scopes": ["system:read"]}
    key = await made(boss, "/v1/auth/api-keys", asked)
    assert key["api_key"].startswith("analytics-plugin:")
    assert key["expires_at"] is None
    secret = key["api_key"].partition(":")[2]
    by_key = f"{key['key_id']}:{secret}"
    for headers in (
        {"Authorization": f"ApiKey {key['api_key']}"},
        {"authorization": f"apikey {key['api_key']}"},
        {"X-API-Key": key["api_key"]},
        {"X-API-Key": by_key},
        {"X-API-Key": key["api_key"], "Authorization": f"ApiKey {key['api_key']}"},
    ):
        me = await bare.get("/v1/auth/me", headers=headers)
        assert me.status_code == 200, headers
        assert me.json()["data"] == {
            "type": "api_key",
            "id": "client:analytics-plugin",
            "scope": "system:read",
            "permissions": [],
            "roles": ["viewer"],
            "rate_limit": 1000,
            "expires_at": None,
            "client_id": None,
        }
        assert (await bare.get("/v1/clients", headers=headers)).status_code == 200
        assert (await bare.get("/v1/webhooks", headers=headers)).status_code in {403, 404}
    assert secret not in json.dumps([repr(one) for one in rig.credentials.kept_keys.values()])
    [shown] = (await boss.get("/v1/auth/api-keys")).json()["data"]
    assert "api_key" not in shown
    assert shown["last_used_at"] is not None


async def test_one_thing_only_is_shown(rig: Rig, boss: httpx.AsyncClient, bare: httpx.AsyncClient) -> None:
    key = await made(boss, "/v1/auth/api-keys", {"name": "k", "owner": "client:admin-1", "scopes": ["*"]})
    good = key["api_key"]
    for headers in (
        {"X-API-Key": good, **rig.bearer("*")},
        {"X-API-Key": good, "Authorization": f"ApiKey {good}x"},
    ):
        response = await bare.get("/v1/auth/me", headers=headers)
        assert response.status_code == 400
        assert response.json()["errors"][0]["source"] == {"header": "Authorization"}
    for bad in (
        "",
        "nonsense",
        "admin-1:",
        f"other:{good.partition(':')[2]}",
        f"{good}x",
        good.lower(),
        ":" + "a" * 600,
    ):
        response = await bare.get("/v1/auth/me", headers={"X-API-Key": bad})
        assert response.status_code == 401, bad
    # They are for /v1 alone (D-030).
    call = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
    assert (await bare.post("/api/v1/rpc", json=call, headers={"X-API-Key": good})).status_code == 401


async def test_an_api_key_ends(rig: Rig, boss: httpx.AsyncClient, bare: httpx.AsyncClient) -> None:
    await made(boss, "/v1/clients", {**PUMP, "client_id": "pump"})
    asked = {"name": "k", "owner": "client:pump", "scopes": ["devices:read"]}
    lasting, short = (
        await made(boss, "/v1/auth/api-keys", asked),
        await made(boss, "/v1/auth/api-keys", {**asked, "ttl": 60}),
    )

    async def works(key: dict[str, Any]) -> bool:
        return (await bare.get("/v1/auth/me", headers={"X-API-Key": key["api_key"]})).status_code == 200

    assert await works(lasting)
    assert await works(short)
    rig.board.set(rig.board.wall + 60)
    assert await works(lasting)
    assert not await works(short)
    # It allows no more than its owner may have today.
    await boss.patch("/v1/clients/pump", json={"data": {"roles": ["plugin-user"]}})
    me = await bare.get("/v1/auth/me", headers={"X-API-Key": lasting["api_key"]})
    assert me.json()["data"]["scope"] == ""
    await boss.patch("/v1/clients/pump", json={"data": {"disabled": True}})
    assert not await works(lasting)
    await boss.patch("/v1/clients/pump", json={"data": {"disabled": False}})
    assert await works(lasting)
    assert (await boss.delete(f"/v1/auth/api-keys/{lasting['key_id']}")).status_code == 204
    assert not await works(lasting)


async def test_who_makes_up_keys_waits_and_who_has_one_does_not(
    boss: httpx.AsyncClient, bare: httpx.AsyncClient
) -> None:
    key = await made(boss, "/v1/auth/api-keys", {"name": "k", "owner": "client:admin-1", "scopes": ["system:read"]})
    bad = {"X-API-Key": "admin-1:made-up"}
    assert {(await bare.get("/v1/auth/me", headers=bad)).status_code for _ in range(10)} == {401}
    waiting = await bare.get("/v1/auth/me", headers=bad)
    assert waiting.status_code == 429
    assert int(waiting.headers["retry-after"]) >= 1
    assert (await bare.get("/v1/auth/me", headers={"X-API-Key": key["api_key"]})).status_code == 200


async def test_administration_is_noted_and_no_secret_is(rig: Rig, boss: httpx.AsyncClient) -> None:
    row = await made(boss, "/v1/clients", PUMP)
    await boss.patch(f"/v1/clients/{row['client_id']}", json={"data": {"disabled": True}})
    await boss.patch(f"/v1/clients/{row['client_id']}", json={"data": {"disabled": False}})
    key = await made(
        boss, "/v1/auth/api-keys", {"name": "k", "owner": f"client:{row['client_id']}", "scopes": ["devices:read"]}
    )
    await boss.delete(f"/v1/auth/api-keys/{key['key_id']}")
    noted = [(entry.action, entry.outcome, entry.target) for entry in rig.audit.entries]
    assert noted == [
        ("client.create", AuditOutcome.DONE, row["client_id"]),
        ("client.change", AuditOutcome.DONE, row["client_id"]),
        ("client.change", AuditOutcome.DONE, row["client_id"]),
        ("api_key.create", AuditOutcome.DONE, key["key_id"]),
        ("api_key.revoke", AuditOutcome.DONE, key["key_id"]),
    ]
    assert rig.audit.entries[1].details["disabled"] is True
    everything = json.dumps([repr(entry) for entry in rig.audit.entries])
    assert row["client_secret"] not in everything
    assert key["api_key"].partition(":")[2] not in everything


async def test_a_key_says_what_it_opens_and_ends_what_was_begun_with_it(
    rig: Rig, boss: httpx.AsyncClient, bare: httpx.AsyncClient
) -> None:
    await made(boss, "/v1/clients", {**PUMP, "client_id": "pump"})
    asked = {"name": "k", "owner": "client:pump", "scopes": ["devices:read"]}
    plain = await made(boss, "/v1/auth/api-keys", asked)
    both = await made(boss, "/v1/auth/api-keys", {**asked, "audience": ["/v1", "/api/v1"]})
    assert (plain["audience"], both["audience"]) == (["/v1"], ["/api/v1", "/v1"])
    for audience in ([], ["/v2"], ["/v1", "/v1", "/api/v1"], "/v1"):
        refused = await boss.post("/v1/auth/api-keys", json={"data": {**asked, "audience": audience}})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["source"]["pointer"].startswith("/data/audience")
    # It is there after a restart.
    again = rig.restarted()
    await again.access.load(ADMIN)
    assert {key.id: key.audience for key in again.access.keys.all()}[both["key_id"]] == {"/v1", "/api/v1"}
    owner = rig.access.keys.verify(both["api_key"], "10.0.0.1")
    owners = KnownOwners(rig.agents.revocations)
    owners.take(rig.access.voids, rig.access.subjects)
    mark = owners.mark(owner)
    assert (await boss.delete(f"/v1/auth/api-keys/{plain['key_id']}")).status_code == 204
    assert owners.barred(owner, mark) is None
    assert (await boss.delete(f"/v1/auth/api-keys/{both['key_id']}")).status_code == 204
    assert "API key" in str(owners.barred(owner, mark))
