"""Both iterators over real TLS, with a WebSocket server that is not ours."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from gateway.sdk.ferrule_client import (
    AsyncFerruleClient,
    AuthenticationError,
    FerruleClient,
    NotTrustedError,
)

from .server import certificate


class Peer:
    """Tells each connection two more events, and hangs up.

    Attributes:
        said: first frames that came.
        refuse: whether handshakes are answered with 401.
        hangs_up: whether it does, after its two events.
    """

    def __init__(self, ca: Path) -> None:
        self.ca = ca
        self.said: list[dict[str, Any]] = []
        self.refuse = False
        self.hangs_up = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca)
        self._server = serve(self._talk, "127.0.0.1", 0, ssl=context, process_request=self._judge, compression=None)
        self.url = f"https://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _judge(self, connection: ServerConnection, request: Any) -> Any:
        assert request.headers["Authorization"] == "Bearer t.t.t"
        assert request.path == "/v1/events"
        body = json.dumps({"title": "Unauthorized", "status": 401, "detail": "the token was revoked."})
        return connection.respond(401, body) if self.refuse else None

    def _talk(self, connection: ServerConnection) -> None:
        frame = json.loads(connection.recv())
        self.said.append(frame)
        since = frame["resume_from"]
        told = {"type": "subscribed", "rejected": [], "seq": since, "resumed": {"from": since, "complete": True}}
        connection.send(json.dumps(told))
        for number in (since + 1, since + 2):
            event = {"type": "user:x", "timestamp": "2026-11-22T08:13:46Z", "data": {"text": "ü" * 20_000}}
            connection.send(json.dumps({**event, "id": f"e{number}", "seq": number, "gateway": "g", "clock": "x"}))
        if self.hangs_up:
            connection.close(1001, "the gateway stops")
            return
        try:
            connection.recv()
        except ConnectionClosed:
            return


@pytest.fixture
def peer(ca: Path) -> Iterator[Peer]:
    made = Peer(ca)
    yield made
    made.close()


def test_a_blocking_iterator_goes_on_over_connections(peer: Peer) -> None:
    with (
        FerruleClient(peer.url, ca=peer.ca, token="t.t.t") as client,
        client.follow_events(patterns=["user:*"], since=0) as events,
    ):
        assert [next(events).seq for _ in range(5)] == [1, 2, 3, 4, 5]
        assert events.seq == 5
    assert [frame["resume_from"] for frame in peer.said] == [0, 2, 4]


def test_another_thread_ends_it(peer: Peer) -> None:
    peer.hangs_up = False
    with FerruleClient(peer.url, ca=peer.ca, token="t.t.t") as client:
        events = client.follow_events(patterns=["user:*"], since=0)
        heard: list[int] = []
        waiting = threading.Thread(target=lambda: heard.extend(event.seq for event in events), daemon=True)
        waiting.start()
        end = time.monotonic() + 20
        while len(heard) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        events.close()
        waiting.join(20)
        assert (waiting.is_alive(), heard) == (False, [1, 2])
        assert list(events) == []


def test_a_refusal_has_its_type(peer: Peer) -> None:
    peer.refuse = True
    with (
        FerruleClient(peer.url, ca=peer.ca, token="t.t.t") as client,
        client.follow_events(patterns=["user:*"]) as events,
        pytest.raises(AuthenticationError, match="the token was revoked"),
    ):
        next(events)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_an_asynchronous_iterator_goes_on_over_connections(peer: Peer, backend: str) -> None:
    async def follow() -> None:
        async with (
            AsyncFerruleClient(peer.url, ca=peer.ca, token="t.t.t") as client,
            client.follow_events(patterns=["user:*"], since=0) as events,
        ):
            heard = []
            for patience in (0.0, 0.001, 0.02):
                with anyio.move_on_after(patience):
                    heard.append((await anext(events)).seq)
            async for event in events:
                heard.append(event.seq)
                if len(heard) == 5:
                    break
            assert heard == [1, 2, 3, 4, 5]

    anyio.run(follow, backend=backend)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_certificate_of_somebody_else_is_not_trusted(peer: Peer, backend: str, tmp_path: Path) -> None:
    other = certificate(tmp_path)
    with (
        FerruleClient(peer.url, ca=other, token="t.t.t") as client,
        client.follow_events(["alarms"]) as events,
        pytest.raises(NotTrustedError, match="does not vouch for"),
    ):
        next(events)

    async def follow() -> None:
        async with (
            AsyncFerruleClient(peer.url, ca=other, token="t.t.t") as client,
            client.follow_events(["alarms"]) as events,
        ):
            await anext(events)

    with pytest.raises(NotTrustedError, match="does not vouch for"):
        anyio.run(follow, backend=backend)
