"""A whole gateway with agents, governors and the audit log: over TLS, over a reload, over a restart."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import signal
import socket
import sqlite3
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import rfc8785
import trio

from gateway.access.acts import Act, leave
from gateway.access.enrolment import Enrolment, Enrolments
from gateway.access.generation import rotate
from gateway.access.keys import read_root_key
from gateway.access.tokens import OperatorTokens
from gateway.app import SIGNALS, Gateway
from gateway.start import StartError
from gateway.systemd import Notifier

PATIENCE_S = 30.0
CONFIG = """\
[gateway]
location = "hall"
[server]
bind = "127.0.0.1"
port = {port}

[[line]]
name = "plant"
transport = "tcp"
host = "127.0.0.1"
tcp_port = 1

[[line.device]]
name = "drive"
unit = 1

[[line.device.tag]]
name = "speed"
table = "holding"
address = 0
type = "uint16"
poll = "1s"
writable = true
"""
CARD = {
    "agentId": "hvac-1",
    "name": "HVAC",
    "description": "",
    "version": "1.0.0",
    "capabilities": [],
    "endpoints": [],
}

Visit = Callable[[httpx.AsyncClient], Awaitable[None]]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = tmp_path / "ferrule.toml"
    path.write_text(CONFIG.format(port=port), encoding="utf-8")
    return path


def run(config: Path, visit: Visit) -> None:
    """Run a gateway, visit it once it serves, and stop it."""
    state = config.parent / "state"
    state.mkdir(exist_ok=True)
    urls: list[str] = []
    serving = trio.Event()

    def on_ready(served: list[str]) -> None:
        urls.extend(served)
        serving.set()

    gateway = Gateway(config, state, Notifier(None, None), on_ready)

    async def whole() -> None:
        with trio.fail_after(PATIENCE_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(gateway.run)
                await serving.wait()
                async with httpx.AsyncClient(
                    verify=ssl.create_default_context(cafile=state / "ca.pem"),
                    base_url=urls[0],
                    trust_env=False,
                    timeout=20,
                ) as client:
                    await visit(client)
                signal.raise_signal(signal.SIGTERM)

    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        trio.run(whole)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(enrolment: Enrolment) -> str:
    header = {"alg": "HS256", "kid": enrolment.kid, "iat": int(time.time()), "nonce": secrets.token_hex(16)}
    message = f"{base64url(json.dumps(header).encode())}.{base64url(rfc8785.dumps(CARD))}"
    key = base64.urlsafe_b64decode(f"{enrolment.secret}=")
    proof = base64url(hmac.digest(key, message.encode(), "sha256"))
    return f"{message.partition('.')[0]}..{proof}"


async def call(client: httpx.AsyncClient, token: str, method: str, **params: object) -> dict[str, Any]:
    body = {"jsonrpc": "2.0", "method": method, "id": 1, "params": params}
    answer: dict[str, Any] = (
        await client.post("/api/v1/rpc", json=body, headers={"Authorization": f"Bearer {token}"})
    ).json()
    return answer


async def register(client: httpx.AsyncClient, state: Path) -> str:
    enrolment = Enrolments(read_root_key(state), time.time).issue("hvac-1", scopes=["agents:read", "devices:write"])
    body = {"jsonrpc": "2.0", "method": "agent.register", "id": 1, "params": {"agentCard": CARD}}
    headers = {
        "Authorization": f"Bearer {enrolment.token}",
        "X-Agent-ID": "hvac-1",
        "X-Agent-Signature": signature(enrolment),
    }
    response = await client.post("/api/v1/agents/register", json=body, headers=headers)
    assert response.status_code == 200, response.text
    token: str = response.json()["result"]["token"]
    return token


def change(config: Path) -> None:
    """Let one agent be registered and no more, and have the gateway stand elsewhere."""
    text = config.read_text(encoding="utf-8").replace("hall", "yard")
    config.write_text(text.replace("[[line]]\n", "[limits]\nmax_agents = 1\n\n[[line]]\n"), encoding="utf-8")


def spoil(config: Path) -> None:
    """Write something that no configuration has."""
    config.write_text(f"{config.read_text(encoding='utf-8')}\nnonsense = 1\n", encoding="utf-8")


async def until(held: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds; the whole run has its time limit."""
    for _ in range(10_000):
        if await held():
            return
        await trio.sleep(0.05)


def audited(state: Path) -> list[str]:
    with closing(sqlite3.connect(state / "audit.db")) as database:
        rows = database.execute("SELECT * FROM sqlite_master").fetchall()
        assert rows
        tables = [name for kind, name, *_ in rows if kind == "table" and not name.startswith("sqlite")]
        return [str(row) for table in tables for row in database.execute(f"SELECT * FROM {table}")]  # noqa: S608 - names of our own


