"""Both clients over real TLS, with a small server that is no gateway."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trio

from gateway.sdk.ferrule_client import (
    AsyncFerruleClient,
    AuthenticationError,
    Call,
    ConfigurationError,
    Enrolment,
    FerruleClient,
    NotTrustedError,
    Outcome,
    ProtocolError,
    RateLimitError,
    Report,
    UnreachableError,
)

from .conftest import CARD
from .server import Server, certificate

ENROLMENT = {
    "agentId": "temp-sensor-001",
    "kid": "kid-1",
    "secret": "UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw",
    "token": "enrolment",
    "expiresAt": "2099-01-01T00:00:00.000Z",
}


def refusal(code: int, **data: object) -> tuple[int, bytes]:
    error = {"code": code, "message": "m", "data": data}
    return (429 if code == -32004 else 200), json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode()


@pytest.fixture
def server(ca: Path) -> Iterator[Server]:
    made = Server(ca)
    made.answers |= {
        "agent.register": {"agentId": "temp-sensor-001", "token": "t-1", "expiresAt": "2099-01-01T00:00:00Z"},
        "agent.heartbeat": {"acknowledged": True, "nextHeartbeat": "2099-01-01T00:00:00Z"},
    }
    yield made
    made.close()


@pytest.fixture
def client(server: Server) -> Iterator[FerruleClient]:
    with FerruleClient(server.url, CARD, ca=server.ca, enrolment=Enrolment.read(ENROLMENT)) as made:
        yield made


def test_an_agent_registers_and_beats(server: Server, client: FerruleClient) -> None:
    assert client.register().agent_id == "temp-sensor-001"
    assert client.heartbeat(metrics={"cpu": 1.0}).wait == 30
    first, second = server.seen
    assert first["path"] == "/api/v1/rpc"
    assert first["headers"]["authorization"] == "Bearer enrolment"
    assert first["headers"]["user-agent"].startswith("ferrule-client/")
    assert second["headers"]["authorization"] == "Bearer t-1"
    assert client.token == "t-1"


def test_the_environment_decides_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca))
    server.answers["x"] = 1
    with FerruleClient(server.url, ca=server.ca) as client:
        assert client.call("x") == 1


def test_only_the_given_authority_is_trusted(server: Server, tmp_path: Path) -> None:
    other = certificate(tmp_path)
    with FerruleClient(server.url, ca=other) as client, pytest.raises(NotTrustedError, match="ca"):
        client.call("x")
    named = server.url.replace("127.0.0.1", "localhost")
    with FerruleClient(named, ca=server.ca) as client, pytest.raises(NotTrustedError):
        client.call("x")
    assert server.seen == []


def test_nothing_older_than_tls_1_3_is_spoken(ca: Path) -> None:
    server = Server(ca, ssl.TLSVersion.TLSv1_2)
    try:
        with FerruleClient(server.url, ca=ca) as client, pytest.raises(UnreachableError) as caught:
            client.call("x")
        assert not caught.value.sent
    finally:
        server.close()


def test_ca_may_be_given_as_its_content(server: Server) -> None:
    server.answers["x"] = 1
    for content in (server.ca.read_bytes(), server.ca.read_text(), str(server.ca)):
        with FerruleClient(server.url, ca=content) as client:
            assert client.call("x") == 1


def test_what_cannot_be_used_is_said_at_once(ca: Path, tmp_path: Path) -> None:
    (tmp_path / "not.pem").write_text("nothing")
    url = "https://192.168.1.10"
    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        FerruleClient(url, ca=tmp_path / "not.pem")
    with pytest.raises(ConfigurationError, match="No such file"):
        FerruleClient(url, ca=tmp_path / "missing.pem")
    with pytest.raises(ConfigurationError, match="client_cert"):
        FerruleClient(url, ca=ca, client_cert=tmp_path / "not.pem")
    with pytest.raises(ConfigurationError, match="agent_card"):
        FerruleClient(url, ca=ca, enrolment=Enrolment.read(ENROLMENT))
    with pytest.raises(ConfigurationError, match="another"):
        FerruleClient(url, {**CARD, "agentId": "another"}, ca=ca, enrolment=Enrolment.read(ENROLMENT))
    with pytest.raises(ConfigurationError, match="Ed25519"):
        FerruleClient(url, CARD, ca=ca, enrolment=Enrolment.read({**ENROLMENT, "secret": None}))
    with pytest.raises(ConfigurationError, match="JSON"):
        FerruleClient(url, CARD, ca=ca, enrolment=tmp_path / "not.pem")
    for wrong in ("", "ä", "a\r\nX: y", None, "-a"):
        with pytest.raises(ConfigurationError, match="agentId"):
            FerruleClient(url, {**CARD, "agentId": wrong}, ca=ca)
    with pytest.raises(ConfigurationError, match="token"):
        FerruleClient(url, CARD, ca=ca, enrolment=Enrolment.read({**ENROLMENT, "token": "a b"}))
    with pytest.raises(ConfigurationError, match="token"):
        FerruleClient(url, ca=ca, token="a\nb")
    with FerruleClient(url, CARD, ca=ca) as client, pytest.raises(ConfigurationError, match="token"):
        client.call_service(url, "m", token="ä")
    with FerruleClient(url, CARD, ca=ca) as client, pytest.raises(ConfigurationError, match="key"):
        client.register()
    with FerruleClient(url, ca=ca) as client, pytest.raises(ConfigurationError, match="agent_card"):
        client.heartbeat()


def test_a_token_is_kept_over_a_restart(server: Server, tmp_path: Path) -> None:
    kept = tmp_path / "agent.token"
    enrolment = tmp_path / "enrol.json"
    enrolment.write_text(json.dumps(ENROLMENT))
    for _ in range(2):
        with FerruleClient(server.url, CARD, ca=server.ca, enrolment=enrolment, token_file=kept) as client:
            client.register()
    assert [seen["headers"]["authorization"] for seen in server.seen] == ["Bearer enrolment", "Bearer t-1"]
    assert kept.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".new")] == []
    server.answers["agent.unregister"] = {"unregistered": True}
    with FerruleClient(server.url, CARD, ca=server.ca, enrolment=enrolment, token_file=kept) as client:
        client.unregister()
    assert not kept.exists()


def test_half_a_token_file_and_a_full_disk_stop_nobody(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = tmp_path / "agent.token"
    kept.write_text('{"agentId": "temp-sen')
    with FerruleClient(server.url, CARD, ca=server.ca, enrolment=Enrolment.read(ENROLMENT), token_file=kept) as client:
        client.register()
    assert server.seen[0]["headers"]["authorization"] == "Bearer enrolment"
    nowhere = tmp_path / "missing" / "agent.token"
    with FerruleClient(
        server.url, CARD, ca=server.ca, enrolment=Enrolment.read(ENROLMENT), token_file=nowhere
    ) as client:
        client.register()
        assert client.token == "t-1"
    assert "has to be enrolled anew" in caplog.text


def test_whoever_hangs_up_leaves_a_write_unknown_and_a_question_is_asked_again(
    server: Server, client: FerruleClient
) -> None:
    server.answers["tag.write"] = None
    assert client.write_tag("a/b/t", 1).outcome is Outcome.UNKNOWN
    answers = iter([None, {"tags": [], "total": 0}])
    server.answers["tag.list"] = lambda _: next(answers)
    assert client.list_tags().total == 0
    assert [seen["method"] for seen in server.seen] == ["tag.write", "tag.list", "tag.list"]


def test_a_gateway_that_is_not_there_got_nothing(ca: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with FerruleClient(f"https://127.0.0.1:{port}", ca=ca) as client:
        assert client.write_tag("a/b/t", 1).outcome is Outcome.NOT_SENT


def test_what_never_ends_is_cut_off(server: Server, client: FerruleClient) -> None:
    server.answers["big"] = (200, b" " * (16 * 1024 * 1024 + 1))
    server.answers["page"] = (502, b"<html>")
    with pytest.raises(ProtocolError, match="more than"):
        client.call("big")
    with pytest.raises(ProtocolError, match="502"):
        client.call("page")


def test_redirects_are_not_followed(server: Server, client: FerruleClient) -> None:
    server.answers["moved"] = (307, b"")
    with pytest.raises(ProtocolError, match="307"):
        client.call("moved")


def test_a_limit_may_be_an_error_at_once(server: Server) -> None:
    server.answers["x"] = refusal(-32004, retryAfter=45)
    with FerruleClient(server.url, ca=server.ca, max_wait=0) as client, pytest.raises(RateLimitError) as caught:
        client.call("x")
    assert caught.value.retry_after == 45


def test_heartbeats_go_on_beside_the_program(server: Server, client: FerruleClient) -> None:
    beaten = threading.Event()

    def report() -> Report:
        beaten.set()
        return Report(metrics={"cpu": 2.0})

    with client.heartbeats(report) as heart:
        assert beaten.wait(20)
        server.answers["x"] = 1
        assert client.call("x") == 1
        assert heart.error is None
    assert [seen["method"] for seen in server.seen][:1] == ["agent.register"]


def test_heartbeats_that_ended_say_why(server: Server, client: FerruleClient) -> None:
    server.answers["agent.register"] = refusal(-32001, reason="revoked")
    ended = threading.Event()

    def wait_for_its_end() -> None:
        with client.heartbeats() as heart:
            while heart.error is None:
                ended.wait(0.01)

    with pytest.raises(AuthenticationError, match="revoked"):
        wait_for_its_end()


def test_nothing_secret_is_logged(server: Server, client: FerruleClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client.register()
    client.heartbeat()
    assert "t-1" not in caplog.text
    assert "Bearer" not in caplog.text
    assert ENROLMENT["secret"] not in repr(Enrolment.read(ENROLMENT))


async def _all_of_it(url: str, ca: Path, kept: Path) -> list[object]:
    card = {**CARD, "endpoints": []}
    async with AsyncFerruleClient(url, card, ca=ca, enrolment=Enrolment.read(ENROLMENT), token_file=kept) as client:
        registration = await client.register()
        beat = await client.heartbeat()
        outcome = await client.write_tag("a/b/t", 1)
        results = await client.batch([Call("a"), Call("b")])
        direct = await client.call_service(url, "temperature.read", path="temperature", ca=ca)
        return [registration.agent_id, beat.renewed, outcome.outcome, results, direct, client.token]


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_the_asynchronous_client_does_the_same(server: Server, tmp_path: Path, backend: str) -> None:
    def batch(seen: dict[str, Any]) -> tuple[int, bytes]:
        return 200, json.dumps([{"jsonrpc": "2.0", "id": item["id"], "result": 1} for item in seen["items"]]).encode()

    server.answers |= {"tag.write": None, "batch": batch, "temperature.read": {"value": 21.5}}
    kept = tmp_path / "agent.token"
    done = anyio.run(_all_of_it, server.url, server.ca, kept, backend=backend)
    assert done == ["temp-sensor-001", False, Outcome.UNKNOWN, [1, 1], {"value": 21.5}, "t-1"]
    assert json.loads(kept.read_text())["token"] == "t-1"
    assert server.seen[-1]["path"] == "/temperature"
    assert "authorization" not in server.seen[-1]["headers"]


async def test_staying_registered_ends_by_being_cancelled(server: Server) -> None:
    reported = trio.Event()

    async def report() -> Report:
        reported.set()
        return Report()

    async with (
        AsyncFerruleClient(server.url, CARD, ca=server.ca, enrolment=Enrolment.read(ENROLMENT)) as client,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(client.keep_alive, report)
        await reported.wait()
        nursery.cancel_scope.cancel()
    assert server.seen[0]["method"] == "agent.register"


async def test_an_answer_that_does_not_come_is_given_up(server: Server) -> None:
    never = threading.Event()
    server.answers["slow"] = lambda _: never.wait(20) or 1
    async with AsyncFerruleClient(server.url, ca=server.ca, timeout=0.2) as client:
        with pytest.raises(UnreachableError) as caught:
            await client.call("slow")
    never.set()
    assert caught.value.sent
