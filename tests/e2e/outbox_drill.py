"""A gateway that is killed over and over while events, messages and webhooks go through it: what must never be lost.

``python -m tests.drill events`` kills it two hundred times. What was acknowledged is counted by those it was
acknowledged to, what was delivered by a receiver and a WebSocket client that are not ours; the gateway is asked nothing
about itself.
"""

from __future__ import annotations

import json
import random
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.e2e.programs import until
from tests.e2e.receiver import Receiver
from tests.e2e.site import Gateway, Site

KILLS = 200
# How long it lives before it is killed, in seconds from ready.
LIFE_S = (0.05, 1.5)
PUBLISHERS = 3
DRAINED_S = 120.0
SCOPES = ("*",)
POLICY = {"max_attempts": 20, "backoff_multiplier": 1, "initial_delay": 1}
TYPES = ("drill:first", "drill:second:part", "drill:third")


@dataclass
class Ledger:
    """What callers were told, and what listeners heard.

    Attributes:
        acknowledged: payload number by event id, of events that were taken.
        messages: ids of messages that were taken.
        unknown: calls that ended without an answer: nothing was promised.
        refused: calls that were answered, and not with yes.
        heard: numbers of events in the order in which the WebSocket client heard them, over all its connections.
        ids: event ids it heard, by number.
        incomplete: what it was told where the log does not reach back to where it was.
    """

    acknowledged: dict[str, int] = field(default_factory=dict)
    messages: set[str] = field(default_factory=set)
    unknown: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    heard: list[int] = field(default_factory=list)
    ids: dict[int, str] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)


class Caller:
    """A thread that does something over and over while there is a gateway."""

    def __init__(self, drill: Drill, once: Callable[[httpx.Client], None]) -> None:
        self._drill = drill
        self._once = once
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client: httpx.Client | None = None
        where = ""
        while not self._over.is_set():
            gateway = self._drill.gateway
            if gateway is None:
                time.sleep(0.005)
                continue
            if client is None or where != gateway.url:
                if client is not None:
                    client.close()
                where, client = gateway.url, self._drill.client(gateway)
            try:
                self._once(client)
            except httpx.HTTPError:
                with self._drill.lock:
                    self._drill.ledger.unknown += 1
                client.close()
                client = None
                time.sleep(0.01)
        if client is not None:
            client.close()

    def end(self) -> None:
        """Do it no more."""
        self._over.set()
        self._thread.join()


class Drill:
    """One site, one receiver, and everybody who calls.

    Args:
        directory: where it plays.
        seed: of the kills and the receiver's moods.
    """

    def __init__(self, directory: Path, seed: int) -> None:
        self.ledger = Ledger()
        self.lock = threading.Lock()
        self.deaf = threading.Event()
        self.gateway: Gateway | None = None
        self.receiver = Receiver(directory / "receiver", seed)
        self.site = Site(directory / "site")
        allowed = f'[[webhook.allow]]\nnetwork = "127.0.0.1/32"\nca = "{self.receiver.authority}"\n'
        self.site.configure(allowed)
        self._numbers = iter(range(1, 10**9))
        self._random = random.Random(seed)

    def client(self, gateway: Gateway) -> httpx.Client:
        trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
        headers = {"Authorization": f"Bearer {gateway.token(SCOPES)}"}
        return httpx.Client(base_url=gateway.url, verify=trust, headers=headers, timeout=10, trust_env=False)

    def begin(self) -> None:
        """Start the gateway for the first time, and register the webhook."""
        gateway = self.site.start()
        body = {"url": self.receiver.url, "events": ["drill:*", "message:*"], "retry_policy": POLICY}
        with self.client(gateway) as client:
            answer = client.post("/v1/webhooks", json={"data": body})
            assert answer.status_code == 201, answer.text
            self.receiver.trust(answer.json()["data"]["signing_secret"])
        self.gateway = gateway

    def publish(self, client: httpx.Client) -> None:
        """Hand over an event."""
        with self.lock:
            number = next(self._numbers)
        body = {"event_type": TYPES[number % len(TYPES)], "payload": {"number": number, "text": "x" * (number % 700)}}
        answer = client.post("/v1/events", json={"data": body})
        with self.lock:
            if answer.status_code == 202:
                self.ledger.acknowledged[answer.json()["data"]["event_id"]] = number
            else:
                self.ledger.refused[f"{answer.status_code} {answer.text[:300]}"] += 1

    def listen(self, client: httpx.Client) -> None:
        """Hear everything, each time from where it was heard to."""
        gateway = self.gateway
        if gateway is None:
            return
        trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
        headers = {"Authorization": f"Bearer {gateway.token(SCOPES)}"}
        with suppress(WebSocketException, OSError, TimeoutError):
            where = gateway.url.replace("https", "wss") + "/v1/events"
            with connect(where, ssl=trust, additional_headers=headers, proxy=None) as live:
                after = self.ledger.heard[-1] if self.ledger.heard else 0
                live.send(json.dumps({"type": "subscribe", "patterns": ["drill:*"], "resume_from": after}))
                while not self.deaf.is_set() and self.gateway is gateway:
                    with suppress(TimeoutError):
                        self._hear(json.loads(live.recv(timeout=0.2)))

    def _hear(self, frame: dict[str, object]) -> None:
        if frame["type"] == "subscribed":
            resumed = frame["resumed"]
            assert isinstance(resumed, dict)
            # From nothing is from the first one ever, and nobody knows what was before this state directory.
            if self.ledger.heard and not resumed["complete"]:
                self.ledger.incomplete.append(json.dumps(frame))
        elif str(frame["type"]).startswith("drill:"):
            sequence = int(str(frame["seq"]))
            self.ledger.heard.append(sequence)
            self.ledger.ids[sequence] = str(frame["id"])

    def kill(self) -> None:
        """Let it live for a moment, kill it, and start it anew on what is left."""
        gateway = self.gateway
        assert gateway is not None
        time.sleep(self._random.uniform(*LIFE_S))
        self.gateway = None
        gateway.kill()
        gateway.hang_up()
        self.gateway = self.site.start()

    def drained(self) -> bool:
        """Whether everything that was acknowledged has arrived at the receiver and at the listener."""
        with self.lock:
            ids = set(self.ledger.acknowledged)
        return ids <= set(self.receiver.received.bodies) and ids <= set(self.ledger.ids.values())

    def close(self) -> None:
        self.receiver.close()
        self.site.close()


