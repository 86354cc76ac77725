"""From the page to the API: what a person granted, as the endpoints of OAuth and the API itself see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.access.authorization.pkce import challenge_of
from gateway.access.users.user import User
from gateway.api.rest.users import FIRST
from gateway.core.principal import Kind, Principal
from tests.gateway.api.pages.browser import Browser, brought_back
from tests.gateway.api.rig import Rig

CALLBACK = "http://127.0.0.1:51004/callback"
VERIFIER = "v" * 50
TOKEN, REVOKE, INTROSPECT, ME = "/v1/auth/token", "/v1/auth/revoke", "/v1/auth/introspect", "/v1/auth/me"
BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "token")


@dataclass
class Household:
    """A gateway with one person, and a program that the person knows."""

    rig: Rig
    client: httpx.AsyncClient
    anna: User
    program: str

    async def code(self, **more: str) -> str:
        """A code that the person's yes gives."""
        asked = {
            "response_type": "code",
            "client_id": self.program,
            "redirect_uri": CALLBACK,
            "scope": "devices:read system:read",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **more,
        }
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.rig.app), base_url="https://rig") as client:
            browser = Browser(client)
            url = str(httpx.URL("/v1/auth/authorize", params=asked))
            page = await browser.sign_in(url, "anna", "anna's password")
            return brought_back(await browser.send(page, "/v1/auth/authorize", "Allow"))["code"]

    async def post(self, path: str, **form: str) -> httpx.Response:
        """Ask an endpoint as the program."""
        return await self.client.post(path, data={"client_id": self.program, **form})

    async def tokens(self, **more: str) -> dict[str, Any]:
        """Tokens for the person's yes."""
        response = await self.exchange(await self.code(**more))
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def exchange(self, code: str, **more: str) -> httpx.Response:
        form = {"code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK, **more}
        return await self.post(TOKEN, grant_type="authorization_code", **form)

    async def refresh(self, token: str, **more: str) -> httpx.Response:
        return await self.post(TOKEN, grant_type="refresh_token", refresh_token=token, **more)

    async def me(self, token: str) -> httpx.Response:
        return await self.client.get(ME, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Household]:
    rig = Rig(tmp_path)
    rig.people.users.add("boss", ["admin"], None)
    anna = rig.people.users.add("anna", ["operator"], "hash of anna's password")
    body = {"name": "Panel", "kind": "public", "roles": ["operator"], "redirect_uris": ["http://127.0.0.1/callback"]}
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        made = await client.post("/v1/clients", json={"data": body}, headers=rig.bearer("*"))
        assert made.status_code == 201, made.text
        yield Household(rig, client, anna, made.json()["data"]["client_id"])


async def test_the_token_is_of_the_person(house: Household) -> None:
    tokens = await house.tokens()
    assert tokens["token_type"] == "Bearer"
    assert tokens["scope"] == "devices:read system:read"
    me = (await house.me(tokens["access_token"])).json()["data"]
    assert me["type"] == "user"
    assert me["roles"] == ["operator"]
    assert house.anna.id in me["id"]
    shown = await house.client.get(
        f"/v1/users/{house.anna.id}", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert shown.status_code == 403


async def test_a_person_who_reads_plugins_sees_all_of_itself_and_names_of_others(house: Household) -> None:
    tokens = await house.tokens(scope="plugins:read")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    own = (await house.client.get(f"/v1/users/{house.anna.id}", headers=headers)).json()["data"]
    assert own["roles"] == ["operator"]
    [boss] = [user for user in house.rig.people.users.all() if user.name == "boss"]
    other = (await house.client.get(f"/v1/users/{boss.id}", headers=headers)).json()["data"]
    assert (other["name"], other["roles"]) == ("boss", None)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code": "unknown"}, "invalid_grant"),
        ({"code_verifier": "w" * 50}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"resource": "https://rig/api/v1"}, "invalid_target"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
async def test_what_does_not_fit_the_code_gives_nothing(house: Household, changes: dict[str, str], error: str) -> None:
    code = await house.code()
    response = await house.exchange(**{"code": code, **changes})
    assert (response.status_code, response.json()["error"]) == (400, error)


async def test_a_code_that_is_shown_twice_ends_the_access_token_too(house: Household) -> None:
    code = await house.code()
    tokens = (await house.exchange(code)).json()
    assert (await house.me(tokens["access_token"])).status_code == 200
    assert (await house.exchange(code)).json()["error"] == "invalid_grant"
    assert (await house.me(tokens["access_token"])).status_code == 401
    assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_refresh_token_that_is_shown_twice_ends_everything(house: Household) -> None:
    first = await house.tokens()
    second = (await house.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    other = await house.tokens()
    assert (await house.refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    for tokens in (first, second):
        assert (await house.me(tokens["access_token"])).status_code == 401
    assert (await house.me(other["access_token"])).status_code == 200


async def test_the_alias_of_the_reference_refreshes_as_well(house: Household) -> None:
    tokens = await house.tokens()
    response = await house.client.post(
        "/v1/auth/refresh", json={"client_id": house.program, "refresh_token": tokens["refresh_token"]}
    )
    assert response.status_code == 200, response.text
    assert (await house.me(response.json()["access_token"])).status_code == 200


async def test_a_token_for_the_device_api_has_to_be_asked_for(house: Household) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tag.list", "params": {}}
    plugin = await house.tokens()
    device = await house.tokens(resource="https://rig/api/v1")
    for tokens, status in ((plugin, 401), (device, 200)):
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await house.client.post("/api/v1/rpc", json=call, headers=headers)).status_code == status


@pytest.mark.parametrize("deed", ["password", "disable", "remove", "client"])
async def test_all_ends_with_the_person_and_with_the_program(house: Household, deed: str) -> None:
    tokens = await house.tokens()
    path = f"/v1/clients/{house.program}" if deed == "client" else f"/v1/users/{house.anna.id}"
    headers = house.rig.bearer("*")
    if deed == "remove":
        done = await house.client.delete(path, headers=headers)
    else:
        changes = {"password": "another horse battery"} if deed == "password" else {"disabled": True}
        done = await house.client.patch(path, json={"data": changes}, headers=headers)
    assert done.is_success, done.text
    assert (await house.me(tokens["access_token"])).status_code == 401
    assert (await house.refresh(tokens["refresh_token"])).status_code in {400, 401}
    if deed == "client":
        await house.client.patch(path, json={"data": {"disabled": False}}, headers=headers)
        assert (await house.me(tokens["access_token"])).status_code == 401
        assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_role_that_is_lost_is_lost_in_tokens_too(house: Household) -> None:
    tokens = await house.tokens()
    path = f"/v1/users/{house.anna.id}"
    done = await house.client.patch(path, json={"data": {"roles": ["plugin-user"]}}, headers=house.rig.bearer("*"))
    assert done.status_code == 200
    assert (await house.me(tokens["access_token"])).json()["data"]["scope"] == ""
    assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_scope"


async def test_a_program_gives_a_token_back(house: Household) -> None:
    tokens = await house.tokens()
    assert (await house.post(REVOKE, token=tokens["refresh_token"])).status_code == 200
    assert (await house.me(tokens["access_token"])).status_code == 401
    assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_who_runs_the_gateway_can_look_at_a_refresh_token(house: Household) -> None:
    tokens = await house.tokens()
    body = {"name": "Watch", "roles": ["viewer"]}
    made = await house.client.post("/v1/clients", json={"data": body}, headers=house.rig.bearer("*"))
    watch = made.json()["data"]
    response = await house.client.post(
        INTROSPECT, data={"token": tokens["refresh_token"]}, auth=(watch["client_id"], watch["client_secret"])
    )
    told = response.json()
    assert (told["active"], told["client_id"], told["username"]) == (True, house.program, "anna")


async def test_what_was_granted_outlives_a_restart(house: Household) -> None:
    tokens = await house.tokens()
    house.rig = house.rig.restarted()
    await house.rig.access.load(None)
    transport = httpx.ASGITransport(house.rig.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as house.client:
        assert (await house.me(tokens["access_token"])).status_code == 200
        second = (await house.refresh(tokens["refresh_token"])).json()
        assert (await house.me(second["access_token"])).status_code == 200


async def test_the_metadata_tells_of_the_sign_in_while_there_is_one(house: Household) -> None:
    path = "/.well-known/oauth-authorization-server"
    told = (await house.client.get(path)).json()
    assert told["authorization_endpoint"] == "https://rig/v1/auth/authorize"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert {"authorization_code", "refresh_token"} <= set(told["grant_types_supported"])
    off = replace(house.rig.settings.access, login=False)
    house.rig.settings = replace(house.rig.settings, access=off)
    told = (await house.client.get(path)).json()
    assert "authorization_endpoint" not in told
    assert "authorization_code" not in told["grant_types_supported"]
    assert (await house.client.get("/v1/auth/authorize")).status_code == 404
    assert (
        await house.client.post(FIRST, json={"data": {"code": "x", "name": "x", "password": "x"}})
    ).status_code == 409
