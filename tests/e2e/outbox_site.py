"""Where the drills of events play: a site with a field that comes and goes, a receiver, and everybody who calls."""

from __future__ import annotations

import json
import os
import random
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from gateway.access.enrolment import Enrolments
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens
from gateway.sdk.ferrule_client import Enrolment, FerruleClient
from tests.e2e.outbox_ledger import CLOUD, ORDERED, Ledger
from tests.e2e.programs import FERRULE, Program, free_port, until
from tests.e2e.receiver import Receiver
from tests.e2e.site import Gateway, Site, device, tcp_line

PATTERNS = ("drill:*", "alarm:*", "device:*", "line:*")
OTHERS: Mapping[str, Mapping[str, object]] = {ORDERED: {"ordered": True}, CLOUD: {"format": "cloudevents"}}
POLICY = {"max_attempts": 20, "backoff_multiplier": 1, "initial_delay": 1}
TYPES = ("drill:first", "drill:second:part", "drill:third")
PRIORITIES = ("low", "normal", "high", "urgent")
AGENT = "hvac-1"
STARTED_S = 120.0
# A token is from before any moment the gateway's clock may be set to.
TOKEN_FROM_S = -600.0
# Messages that wait for the agent; a thousand may.
MOST_WAITING = 300
PAGE = 100
# Stands above its limit half of each second.
PLAN = """
[[line]]
name = "plant"
transport = "tcp"
tcp_port = {port}

[[line.device]]
name = "pump"
unit = 1
point = [
  {{ name = "level", table = "holding", address = 0, signal = {{ kind = "counter", per_s = 200, wraps_at = 200 }} }},
]
"""
ALARMS = """
[[alarm]]
name = "level-high"
tag = "plant/pump/level"
high = 100

[[alarm]]
name = "pump-gone"
device_down = "plant/pump"
severity = "critical"
"""


class Caller:
    """A thread that does something over and over while there is a gateway."""

    def __init__(self, drill: Drill, once: Callable[[httpx.Client], None]) -> None:
        self._drill = drill
        self._once = once
        self._over = threading.Event()
        self.failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as failure:  # noqa: BLE001 - raised by who ends it
            self.failed = failure

    def _work(self) -> None:
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
        if self.failed is not None:
            raise self.failed


