"""What is there for requests that are made up: ids that nobody guesses, and what they belong to.

Without it most of what is asked for is not there, and hardly a line behind that answer is ever tried.
"""

from __future__ import annotations

import itertools
import secrets
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from tests.e2e.programs import until
from tests.gateway.plugins.making import MANIFEST, package

# A busy machine is no failure.
PATIENCE_S = 60.0
_SAID = ("version", "description", "category", "license", "tags")


class Stock:
    """Makes what a path asks for, once until it is gone.

    Args:
        url: of the gateway.
        authority: the file with the certificates that are trusted.
        token: allows everything.
    """

    def __init__(self, url: str, authority: str, token: str) -> None:
        trust = ssl.create_default_context(cafile=authority)
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=url, verify=trust, headers=headers, timeout=60, trust_env=False)
        # Each phase is a process of its own, and what one of them made is there for the next.
        self._family = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._there: dict[str, str] = {}
        self._making: Mapping[str, Callable[[], str]] = {
            "webhook_id": self._webhook,
            "delivery_id": self._delivery,
            "user_id": self._user,
            "client_id": self._client_of_oauth,
            "key_id": self._key,
            "plugin_id": self._plugin,
            "version": lambda: "1.0.0",
            "review_id": self._review,
            "subscription_id": self._subscription,
            "instance_id": self._instance,
            "alarm_id": self._alarm,
            "analysisId": self._analysis,
            "capabilityId": lambda: "modbus-tcp",
            "language": lambda: "python",
        }

    def has(self, name: str) -> bool:
        """Whether it knows what a variable of a path leads to."""
        return name in self._making

    def one(self, name: str) -> str:
        """The id of something that is there, or was when it was last seen."""
        if name not in self._there:
            self._there[name] = self._making[name]()
        return self._there[name]

    def gone(self, name: str) -> None:
        """It is to be made anew, and what belongs to it as well."""
        self._there.pop(name, None)
        if name == "webhook_id":
            self._there.pop("delivery_id", None)
        if name == "plugin_id":
            for other in ("review_id", "subscription_id"):
                self._there.pop(other, None)

    def clear(self, path: str) -> None:
        """Remove what a list has, where no more fits into it."""
        for row in self._client.get(path, params={"page[size]": 100}).json()["data"]:
            id_ = next(row[name] for name in ("id", "client_id", "key_id") if name in row)
            self._client.delete(f"{path}/{id_}", headers={"If-Match": "*"})

    def _made(self, path: str, data: object) -> Any:
        response = self._client.post(path, json={"data": data})
        if response.status_code == 409 and too_many(response.text):
            self.clear(path)
            response = self._client.post(path, json={"data": data})
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.json()["data"]

    def _named(self) -> str:
        return f"stock-{self._family}-{next(self._numbers)}"

    def _webhook(self) -> str:
        made = self._made("/v1/webhooks", {"url": "http://127.0.0.1:9/in", "events": ["user:*"]})
        return str(made["id"])

    def _delivery(self) -> str:
        # To another one than what is asked for: that may be paused by now.
        self.gone("webhook_id")
        path = f"/v1/webhooks/{self.one('webhook_id')}/deliveries"
        self._made("/v1/events", {"event_type": "user:action", "payload": {"action": "button_click"}})

        def look() -> str | None:
            found = self._client.get(path).json()["data"]
            return str(found[0]["id"]) if found else None

        return until(look, "an event is to be delivered", seconds=PATIENCE_S)

    def _user(self) -> str:
        user = {"name": self._named(), "password": "a horse, a battery", "roles": ["viewer"]}
        return str(self._made("/v1/users", user)["id"])

    def _client_of_oauth(self) -> str:
        return str(self._made("/v1/clients", {"name": self._named(), "roles": ["viewer"]})["client_id"])

    def _key(self) -> str:
        key = {"name": self._named(), "owner": f"client:{self.one('client_id')}", "scopes": ["devices:read"]}
        return str(self._made("/v1/auth/api-keys", key)["key_id"])

    def _plugin(self) -> str:
        """One of which there is a package."""
        name = self._named()
        said = {"name": name, **{member: MANIFEST[member] for member in _SAID}}
        self._made("/v1/plugins", {"type": "plugin", "attributes": said})
        content = package(id=name, name=name)
        headers = {"Content-Type": "application/gzip"}
        sent = self._client.put(f"/v1/plugins/{name}/versions/1.0.0/archive", content=content, headers=headers)
        assert sent.status_code == 201, sent.text
        return name

    def _review(self) -> str:
        # One caller writes one review of a plugin.
        self.gone("plugin_id")
        review = {"type": "review", "attributes": {"stars": 4}}
        return str(self._made(f"/v1/plugins/{self.one('plugin_id')}/reviews", review)["id"])

    def _subscription(self) -> str:
        # Of another one than what is asked for: that may be suspended by now.
        self.gone("plugin_id")
        place = f"/plugins/{self.one('plugin_id')}"
        wanted = {"event_pattern": "user:*", "handler_endpoint": f"{place}/events/heard"}
        made = self._made(f"/v1{place}/subscriptions", {"subscriptions": [wanted]})
        return str(made["subscriptions"][0]["id"])

    def _instance(self) -> str:
        # Of another one, for the same reason.
        data = {
            "type": "plugin-instance",
            "relationships": {
                "plugin": {"data": {"type": "plugin", "id": self._plugin()}},
                "owner": {"data": {"type": "organization", "id": "acme"}},
            },
            "attributes": {"config": {}, "permissions": []},
        }
        return str(self._made("/v1/instances", data)["id"])

    def _alarm(self) -> str:
        def look() -> str | None:
            found = self._client.get("/v1/alarms").json()["data"]
            return str(found[0]["alarm_id"]) if found else None

        return until(look, "the device that is not there raises its alarm", seconds=PATIENCE_S)

    def _analysis(self) -> str:
        call = {"jsonrpc": "2.0", "id": 1, "method": "governor.analyze", "params": {"scope": "all"}}
        response = self._client.post("/api/v1/rpc", json=call).json()
        return str(response["result"]["analysisId"])


def too_many(words: str) -> bool:
    """Whether a refusal says that no more of a kind may be."""
    return "no more may be" in words
