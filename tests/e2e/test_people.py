"""People of a real gateway: the first of them, the command, and a stock client that acts for one."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]  # it has none

from tests.e2e.person import CALLBACK, LISTENING, Person, Program
from tests.e2e.programs import FERRULE
from tests.e2e.site import Gateway, Site

ME, KEYS = "/v1/auth/me", "/v1/auth/keys"
PASSWORD = "correct horse battery"
OTHER = "staple horse battery"


def ferrule(gateway: Gateway, *words: str, typed: str = "") -> str:
    """What ``ferrule user`` prints."""
    command = [FERRULE, "user", *words, "--state", str(gateway.state)]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def gateway(site: Site) -> Gateway:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        # The program knows the gateway by its address, over the restart too.
        site.configure(server=f'bind = "127.0.0.1"\nport = {free.getsockname()[1]}')
    text = site.config.read_text()
    more = "anonymous_requests_per_minute = 100000\nanonymous_burst = 10000\n"
    site.config.write_text(text.replace("[limits]\n", f"[limits]\n{more}"))
    gateway = site.start()
    gateway.client.headers["Authorization"] = f"Bearer {gateway.token(['*'])}"
    return gateway


@pytest.fixture
def person(gateway: Gateway) -> Iterator[Person]:
    made = Person(gateway.url, gateway.state)
    yield made
    made.close()


def registered(gateway: Gateway) -> str:
    """A program that may act for people; its ``client_id``."""
    body = {"name": "Panel", "kind": "public", "roles": ["operator"], "redirect_uris": [CALLBACK]}
    made = gateway.client.post("/v1/clients", json={"data": body})
    assert made.status_code == 201, made.text
    return str(made.json()["data"]["client_id"])


@pytest.fixture
def program(gateway: Gateway, person: Person) -> Iterator[Program]:
    made = Program(person, registered(gateway), gateway.state)
    yield made
    made.close()


def test_people_from_the_first_code_to_the_last_token(
    site: Site, gateway: Gateway, person: Person, program: Program
) -> None:
    become_the_first(gateway, person)
    key = make_a_key(gateway, person)
    ferrule(gateway, "add", "ben", "--role", "operator", typed=f"{PASSWORD}\n")

    answer = person.allow(program.link("devices:read system:read"), "ben", PASSWORD)
    assert answer.startswith(f"{LISTENING}?")
    assert dict(parse_qsl(urlsplit(answer).query))["iss"] == program.metadata["issuer"]
    first = program.fetch(answer)
    assert first["scope"] == "devices:read system:read"
    me = program.get(ME, first["access_token"]).json()["data"]
    assert (me["type"], me["roles"]) == ("user", ["operator"])
    second = program.refresh(first["refresh_token"])

    # A restart changes nothing of what was granted.
    gateway.hang_up()
    assert gateway.stop() == 0
    gateway = site.start()
    assert program.get(ME, second["access_token"]).status_code == 200
    third = program.refresh(second["refresh_token"])
    assert person.client.get(ME, headers={"X-API-Key": key}).status_code == 200

    # One that was used before is shown by a thief, or by who was robbed: all ends.
    for token in (second["refresh_token"], third["refresh_token"]):
        with pytest.raises(OAuthError, match="invalid_grant"):
            program.refresh(token)
    assert program.get(ME, third["access_token"]).status_code == 401

    # Granted anew, it ends with the password, and what a role allowed ends with the role.
    tokens = program.fetch(person.allow(program.link("devices:read"), "ben", PASSWORD))
    ferrule(gateway, "password", "ben", typed=f"{OTHER}\n")
    assert program.get(ME, tokens["access_token"]).status_code == 401
    page = person.open(program.link("devices:read"))
    assert person.press(page, "/v1/auth/login", "Sign in", name="ben", password=PASSWORD).status == 403
    tokens = program.fetch(person.allow(program.link("devices:read"), "ben", OTHER))
    ferrule(gateway, "roles", "ben", "plugin-user")
    assert program.get(ME, tokens["access_token"]).json()["data"]["scope"] == ""

    # Nobody signs in where that is switched off, and programs are told so.
    site.config.write_text(f"{site.config.read_text()}\n[access]\nlogin = false\n")
    subprocess.run([FERRULE, "reload", "--state", gateway.state], check=True, capture_output=True)
    page = person.open(program.link("devices:read"))
    assert (page.status, page.heading) == (404, "No sign-in here")
    metadata = person.client.get("/.well-known/oauth-authorization-server").json()
    assert "authorization_endpoint" not in metadata

    for secret in (PASSWORD, OTHER, key.partition(":")[2], third["refresh_token"], third["access_token"]):
        assert secret not in gateway.stderr
        assert secret.encode() not in b"".join(file.read_bytes() for file in gateway.state.glob("*.db*"))


def become_the_first(gateway: Gateway, person: Person) -> None:
    """The code on the board makes the first administrator, once; there is no default password."""
    code = ferrule(gateway, "code").splitlines()[0]
    path, body = "/v1/auth/first-admin", {"name": "anna", "password": PASSWORD}
    wrong = person.client.post(path, json={"data": {**body, "code": "aaaaa-aaaaa-aaaaa-aaaaa"}})
    assert wrong.status_code == 403
    page = person.open("/v1/auth/setup")
    typed = {**body, "code": code, "password_again": PASSWORD}
    page = person.press(page, "/v1/auth/setup", "Become the administrator", **typed)
    assert (page.status, page.heading) == (200, "That is done")
    again = person.client.post(path, json={"data": {**body, "code": code, "name": "eve"}})
    assert again.status_code == 409
    assert not (gateway.state / "first-admin.code").exists()
    shown = json.loads(ferrule(gateway, "list", "--json"))
    assert [(user["name"], user["roles"]) for user in shown["users"]] == [("anna", ["admin"])]


def make_a_key(gateway: Gateway, person: Person) -> str:
    """Who has nothing but a browser comes from there to a call that reads; what is revoked reads no more."""
    page = person.press(person.open("/v1/auth/login"), "/v1/auth/login", "Sign in", name="anna", password=PASSWORD)
    shown: list[str] = []
    for name in ("logger", "other"):
        page = person.press(person.open(KEYS), KEYS, "Make the key", name=name, scope="devices:read")
        shown.append(page.literals[0])
    read = {"jsonrpc": "2.0", "id": 1, "method": "tag.list"}
    for key in shown:
        assert person.client.post("/api/v1/rpc", json=read, headers={"X-API-Key": key}).json()["result"]
    page = person.press(person.open(KEYS), f"{KEYS}/revoke", "Revoke other")
    page = person.press(page, f"{KEYS}/revoke", "Revoke it")
    assert person.press(page, "/v1/auth/logout", "Sign out").heading == "Sign in"
    codes = [person.client.get(ME, headers={"X-API-Key": key}).status_code for key in shown]
    assert codes == [200, 401]
    rows = gateway.client.get("/v1/auth/api-keys").json()["data"]
    assert [row["name"] for row in rows] == ["logger"]
    return shown[0]
