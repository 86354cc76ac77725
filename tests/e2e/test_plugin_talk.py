"""Plugins talk to each other within a real gateway, asked over HTTP by an administrator and by themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.programs import PATIENCE_S
from tests.e2e.site import Answer, Gateway, Site
from tests.gateway.plugins.host.real import open_place
from tests.gateway.plugins.making import MANIFEST, PUBLIC_TEXT, package

pytestmark = pytest.mark.e2e
PUBLISHER = f'[[plugin.publisher]]\nname = "workshop"\nkey = "{PUBLIC_TEXT}"\n'
RELEASE = {name: MANIFEST[name] for name in ("version", "description", "category", "license", "tags")}
MAIN = b"""
import json, os, sys


def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


for line in sys.stdin:
    asked = json.loads(line)
    method, params = asked.get("method"), asked.get("params", {})
    answer = {"status": "healthy"}
    if method == "event":
        words = [*params["subscriptions"], params["event"]["data"]["action"]]
        send(method="log", params={"message": "event " + " ".join(words)})
    elif method == "message":
        send(method="log", params={"message": "message " + params["type"]})
        answer = {"heard": params["payload"], "from": params["from"]}
    if "id" in asked and method:
        send(id=asked["id"], result=answer)
    if method == "shutdown":
        os._exit(0)
"""


@pytest.fixture
def site() -> Iterator[Site]:
    """A place for a gateway that users of plugins can pass, where the tests run as root."""
    with open_place() as place:
        made = Site(place / "site")
        try:
            yield made
            made.close()
        finally:
            for gateway in made.gateways:
                gateway.hang_up()
                gateway.kill()


class Caller:
    """Asks a gateway with a token for everything, or another one."""

    def __init__(self, gateway: Gateway, token: str | None = None) -> None:
        self._client = gateway.client
        self._token = token or gateway.token(["*"])

    def ask(self, method: str, path: str, data: object = None, **headers: str) -> httpx.Response:
        body = None if data is None else {"data": data}
        shown = {"Authorization": f"Bearer {self._token}", "Accept": "*/*", **headers}
        return self._client.request(method, path, json=body, headers=shown)

    def done(self, method: str, path: str, data: object = None, **headers: str) -> Answer:
        response = self.ask(method, path, data, **headers)
        assert response.is_success, response.text
        answer: Answer = response.json() if response.content else {}
        return answer

    def install(self, id_: str, *permissions: str) -> str:
        """Publish a plugin, and have an instance of it run; its id."""
        attributes = {**RELEASE, "name": id_}
        self.done("POST", "/v1/plugins", {"type": "plugin", "attributes": attributes})
        content = package({"main.py": MAIN}, id=id_, name=id_, permissions=["send-messages", "read-events"])
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/gzip", "Accept": "*/*"}
        place = f"/v1/plugins/{id_}/versions/1.0.0/archive"
        sent = self._client.put(place, content=content, headers=headers)
        assert sent.status_code == 201, sent.text
        order = {
            "type": "plugin-instance",
            "attributes": {"permissions": list(permissions)},
            "relationships": {"plugin": {"data": {"type": "plugin", "id": id_}}},
        }
        made = str(self.done("POST", "/v1/instances", order)["data"]["id"])
        self.done("POST", f"/v1/instances/{made}/activate")
        return made

    def awaits(self, instance: str, text: str, times: int = 1) -> None:
        """Wait until the log of an instance has a line."""
        until = time.monotonic() + PATIENCE_S
        while True:
            lines = self.done("GET", f"/v1/instances/{instance}/logs")["data"]
            if sum(line["attributes"]["text"] == text for line in lines) >= times:
                return
            assert time.monotonic() < until, lines
            time.sleep(0.2)


def test_they_ask_each_other_and_get_events_that_came_while_they_were_down(site: Site) -> None:
    site.configure(PUBLISHER)
    gateway = site.start()
    boss = Caller(gateway)
    pump = boss.install("pump", "send-messages:scale")
    scale = boss.install("scale", "read-events:user:*")
    out = {"target_plugin": "scale", "message_type": "weigh", "payload": {"unit": "kg"}, "timeout": 60}
    answered = boss.done("POST", "/v1/plugins/pump/communicate", out, Prefer="wait=20")["data"]
    assert (answered["status"], answered["response"]) == ("delivered", {"heard": {"unit": "kg"}, "from": "pump"})
    # The plugin itself, without waiting: the answer comes to its instance.
    shown = boss.done("POST", "/v1/plugins/pump/token")["data"]["access_token"]
    own = Caller(gateway, shown)
    sent = own.done("POST", "/v1/plugins/pump/communicate", out)["data"]
    assert sent["response_expected"]
    assert sent["estimated_response_time"] is not None
    boss.awaits(pump, "message response")
    assert own.ask("POST", "/v1/plugins/scale/communicate", {**out, "target_plugin": "pump"}).status_code == 403
    wanted = {"event_pattern": "user:action:*", "handler_endpoint": "/plugins/scale/events/user-action"}
    boss.done("POST", "/v1/plugins/scale/subscriptions", {"subscriptions": [wanted]})
    event = {"event_type": "user:action", "payload": {"action": "first"}, "persistent": True}
    boss.done("POST", "/v1/plugins/pump/events", event)
    boss.awaits(scale, "event user-action first")
    boss.done("POST", f"/v1/instances/{scale}/deactivate")
    boss.done("POST", "/v1/plugins/pump/events", {**event, "payload": {"action": "second"}})
    assert boss.ask("POST", "/v1/plugins/pump/communicate", out).status_code == 409
    # It outlives the gateway.
    gateway.hang_up()
    assert gateway.stop() == 0
    gateway = site.start()
    boss = Caller(gateway)
    boss.done("POST", f"/v1/instances/{scale}/activate")
    boss.awaits(scale, "event user-action second")
    # Its token ended with the process.
    assert Caller(gateway, shown).ask("GET", "/v1/auth/me").status_code == 401
