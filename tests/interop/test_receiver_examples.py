"""The receivers of docs/examples: they take what a gateway sends and nothing else, and are as short as promised."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from standardwebhooks.webhooks import Webhook

from gateway.api.server.certificates import make_authority, make_leaf
from tests.e2e.programs import PATIENCE_S, free_port, missing, needed

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NODE = Path(__file__).parent / "node"
SECRET = "whsec_4cyykLPV3R0YULUKvlbJ9UTVy6+ppzrevqObOKhc2DE="
MOST_LINES = 25

Post = Callable[[dict[str, str], bytes], int]


def python_receiver(directory: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "webhook_receiver.py")]


def javascript_receiver(directory: Path) -> list[str]:
    node = needed("node")
    if not (NODE / "node_modules" / "standardwebhooks").is_dir():
        missing("standardwebhooks is not installed: .ci/node-clients")
    # Node looks for packages beside the program.
    program = directory / "webhook_receiver.js"
    program.write_text((EXAMPLES / program.name).read_text())
    (directory / "node_modules").symlink_to(NODE / "node_modules")
    return [node, str(program)]


RECEIVERS = pytest.mark.parametrize("command", [python_receiver, javascript_receiver], ids=["python", "javascript"])


@contextmanager
def receiving(command: list[str], directory: Path) -> Iterator[tuple[Post, subprocess.Popen[str]]]:
    authority = make_authority("receiver", time.time())
    leaf = make_leaf(authority.certificate, authority.key, ["127.0.0.1"], time.time())
    key = load_pem_private_key(leaf.key, None)
    (directory / "leaf.pem").write_bytes(leaf.certificate)
    (directory / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    port = free_port()
    words = [*command, str(port), str(directory / "leaf.pem"), str(directory / "key.pem")]
    trust = ssl.create_default_context(cadata=authority.certificate.decode())

    def post(headers: dict[str, str], body: bytes) -> int:
        connection = HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=trust)
        connection.request("POST", "/in", body, headers)
        try:
            return connection.getresponse().status
        finally:
            connection.close()

    with subprocess.Popen(
        words, env={"WEBHOOK_SECRET": SECRET, "PATH": ""}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as program:
        try:
            _await_it(port, program)
            yield post, program
        finally:
            program.kill()


def _await_it(port: int, program: subprocess.Popen[str]) -> None:
    last = time.monotonic() + PATIENCE_S
    while program.poll() is None and time.monotonic() < last:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the receiver does not run")


def delivery(id_: str, *, secret: str = SECRET, late_s: float = 0) -> tuple[dict[str, str], bytes]:
    """What the gateway sends of an event, in the form of docs/webhooks.md."""
    at = datetime.now(UTC) - timedelta(seconds=late_s)
    event = {
        "event_id": id_,
        "event_type": "alarm:raised",
        "timestamp": "2026-01-13T13:00:00Z",
        "data": {"message": "zu heiß"},
    }
    body = json.dumps(event, ensure_ascii=False)
    headers = {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,{'A' * 43}= {Webhook(secret).sign(id_, at, body)}",
    }
    return headers, body.encode()


@RECEIVERS
def test_what_the_gateway_sends_is_taken_once_and_nothing_else(
    command: Callable[[Path], list[str]], tmp_path: Path
) -> None:
    with receiving(command(tmp_path), tmp_path) as (post, program):
        assert post(*delivery("event-1")) == 204
        # The same event once more, as after a lost answer, is taken and told of once.
        assert post(*delivery("event-1")) == 204
        assert post(*delivery("event-2", secret="whsec_" + "A" * 32)) == 401
        assert post(*delivery("event-3", late_s=3600)) == 401
        headers, body = delivery("event-4")
        assert post(headers, body.replace(b"raised", b"erased")) == 401
        assert post({"content-length": str(len(body))}, body) == 401
        assert post(*delivery("event-5")) == 204
        program.kill()
        assert program.stdout is not None
        told = program.stdout.read().splitlines()
    assert [line.split()[:2] for line in told] == [["2026-01-13T13:00:00Z", "alarm:raised"]] * 2
    assert "zu heiß" in told[0]


@pytest.mark.parametrize("name", ["webhook_receiver.py", "webhook_receiver.js"])
def test_a_receiver_is_as_short_as_the_page_says(name: str) -> None:
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in lines) <= MOST_LINES