class Drill:
    """One site, one receiver, one device, and everybody who calls.

    Args:
        directory: where it plays.
        seed: of the kills and the receiver's moods.
        state: the state directory, where it is another one than the site's own.

    Attributes:
        ledger: what was promised.
        lock: held by who writes into it.
        deaf: set for the listener to end.
        gateway: that can be called now.
        environment: of gateways that are started.
        before: a command that starts the gateway, which follows it.
        others: paths of webhooks beside the first one.
        seen: where its state directory is for others, where it is another place for them.
        chance: of everything.
    """

    def __init__(self, directory: Path, seed: int, state: Path | None = None) -> None:
        self.ledger = Ledger()
        self.lock = threading.Lock()
        self.deaf = threading.Event()
        self.gateway: Gateway | None = None
        self.environment: dict[str, str] = {}
        self.before: tuple[str, ...] = ()
        self.others: tuple[str, ...] = ()
        self.seen: Path | None = None
        self.chance = random.Random(seed)
        self.receiver = Receiver(directory / "receiver", seed)
        self.site = Site(directory / "site")
        self.site.state = state or self.site.state
        port = free_port()
        plan = directory / "pump.toml"
        plan.write_text(PLAN.format(port=port))
        self.device = Program([FERRULE, "simulate", plan, "--directory", directory], self.site.prints)
        self.device.line("serving")
        level = 'name = "level", table = "holding", address = 0, type = "uint16"'
        line = tcp_line("plant", port, device("pump", 1, [level], 'poll = "50ms"'), 'timeout = "100ms"')
        allowed = f'[[webhook.allow]]\nnetwork = "127.0.0.1/32"\nca = "{self.receiver.authority}"\n'
        self.site.configure(f"{allowed}{ALARMS}{line}")
        self._numbers = iter(range(1, 10**9))

    def start(self) -> Gateway:
        """Start a gateway on what is there, and wait until it serves."""
        gateway = self.site.launch(self.environment, self.before)
        # The drills run beside each other: what takes a second takes half a minute.
        gateway.line("ready https://", seconds=STARTED_S)
        gateway.ready()
        gateway.state = self.seen or gateway.state
        return gateway

    def client(self, gateway: Gateway) -> httpx.Client:
        trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
        headers = {"Authorization": f"Bearer {self._token(gateway)}"}
        return httpx.Client(base_url=gateway.url, verify=trust, headers=headers, timeout=10, trust_env=False)

    def _token(self, gateway: Gateway) -> str:
        return OperatorTokens(load_root_key(gateway.state), _early, lambda: True).issue(("*",))

    def begin(self) -> Gateway:
        """Start the gateway for the first time, register the webhook and the agent that messages are for."""
        gateway = self.start()
        body = {"url": self.receiver.url(), "events": [*PATTERNS, "message:*"], "retry_policy": POLICY}
        with self.client(gateway) as client:
            answer = client.post("/v1/webhooks", json={"data": body})
            assert answer.status_code == 201, answer.text
            registered = answer.json()["data"]
            self.ledger.since = registered["seq"]
            self.receiver.trust(registered["signing_secret"])
        made = Enrolments(load_root_key(gateway.state), time.time).issue(AGENT)
        card = {"agentId": AGENT, "name": AGENT, "description": "reads its messages", "version": "1.0.0"}
        card |= {"capabilities": [], "endpoints": []}  # type: ignore[dict-item]  # none of either
        enrolment = Enrolment(made.agent_id, made.kid, made.token, made.secret)
        with FerruleClient(gateway.url, card, ca=gateway.state / "ca.pem", enrolment=enrolment) as agent:
            agent.register()
        self.gateway = gateway
        return gateway

    def begin_others(self, gateway: Gateway) -> None:
        """Register webhooks beside the first one: one that asks for order, and one for CloudEvents."""
        with self.client(gateway) as client:
            for path, wish in OTHERS.items():
                body = {"url": self.receiver.url(path), "events": ["drill:*"], "retry_policy": POLICY, **wish}
                answer = client.post("/v1/webhooks", json={"data": body})
                assert answer.status_code == 201, answer.text
                self.receiver.trust(answer.json()["data"]["signing_secret"], path)
        self.others = tuple(OTHERS)

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
                self._refused(answer)

    def write(self, client: httpx.Client) -> None:
        """Send a message."""
        with self.lock:
            number, waiting = next(self._numbers), len(self.ledger.messages) - len(self.ledger.read)
        if waiting > MOST_WAITING:
            time.sleep(0.02)
            return
        content = f"message {number} " + "y" * (number % 500)
        body = {"to_agent": AGENT, "content": content, "priority": PRIORITIES[number % 4]}
        answer = client.post("/v1/messages", json={"data": body})
        with self.lock:
            if answer.status_code == 201:
                self.ledger.messages[answer.json()["data"]["message_id"]] = content
            else:
                self._refused(answer)

    def read(self, client: httpx.Client) -> None:
        """Pull messages, and say of two thirds that they arrived."""
        answer = client.get("/v1/messages", params={"to_agent": AGENT, "limit": 30})
        if answer.status_code != 200:
            with self.lock:
                self._refused(answer)
            return
        rows = answer.json()["data"]
        if len(rows) < 3:
            time.sleep(0.02)
        for row in rows[: len(rows) * 2 // 3]:
            again = row["message_id"] in self.ledger.read
            done = client.post(f"/v1/messages/{row['message_id']}/acknowledge")
            with self.lock:
                if again:
                    self.ledger.refused["a message waits again that was acknowledged"] += 1
                if done.status_code == 200:
                    self.ledger.read.add(row["message_id"])
                else:
                    self._refused(done)

    def _refused(self, answer: httpx.Response) -> None:
        self.ledger.refused[f"{answer.status_code} {answer.text[:300]}"] += 1

    def listen(self, client: httpx.Client) -> None:
        """Hear everything, each time from where it was heard to."""
        del client
        gateway = self.gateway
        if gateway is None:
            return
        trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
        headers = {"Authorization": f"Bearer {self._token(gateway)}"}
        with suppress(WebSocketException, OSError, TimeoutError):
            where = gateway.url.replace("https", "wss") + "/v1/events"
            with connect(where, ssl=trust, additional_headers=headers, proxy=None) as live:
                after = self.ledger.heard[-1] if self.ledger.heard else 0
                live.send(json.dumps({"type": "subscribe", "patterns": PATTERNS, "resume_from": after}))
                while not self.deaf.is_set() and self.gateway is gateway:
                    with suppress(TimeoutError):
                        frame = json.loads(live.recv(timeout=0.2))
                        with self.lock:
                            self.ledger.hear(frame)

    def swing(self, client: httpx.Client) -> None:
        """Let the device fall silent for a moment."""
        del client
        time.sleep(random.uniform(0.3, 2.0))
        self.device.send(signal.SIGSTOP)
        time.sleep(random.uniform(0.3, 1.5))
        self.device.send(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the gateway as it stands."""
        gateway = self.gateway
        assert gateway is not None
        self.gateway = None
        gateway.kill()
        gateway.hang_up()

    def drain(self, seconds: float) -> None:
        """Wait until everything that was promised has arrived at the receiver, and events at the listener.

        Raises:
            AssertionError: for so many seconds nothing of what was missing has arrived.
        """
        # How long all of it takes depends on how busy the machine is.
        while left := self._left():

            def arrived(left: int = left) -> bool:
                return self._left() < left

            try:
                until(arrived, "more of what was promised has arrived", seconds=seconds)
            except AssertionError as late:
                raise AssertionError(f"{late}: {self._missing()}") from None

    def _left(self) -> int:
        return sum(map(len, self._missing().values()))

    def _missing(self) -> dict[str, set[str]]:
        with self.lock:
            missing = self.ledger.missing(self.receiver.received)
            for path in self.others:
                if lacking := self.ledger.acknowledged.keys() - self.receiver.at(path).bodies.keys():
                    missing[f"acknowledged events, at {path}"] = lacking
            return missing

    def logged(self) -> set[str]:
        """Ids of all events in the log."""
        return {row["id"] for row in self._all("/v1/events")}

    def mailbox(self) -> dict[str, dict[str, object]]:
        """All messages, read or not, by id."""
        rows = self._all("/v1/messages", to_agent=AGENT, waiting="false")
        return {row["message_id"]: row for row in rows}

    def _all(self, path: str, **more: str) -> Iterator[dict[str, Any]]:
        assert self.gateway is not None
        after = 0
        with self.client(self.gateway) as client:
            while True:
                answer = client.get(path, params={"after": after, "limit": PAGE, **more})
                assert answer.status_code == 200, answer.text
                rows = answer.json()["data"]
                yield from rows
                if len(rows) < PAGE:
                    return
                after = answer.json()["meta"]["after"]

    def close(self) -> None:
        self.receiver.close()
        with suppress(ProcessLookupError):
            self.device.send(signal.SIGCONT)
        self.device.kill()
        self.site.close()


def lacking(reason: str) -> str:
    """Something this machine lacks: said with what was proven, except in CI, where it is a failure."""
    assert os.environ.get("CI") != "true", f"{reason}, and CI must have it"
    return f" ({reason})"


def _early() -> float:
    return time.time() + TOKEN_FROM_S
