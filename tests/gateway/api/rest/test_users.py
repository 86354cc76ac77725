"""``/v1/users`` for administrators, and a glimpse for everybody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.scopes import SCOPES
from gateway.access.users.first_admin import CODE_FILE
from gateway.core.audit import AuditOutcome
from tests.gateway.api.rig import Rig

PASSWORD = "correct horse battery"
ANNA = {"name": "anna", "password": PASSWORD, "roles": ["admin"]}
BEN = {"name": "ben", "password": PASSWORD, "roles": ["viewer"]}


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@pytest.fixture
async def client(rig: Rig) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(rig.app)
    return httpx.AsyncClient(transport=transport, base_url="https://rig", headers=rig.bearer("*"))


async def made(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    response = await client.post("/v1/users", json={"data": body})
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()["data"]
    assert response.headers["location"] == f"/v1/users/{user['id']}"
    return user


async def test_people_are_administered(rig: Rig, client: httpx.AsyncClient) -> None:
    anna, ben = await made(client, ANNA), await made(client, BEN)
    assert ben == {
        "id": ben["id"],
        "name": "ben",
        "roles": ["viewer"],
        "disabled": False,
        "created_at": ben["created_at"],
    }
    assert (await client.get("/v1/users")).json()["data"] == [anna, ben]
    path = f"/v1/users/{ben['id']}"
    changed = await client.patch(path, json={"data": {"roles": ["operator", "viewer"], "disabled": True}})
    assert changed.json()["data"] == {**ben, "roles": ["operator", "viewer"], "disabled": True}
    assert (await client.get(path)).json()["data"] == changed.json()["data"]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(f"/v1/users/{anna['id']}")).status_code == 409


async def test_no_password_is_shown_or_noted(rig: Rig, client: httpx.AsyncClient) -> None:
    await made(client, ANNA)
    ben = await made(client, BEN)
    response = await client.patch(f"/v1/users/{ben['id']}", json={"data": {"password": "another horse battery"}})
    assert "password" not in response.text
    noted = [note for action in ("user.create", "user.change") for note in rig.audit.of(action)]
    assert [note.outcome for note in noted] == [AuditOutcome.DONE] * 3
    assert noted[-1].details == {"changed": ["password"]}
    assert "horse" not in repr(rig.audit.entries)
    assert "horse" not in repr([fact for fact in rig.facts.kinds["user"].values() if "hash of" not in repr(fact)])


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({**BEN, "name": "b b"}, 422, "/data/name"),
        ({**BEN, "roles": ["emperor"]}, 422, "/data/roles"),
        ({**BEN, "roles": []}, 422, "/data/roles"),
        ({**BEN, "password": "short"}, 422, "/data/password"),
        ({**ANNA, "name": "Anna"}, 409, "/data/name"),
        ({"name": "ben"}, 422, "/data/password"),
    ],
)
async def test_what_cannot_be_added_says_why(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, pointer: str
) -> None:
    await made(client, ANNA)
    response = await client.post("/v1/users", json={"data": body})
    assert response.status_code == status
    assert response.json()["errors"][0]["source"] == {"pointer": pointer}
    assert "short" not in response.text


async def test_an_empty_change_is_refused(client: httpx.AsyncClient) -> None:
    anna = await made(client, ANNA)
    response = await client.patch(f"/v1/users/{anna['id']}", json={"data": {}})
    assert response.status_code == 422


async def test_who_reads_plugins_sees_a_name_and_no_more(rig: Rig, client: httpx.AsyncClient) -> None:
    anna = await made(client, ANNA)
    response = await client.get(f"/v1/users/{anna['id']}", headers=rig.bearer("plugins:read"))
    assert response.json()["data"] == {
        "id": anna["id"],
        "name": "anna",
        "roles": None,
        "disabled": None,
        "created_at": None,
    }
    assert (await client.get("/v1/users", headers=rig.bearer("plugins:read", "system:read"))).status_code == 403


async def test_nobody_makes_somebody_who_may_do_more(rig: Rig, client: httpx.AsyncClient) -> None:
    little = rig.bearer("system:write", "devices:read")
    response = await client.post("/v1/users", json={"data": ANNA}, headers=little)
    assert response.status_code == 403
    anna = await made(client, ANNA)
    body = {"data": {"password": "another horse battery"}}
    assert (await client.patch(f"/v1/users/{anna['id']}", json=body, headers=little)).status_code == 403


async def test_the_first_administrator_comes_in_without_a_token(rig: Rig, client: httpx.AsyncClient) -> None:
    await rig.people.first_admin.begin()
    code = (rig.state / CODE_FILE).read_text().strip()
    del client.headers["authorization"]
    body = {"name": "anna", "password": PASSWORD}
    refused = await client.post("/v1/auth/first-admin", json={"data": {**body, "code": "no"}})
    assert refused.status_code == 403
    assert (await client.post("/v1/auth/first-admin", json={"data": {"code": code}})).status_code == 422
    made = await client.post("/v1/auth/first-admin", json={"data": {**body, "code": code}})
    assert made.status_code == 201, made.text
    assert made.json()["data"]["roles"] == ["admin"]
    again = await client.post("/v1/auth/first-admin", json={"data": {**body, "code": code}})
    assert again.status_code == 409
    told = rig.audit.of("user.add_first")
    assert [note.outcome for note in told][-2:] == [AuditOutcome.DONE, AuditOutcome.FAILED]
    assert code not in repr(rig.audit.entries)


async def test_the_code_is_renewed_while_there_is_none(rig: Rig, client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/auth/first-admin/code")
    assert response.status_code == 201, response.text
    assert (rig.state / CODE_FILE).read_text().strip() == response.json()["data"]["code"]
    assert (await client.post("/v1/auth/first-admin/code", headers=rig.bearer("system:write"))).status_code == 403
    await made(client, ANNA)
    assert (await client.post("/v1/auth/first-admin/code")).status_code == 409


ROWS: dict[str, tuple[str, str, str, dict[str, Any] | None]] = {
    "user.list": ("system:write", "GET", "/v1/users", None),
    "user.create": ("system:write", "POST", "/v1/users", BEN),
    "user.get": ("plugins:read", "GET", "/v1/users/{id}", None),
    "user.change": ("system:write", "PATCH", "/v1/users/{id}", {"disabled": False}),
    "user.remove": ("system:write", "DELETE", "/v1/users/{id}", None),
    "user.renew_code": ("system:write", "POST", "/v1/auth/first-admin/code", None),
}


async def test_every_route_but_the_first_has_a_row(rig: Rig) -> None:
    closed = {route.name: route.scope for route in rig.people.routes if not route.open}
    assert closed == {name: row[0] for name, row in ROWS.items()}
    opened = {route.name for route in rig.people.routes if route.open}
    assert opened == {
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
    }


@pytest.mark.parametrize("name", ROWS)
async def test_nothing_but_its_scope_opens_a_route(rig: Rig, client: httpx.AsyncClient, name: str) -> None:
    anna = await made(client, ANNA)
    scope, method, path, data = ROWS[name]
    path = path.format(id=anna["id"])
    body = None if data is None else {"data": data}
    del client.headers["authorization"]
    stranger = await client.request(method, path, json=body)
    assert stranger.status_code == 401
    assert stranger.headers["www-authenticate"].startswith("Bearer")
    others = [one for one in SCOPES if one not in {scope, f"{scope.partition(':')[0]}:*", "*"}]
    refused = await client.request(method, path, json=body, headers=rig.bearer(*others))
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["meta"] == {"required_scope": scope}


async def test_what_is_not_there_is_not_found(rig: Rig, client: httpx.AsyncClient) -> None:
    for method, data in (("GET", None), ("PATCH", {"disabled": True}), ("DELETE", None)):
        body = None if data is None else {"data": data}
        response = await client.request(method, "/v1/users/user-0000000000000000", json=body)
        assert response.status_code == 404
