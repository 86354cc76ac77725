"""A real gateway tells over a WebSocket what happens on its lines, also what happened while nobody listened."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.programs import ferrule, free_port, until
from tests.e2e.site import Gateway, Site, device, tcp_line


@contextmanager
def listening(gateway: Gateway, last: int) -> Iterator[tuple[ClientConnection, Any]]:
    """A client that wants what the lines say, from a number on; what it is told of its subscription."""
    with connect(
        f"wss://{gateway.url.removeprefix('https://')}/v1/events",
        ssl=ssl.create_default_context(cafile=gateway.state / "ca.pem"),
        additional_headers={"Authorization": f"Bearer {gateway.token()}"},
        proxy=None,
        max_queue=None,
    ) as peer:
        peer.send(json.dumps({"type": "subscribe", "channels": ["devices"], "resume_from": last}))
        yield peer, json.loads(peer.recv(timeout=10))


def test_what_happened_while_nobody_listened_comes_after_a_restart(site: Site) -> None:
    # Nobody is at that address: the line, or its device, goes down.
    tag = 'name = "power", table = "input", address = 0, type = "uint16"'
    site.configure(tcp_line("bus", free_port(), device("meter", 1, [tag])))
    gateway = site.start()
    with listening(gateway, 0) as (peer, _):
        first = json.loads(peer.recv(timeout=20))
        assert first["type"].startswith(("device:", "line:"))
        gateway.process.terminate()
        with pytest.raises(ConnectionClosed):
            while True:
                peer.recv(timeout=20)
        assert peer.close_code == 1001
    gateway.process.wait(20)
    again = site.start()
    with listening(again, first["seq"] - 1) as (peer, answer):
        # It is the same log, and the same event in it.
        assert answer["resumed"] == {"from": first["seq"] - 1, "complete": True}
        assert json.loads(peer.recv(timeout=20)) == first
    with listening(again, answer["seq"]) as (_, answer):
        assert answer["resumed"]["complete"]


def refused(gateway: Gateway, **headers: str) -> int:
    """The status a handshake is refused with."""
    with pytest.raises(InvalidStatus) as caught:
        connect(
            f"wss://{gateway.url.removeprefix('https://')}/v1/events",
            ssl=ssl.create_default_context(cafile=gateway.state / "ca.pem"),
            additional_headers=headers,
            proxy=None,
        )
    return caught.value.response.status_code


def test_who_is_refused_stands_in_the_audit_log_and_a_flood_does_not_fill_it(site: Site) -> None:
    site.configure()
    gateway = site.start()
    assert {refused(gateway, Authorization="Bearer nonsense") for _ in range(60)} == {401, 429}
    assert refused(gateway, Origin="https://evil.example") == 403
    with listening(gateway, 0) as (peer, _):
        for _ in range(10):
            peer.send(json.dumps({"type": "subscribe", "channels": ["webhooks"]}))

    def noted() -> list[dict[str, Any]] | None:
        rows = json.loads(ferrule("audit", "list", "--outcome", "denied", "--json", "--state", site.state).stdout)
        return rows["entries"] if len({row["action"] for row in rows["entries"]}) == 4 else None

    rows = until(noted, "every kind of refusal is in the audit log")
    assert {(row["action"], row["who"]["subject"], row["target"]) for row in rows} == {
        ("auth.token", None, None),
        ("rate.limit", None, None),
        ("auth.origin", "https://evil.example", "/v1/events"),
        ("event.subscribe", "operator", "webhooks"),
    }
    assert len(rows) == 4, "the others are counted"
