"""What a gateway acknowledged to callers before its power went, and whether it still knows."""

from __future__ import annotations

import itertools
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

TYPE = "drill:cut"
# One of so many calls registers a client of OAuth, the others publish an event: they are kept in different files.
_CLIENT_EVERY = 8
_PAGE = 100


@dataclass
class Promises:
    """All that was acknowledged, and the way to ask for it.

    Args:
        port: of this machine that leads to the gateway.
        host: its name on the network, without ``.local``.
        authority: its certificate authority, in PEM.
        token: that allows everything.

    Attributes:
        events: number that was published, by the id that was given to it.
        clients: names by id.
        unanswered: calls whose end nobody knows: they may have been taken or not.
    """

    port: int
    host: str
    authority: str
    token: str
    events: dict[str, int] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def client(self) -> httpx.Client:
        """Somebody who calls it by its name, and trusts its own authority alone."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.port}",
            verify=ssl.create_default_context(cadata=self.authority),
            headers={"Host": f"{self.host}.local:{self.port}", "Authorization": f"Bearer {self.token}"},
            timeout=60.0,
        )

    def ask(self, client: httpx.Client, method: str, path: str, body: object = None) -> httpx.Response:
        """One call."""
        sent = None if body is None else {"data": body}
        return client.request(method, path, json=sent, extensions={"sni_hostname": f"{self.host}.local"})

    def one_more(self, client: httpx.Client) -> None:
        """Have one more thing acknowledged, and note that it was."""
        number = next(self.numbers)
        if number % _CLIENT_EVERY == 0:
            name = f"drill {number}"
            answer = self.ask(client, "POST", "/v1/clients", {"name": name, "scopes": ["events:subscribe"]})
            if answer.status_code == 201:
                self.clients[answer.json()["data"]["client_id"]] = name
        else:
            answer = self.ask(client, "POST", "/v1/events", {"event_type": TYPE, "payload": {"number": number}})
            if answer.status_code == 202:
                self.events[answer.json()["data"]["event_id"]] = number
        if answer.status_code == 429:
            time.sleep(1)
        else:
            # What a disk of this slowness does not take in time is refused, and then nothing was promised.
            assert answer.status_code in {201, 202, 503}, answer.text

    def broken(self) -> list[str]:
        """What it does not know any more, in words."""
        with self.client() as client:
            events = {
                row["id"]: row["data"]["number"] for row in self._pages(client, f"/v1/events?type={TYPE}&limit={_PAGE}")
            }
            clients = {row["client_id"]: row["name"] for row in self._pages(client, f"/v1/clients?page[size]={_PAGE}")}
        lost = [f"event {number}" for id_, number in self.events.items() if events.get(id_) != number]
        return lost + [f"client {name}" for id_, name in self.clients.items() if clients.get(id_) != name]

    def _pages(self, client: httpx.Client, path: str | None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while path is not None:
            answer = self.ask(client, "GET", path)
            assert answer.status_code == 200, answer.text
            said = answer.json()
            rows += said["data"]
            path = said["links"].get("next")
        return rows


class Caller:
    """Has one thing after another acknowledged, until the line is dead.

    Args:
        promises: notes them.
    """

    def __init__(self, promises: Promises) -> None:
        self._promises = promises
        self._thread = threading.Thread(target=self._call, daemon=True)
        self._failed: AssertionError | None = None
        self._thread.start()

    def end(self) -> None:
        """Wait until it has found out that the board is gone.

        Raises:
            AssertionError: it was refused what it should have got.
        """
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def _call(self) -> None:
        try:
            with self._promises.client() as client:
                while True:
                    self._promises.one_more(client)
        except httpx.TransportError:
            self._promises.unanswered += 1
        except AssertionError as error:
            self._failed = error