def test_an_agent_lives_over_a_restart_and_what_it_did_is_kept(config: Path) -> None:
    state = config.parent / "state"
    tokens: list[str] = []

    async def first(client: httpx.AsyncClient) -> None:
        token = await register(client, state)
        tokens.append(token)
        assert (await call(client, token, "agent.heartbeat", agentId="hvac-1"))["result"]["acknowledged"]
        written = await call(client, token, "tag.write", tag="plant/drive/speed", value=7)
        assert written["result"]["outcome"] in {"not_sent", "refused"}
        services = (await call(client, token, "discovery.services", location="hall"))["result"]["services"]
        assert [service["serviceId"] for service in services] == ["line:plant", "device:plant/drive"]
        assert services[0]["endpoint"] == str(client.base_url).rstrip("/")

    async def second(client: httpx.AsyncClient) -> None:
        (token,) = tokens
        found = (await call(client, token, "agent.list"))["result"]["agents"]
        assert [agent["agentId"] for agent in found] == ["hvac-1"]
        health = (await client.get("/api/v1/health")).json()["result"]
        assert health["agents"]["total"] == 1

    run(config, first)
    run(config, second)
    log = "\n".join(audited(state))
    for action in ("gateway.start", "agent.register", "tag.write", "gateway.stop"):
        assert action in log
    assert tokens[0] not in log


@pytest.mark.parametrize("killed", [False, True])
def test_announced_services_live_over_a_restart(config: Path, tmp_path: Path, *, killed: bool) -> None:
    state = config.parent / "state"
    said: list[dict[str, object]] = []
    service = {
        "serviceId": "logger",
        "name": "Logger",
        "type": "data-logger",
        "capabilities": ["logging"],
        "endpoint": "https://192.168.1.5:8443",
        "ttl": 3600,
    }

    def kept() -> int:
        with closing(sqlite3.connect(state / "ferrule.db")) as database:
            found: int = database.execute("SELECT count(*) FROM fact WHERE kind = 'service'").fetchone()[0]
            with closing(sqlite3.connect(tmp_path / "at-the-kill.db")) as copy:
                database.backup(copy)
        return found

    async def logger(client: httpx.AsyncClient) -> None:
        token = OperatorTokens(read_root_key(state), time.time, lambda: True).issue({"*"})
        said.extend((await call(client, token, "discovery.services", capability="logging"))["result"]["services"])

    async def first(client: httpx.AsyncClient) -> None:
        await call(client, await register(client, state), "discovery.announce", service=service)
        await logger(client)

        async def on_disk() -> bool:
            return kept() == 1

        await until(on_disk)

    run(config, first)
    if killed:
        for file in state.glob("ferrule.db*"):
            file.unlink()
        (tmp_path / "at-the-kill.db").rename(state / "ferrule.db")
    run(config, logger)
    before, after = said
    assert before["serviceId"] == "logger"
    assert after == before


def test_governors_look_at_the_lines(config: Path) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        root = read_root_key(config.parent / "state")
        token = OperatorTokens(root, time.time, lambda: True).issue({"*"})

        async def looked() -> bool:
            shown = (await call(client, token, "governor.status"))["result"]
            return bool(shown["governors"]["operational"]["active"])

        await until(looked)
        status = (await call(client, token, "governor.status"))["result"]
        (lines,) = [term for term in status["governors"]["operational"]["terms"] if term["name"] == "linesUp"]
        assert lines["measured"].endswith("of 1 lines are up")
        begun = await call(client, token, "governor.analyze", scope="agents")
        assert begun["result"]["status"] in {"running", "completed"}

    run(config, visit)


def test_a_gateway_that_must_start_anew_ends_in_order_and_says_so(config: Path) -> None:
    state = config.parent / "state"
    state.mkdir()
    gateway = Gateway(
        config, state, Notifier(None, 60.0), lambda _: endings.append(gateway._end_process("memory grows"))
    )
    endings: list[bool] = []

    async def whole() -> None:
        with trio.fail_after(PATIENCE_S):
            await gateway.run()

    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with pytest.raises(StartError, match="memory grows"):
            trio.run(whole)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert endings == [True]
    assert "gateway.stop" in "\n".join(audited(state))


def test_a_reload_takes_up_rotated_keys_and_changed_limits(config: Path) -> None:
    async def visit(client: httpx.AsyncClient) -> None:
        state = config.parent / "state"
        await register(client, state)
        rotate(state)
        token = OperatorTokens(read_root_key(state), time.time, lambda: True).issue({"*"})
        assert (await call(client, token, "agent.list"))["error"]["code"] == -32001
        change(config)
        leave(state, read_root_key(state), Act("gateway.reload", time.time(), "anna"))
        signal.raise_signal(signal.SIGHUP)

        async def followed() -> bool:
            answer = await call(client, token, "server.info")
            return "result" in answer and answer["result"]["limits"]["maxAgents"] == 1

        await until(followed)
        assert (await call(client, token, "agent.list"))["result"]["total"] == 1
        # Where it stands takes effect at the next start, wherever it is shown.
        assert (await call(client, token, "server.info"))["result"]["server"]["location"] == "hall"
        listed = (await call(client, token, "discovery.services"))["result"]["services"]
        assert {service["metadata"]["location"] for service in listed} == {"hall"}
        spoil(config)
        signal.raise_signal(signal.SIGHUP)

        async def refused() -> bool:
            return any("gateway.reload" in row and "nonsense" in row for row in audited(state))

        await until(refused)

    run(config, visit)
    rows = audited(config.parent / "state")
    (rotated,) = [row for row in rows if "keys.rotate" in row]
    assert '"generation":1' in rotated
    (taken, refused) = [row for row in rows if "gateway.reload" in row]
    assert '"sections":["gateway","limits"]' in taken
    assert ["operator:anna" in row for row in (rotated, taken, refused)] == [True, True, False]
