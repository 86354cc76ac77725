"""``ferrule webhooks`` against a real gateway, with the receiver that docs/webhooks.md begins with."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from gateway.api.server.certificates import make_authority, make_leaf
from tests.e2e.programs import Program, ferrule, free_port, until
from tests.e2e.simulated import POLL
from tests.e2e.site import Site, device, tcp_line

RECEIVER = Path(__file__).parents[2] / "docs" / "examples" / "webhook_receiver.py"
REST = """
[[alarm]]
name = "away"
device_down = "dead/absent"

[[alarm]]
name = "no-level"
tag = "dead/absent/level"
not_good = true

[[webhook.allow]]
network = "127.0.0.1/32"
ca = "receiver-ca.pem"
"""

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def run(site: Site) -> Run:
    def call(*words: str) -> CompletedProcess[str]:
        return ferrule(*words, "--state", site.state)

    return call


@pytest.fixture
def receive(site: Site) -> Iterator[Callable[[int, str], Program]]:
    authority = make_authority("receiver", time.time())
    leaf = make_leaf(authority.certificate, authority.key, ["127.0.0.1"], time.time())
    key = load_pem_private_key(leaf.key, None)
    place = site.config.parent
    (place / "receiver-ca.pem").write_bytes(authority.certificate)
    (place / "leaf.pem").write_bytes(leaf.certificate)
    (place / "leaf.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    begun: list[Program] = []

    def begin(port: int, secret: str) -> Program:
        prints = site.directory / f"receiver-{len(begun)}"
        prints.mkdir()
        words: list[str | Path] = [sys.executable, RECEIVER, str(port), place / "leaf.pem", place / "leaf.key"]
        begun.append(Program(words, prints, env={"WEBHOOK_SECRET": secret}))
        return begun[-1]

    yield begin
    for program in begun:
        program.kill()


def found(done: CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_alarm_reaches_a_receiver_that_was_away(
    site: Site, run: Run, receive: Callable[[int, str], Program]
) -> None:
    level = device("absent", 9, ['name = "level", table = "holding", address = 0, type = "uint16"'], POLL)
    site.configure(tcp_line("dead", free_port(), level) + REST)
    site.start()
    port = free_port()
    done = run("webhooks", "add", f"https://127.0.0.1:{port}/in", "--events", "alarm:*")
    assert done.returncode == 0, done.stderr
    secret = re.findall(r"^secret: (\S+)$", done.stdout, re.MULTILINE)[0]
    receiver = receive(port, secret)
    until(lambda: run("webhooks", "test", "127.0.0.1").returncode == 0, "the receiver takes a test")
    until(lambda: run("alarms", "ack", "away").returncode == 0, "the first alarm stands")
    until(lambda: "alarm:acknowledged" in receiver.stdout, "it is told that somebody has seen it")

    receiver.kill()
    until(lambda: run("alarms", "ack", "no-level").returncode == 0, "the second alarm stands")

    def waiting() -> Any:
        rows = found(run("webhooks", "deliveries", "127.0.0.1", "--status", "waiting", "--json"))["deliveries"]
        return [row for row in rows if row["event_type"] == "alarm:acknowledged" and row["attempts"]]

    [row] = until(waiting, "it waits for its next attempt")
    shown = run("webhooks", "deliveries", "127.0.0.1", row["id"][-10:])
    assert "Connection refused" in shown.stdout
    assert "failing " in run("webhooks").stdout
    secret = found(run("webhooks", "rotate", "127.0.0.1", "--json"))["signing_secret"]
    receiver = receive(port, secret)
    until(lambda: run("webhooks", "test", "127.0.0.1").returncode == 0, "the receiver is back")
    assert run("webhooks", "redeliver", "127.0.0.1", row["id"]).returncode == 0
    until(lambda: "no-level" in receiver.stdout, "it is told after all")
    assert found(run("webhooks", "--json"))["webhooks"][0]["last_success"] is not None
    assert run("webhooks", "remove", "127.0.0.1").returncode == 0
    assert run("webhooks").stdout.startswith("no webhook is registered")
