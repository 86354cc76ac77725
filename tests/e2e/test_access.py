"""OAuth on a real gateway: the first administrator, clients by the command line, and what survives a crash."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.programs import ferrule, until
from tests.e2e.site import Gateway, Site


@pytest.fixture
def gateway(site: Site) -> Iterator[Gateway]:
    site.configure()
    running = site.start()
    yield running
    running.hang_up()


def anybody(gateway: Gateway) -> httpx.Client:
    trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
    return httpx.Client(base_url=gateway.url, verify=trust, timeout=15, trust_env=False)


def token(client: httpx.Client, id_: str, secret: str, **more: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": id_, "client_secret": secret, **more}
    return client.post("/v1/auth/token", data=form)


def run(site: Site, *words: str) -> dict[str, Any]:
    done = ferrule(*words, "--json", "--state", site.state)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_first_administrator_gets_a_token_for_its_secret(gateway: Gateway) -> None:
    admin = json.loads((gateway.state / "admin.json").read_bytes())
    with anybody(gateway) as client:
        made = token(client, admin["client_id"], admin["client_secret"])
        assert made.status_code == 200, made.text
        bearer = {"Authorization": f"Bearer {made.json()['access_token']}"}
        me = client.get("/v1/auth/me", headers=bearer).json()["data"]
        assert (me["type"], me["roles"], me["scope"]) == ("client", ["admin"], "*")
        call = {"jsonrpc": "2.0", "id": 1, "method": "server.info"}
        assert client.post("/api/v1/rpc", json=call, headers=bearer).status_code == 401
        named = token(client, admin["client_id"], admin["client_secret"], resource=f"{gateway.url}/api/v1").json()
        bearer = {"Authorization": f"Bearer {named['access_token']}"}
        assert "result" in client.post("/api/v1/rpc", json=call, headers=bearer).json()


def test_a_client_of_the_command_line_works_until_it_is_ended(site: Site, gateway: Gateway) -> None:
    made = run(site, "client", "add", "pump room", "--id", "pump", "--role", "viewer")
    key = run(site, "key", "add", "logger", "--owner", "client:pump", "--scope", "devices:read", "--ttl", "1d")
    with anybody(gateway) as client:
        answer = token(client, "pump", made["client_secret"]).json()
        bearer = {"Authorization": f"Bearer {answer['access_token']}"}
        by_key = {"X-API-Key": key["api_key"]}
        for headers in (bearer, by_key):
            assert client.get("/v1/alarms", headers=headers).status_code == 200
            assert client.post("/v1/webhooks", json={"data": {}}, headers=headers).status_code == 403
    [shown] = [one for one in run(site, "client", "list")["clients"] if one["client_id"] == "pump"]
    assert (shown["name"], shown["disabled"]) == ("pump room", False)

    # What was promised is on the disk, whatever comes.
    gateway.hang_up()
    gateway.kill()
    again = site.start()
    with anybody(again) as client:
        assert client.get("/v1/alarms", headers=bearer).status_code == 200
        assert client.get("/v1/alarms", headers=by_key).status_code == 200
        run(site, "client", "disable", "pump")
        until(lambda: client.get("/v1/alarms", headers=bearer).status_code == 401, "its token is void")
        assert client.get("/v1/alarms", headers=by_key).status_code == 401
        assert token(client, "pump", made["client_secret"]).json()["error"] == "invalid_client"
    again.hang_up()
    again.kill()

    last = site.start()
    with anybody(last) as client:
        run(site, "client", "enable", "pump")
        assert client.get("/v1/alarms", headers=bearer).status_code == 401
        assert token(client, "pump", made["client_secret"]).status_code == 200
        secret = run(site, "client", "rotate", "pump")["client_secret"]
        assert token(client, "pump", made["client_secret"]).status_code == 401
        assert token(client, "pump", secret).status_code == 200
    assert run(site, "key", "revoke", key["key_id"]) == {"revoked": key["key_id"]}
    assert run(site, "client", "remove", "pump") == {"removed": "pump"}

    def noted() -> str:
        told = ferrule("audit", "list", "--all", "--json", "--state", site.state).stdout
        return told if "client.remove" in told else ""

    told = until(noted, "what was done is noted")
    assert "auth.issue" in told
    assert made["client_secret"] not in told
    assert secret not in told
    assert key["api_key"].partition(":")[2] not in told


def test_people_read_what_became_of_their_words(site: Site, gateway: Gateway) -> None:
    words = ("--state", site.state)
    made = ferrule("client", "add", "desk", "--role", "viewer", *words)
    assert made.returncode == 0, made.stderr
    assert re.search(r"^client_secret: [A-Za-z0-9_-]{43}$", made.stdout, re.MULTILINE)
    public = ferrule(
        "client", "add", "app", "--public", "--redirect", "http://127.0.0.1/cb", "--role", "viewer", *words
    )
    assert "it has no secret" in public.stdout
    listed = ferrule("client", *words)
    assert "first administrator" in listed.stdout
    id_ = re.search(r"(client-[0-9a-f]{12})\s+desk", listed.stdout)
    assert id_ is not None
    shown = ferrule("client", "show", id_[1], *words)
    assert "roles: viewer" in shown.stdout
    assert ferrule("key", *words).stdout.startswith("there is no API key")
    for wrong, code, reason in (
        (("client", "add", "x", "--role", "boss"), 2, 'there is no role "boss"'),
        (("client", "show", "nobody"), 2, "there is no client nobody"),
        (("client", "remove", json.loads((site.state / "admin.json").read_bytes())["client_id"]), 1, "admin.json"),
        (("key", "add", "x", "--owner", "client:nobody", "--scope", "*"), 2, "there is nobody of this name"),
        (("key", "add", "x", "--owner", "client:a", "--scope", "*", "--ttl", "soon"), 2, "is no time"),
    ):
        done = ferrule(*wrong, *words)
        assert (done.returncode, reason in done.stderr) == (code, True), done.stderr