def drill(kills: int = KILLS, seed: int = 1) -> str:
    """Kill it so often; says what was acknowledged and what arrived.

    Raises:
        AssertionError: something that was acknowledged is lost, forged, out of order, or another event by the same id.
    """
    with tempfile.TemporaryDirectory() as directory:
        played = Drill(Path(directory), seed)
        try:
            return _play(played, kills)
        finally:
            played.close()


def _play(played: Drill, kills: int) -> str:
    played.begin()
    publishers = [Caller(played, played.publish) for _ in range(PUBLISHERS)]
    listener = Caller(played, played.listen)
    try:
        begun = time.monotonic()
        for _ in range(kills):
            played.kill()
        seconds = time.monotonic() - begun
        played.receiver.good = True
    finally:
        for publisher in publishers:
            publisher.end()
    try:
        until(played.drained, "everything that was acknowledged has arrived", seconds=DRAINED_S)
    finally:
        played.deaf.set()
        listener.end()
    return _judged(played, kills, seconds)


def _judged(played: Drill, kills: int, seconds: float) -> str:
    ledger, received = played.ledger, played.receiver.received
    changed = [id_ for id_, bodies in received.bodies.items() if len({_lasting(body) for body in bodies}) > 1]
    wrong = [
        id_
        for id_, number in ledger.acknowledged.items()
        for body in received.bodies[id_]
        if dict(body["data"])["number"] != number  # type: ignore[call-overload]  # an object, as it was sent
    ]
    backwards = [now for before, now in zip(ledger.heard, ledger.heard[1:], strict=False) if now <= before]
    found = {
        "deliveries with another signature": received.forged,
        "ids with different events": len(changed),
        "acknowledged events with another's data": len(wrong),
        "events heard twice or out of order": len(backwards),
        "times the log did not reach back": len(ledger.incomplete),
        "calls refused": sum(ledger.refused.values()),
    }
    assert not any(found.values()), f"{found} {ledger.refused} {ledger.incomplete}"
    assert ledger.acknowledged, "nobody was acknowledged anything"
    deliveries = sum(map(len, received.bodies.values()))
    again = deliveries - len(received.bodies)
    moods = ", ".join(f"{mood} {number}" for mood, number in received.moods.most_common())
    return (
        f"{kills} kills in {seconds:.0f} s: {len(ledger.acknowledged)} events acknowledged, none lost, none forged; "
        f"{ledger.unknown} calls without an answer; {deliveries} deliveries of {len(received.bodies)} events, {again} "
        f"of them again with the same id; {len(ledger.heard)} heard over a WebSocket, in order, none twice\n"
        f"    the receiver: {moods}"
    )


def _lasting(body: dict[str, object]) -> str:
    """What must be the same in every attempt."""
    return json.dumps([body[name] for name in ("event_id", "event_type", "timestamp", "data")], sort_keys=True)
