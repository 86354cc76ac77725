"""The server on real sockets: TLS 1.3, its certificate, binding, ending, and callers who are no browser."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess

import httpx
import pytest
import trio

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.server.serving import serve
from gateway.api.server.sockets import BindError
from gateway.settings.model import ServerSettings
from tests.gateway.api.rig import Rig, call, read_response, result, rpc_body

pytestmark = pytest.mark.e2e


async def test_a_tag_is_read_over_tls_with_the_authority_verified(https: httpx.AsyncClient) -> None:
    found = await result(https, "tag.read", {"tags": ["bus/meter/power"]})
    assert found["readings"][0]["value"] == 42.5


async def test_the_answer_has_no_server_header_a_reason_and_may_not_be_stored(https: httpx.AsyncClient) -> None:
    response = await https.post("/api/v1/rpc", json=rpc_body("server.info"))
    assert response.http_version == "HTTP/1.1"
    assert response.reason_phrase == "OK"
    assert "server" not in response.headers
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "board", "board.local", "::1"])
async def test_the_certificate_is_good_for_every_name_of_the_board(rig: Rig, host: str) -> None:
    async with rig.served():
        plain = await trio.open_tcp_stream("127.0.0.1", rig.port)
        stream = trio.SSLStream(plain, rig.trusting(), server_hostname=host, https_compatible=True)
        await stream.do_handshake()
        assert stream.version() == "TLSv1.3"
        assert stream.selected_alpn_protocol() is None
        await stream.aclose()


async def test_tls_1_2_is_refused(rig: Rig) -> None:
    async with rig.served():
        context = rig.trusting()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", rig.port, ssl_context=context)
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)


@pytest.mark.parametrize("curve", ["secp521r1", "secp384r1"])
async def test_no_costly_key_exchange_is_done_for_a_stranger(rig: Rig, curve: str) -> None:
    async with rig.served():
        context = rig.trusting()
        context.set_ecdh_curve(curve)
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", rig.port, ssl_context=context)
        with pytest.raises(trio.BrokenResourceError):
            await stream.do_handshake()
        await trio.aclose_forcefully(stream)
        context.set_ecdh_curve("prime256v1")
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", rig.port, ssl_context=context)
        await stream.do_handshake()
        await trio.aclose_forcefully(stream)


async def test_a_client_that_offers_http_2_gets_1_1(rig: Rig) -> None:
    async with rig.served():
        context = rig.trusting()
        context.set_alpn_protocols(["h2", "http/1.1"])
        stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", rig.port, ssl_context=context)
        await stream.do_handshake()
        assert stream.selected_alpn_protocol() == "http/1.1"
        await trio.aclose_forcefully(stream)


@pytest.mark.interop
async def test_curl_reads_a_tag_and_health(rig: Rig) -> None:
    async with rig.served():
        common = ["curl", "-sS", "--fail", "--tlsv1.3", "--cacert", str(rig.state / "ca.pem")]
        health = await trio.run_process([*common, f"{rig.url}/api/v1/health?id=2"], capture_stdout=True)
        assert json.loads(health.stdout)["id"] == 2
        body = json.dumps(rpc_body("tag.read", {"tags": ["bus/meter/power"]}))
        read = await trio.run_process(
            [
                *common,
                *("-H", "Content-Type: application/json", "-H", f"Authorization: {rig.bearer()['Authorization']}"),
                *("-d", body, f"{rig.url}/api/v1/rpc"),
            ],
            capture_stdout=True,
        )
        assert json.loads(read.stdout)["result"]["readings"][0]["quality"] == "good"
        old = await trio.run_process([*common, "--tls-max", "1.2", rig.url], check=False, stderr=subprocess.DEVNULL)
        assert old.returncode == 35


async def test_a_body_too_long_is_answered_before_the_connection_ends(rig: Rig) -> None:
    async with rig.served():
        stream = await rig.connect()
        token = rig.bearer()["Authorization"].encode()
        await stream.send_all(
            b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n"
            b"Authorization: %b\r\nContent-Length: 3000000\r\n\r\n" % token + b" " * 3_000_000
        )
        answer = await read_response(stream)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert b'"code":-32600' in answer
        assert await stream.receive_some() == b""
        await trio.aclose_forcefully(stream)


async def test_a_chunked_body_is_read_and_its_length_limited_too(https: httpx.AsyncClient) -> None:
    async def body(padding: int) -> object:
        yield json.dumps(rpc_body("server.info")).encode()
        for _ in range(padding):
            yield b" " * 65536

    headers = {"Content-Type": "application/json"}
    good = await https.post("/api/v1/rpc", content=body(2), headers=headers)  # type: ignore[arg-type] # async iterator
    assert good.json()["result"]
    long = await https.post("/api/v1/rpc", content=body(20), headers=headers)  # type: ignore[arg-type] # async iterator
    assert long.status_code == 413


async def test_requests_of_one_connection_are_answered_in_turn(rig: Rig) -> None:
    async with rig.served():
        stream = await rig.connect()
        request = b"GET /api/v1/health?id=%d HTTP/1.1\r\nHost: board\r\n\r\n"
        await stream.send_all(request % 1 + request % 2)
        first = await read_response(stream)
        both = first if b'"id":2' in first else first + await read_response(stream)
        assert both.index(b'"id":1') < both.index(b'"id":2')
        await trio.aclose_forcefully(stream)


async def test_ending_finishes_answers_under_way_and_closes_idle_connections(rig: Rig) -> None:
    rig.field.write_takes = 0.3
    async with rig.served() as stop, rig.client() as writing, rig.client() as idle:
        await call(idle, "server.info")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def write() -> None:
                found = await result(writing, "tag.write", {"tag": "bus/meter/power", "value": 1})
                assert found["outcome"] == "confirmed"

            await trio.sleep(0.1)
            stop.set()
        with pytest.raises(httpx.TransportError):
            await call(idle, "server.info")
    assert rig.field.written


async def test_a_caller_who_leaves_does_not_stop_a_write(rig: Rig) -> None:
    rig.field.write_takes = 0.2
    async with rig.served():
        stream = await rig.connect()
        body = json.dumps(rpc_body("tag.write", {"tag": "bus/meter/power", "value": 1})).encode()
        await stream.send_all(
            b"POST /api/v1/rpc HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\n"
            b"Authorization: %b\r\nContent-Length: %d\r\n\r\n%b"
            % (rig.bearer()["Authorization"].encode(), len(body), body)
        )
        await trio.sleep(0.05)
        await trio.aclose_forcefully(stream)
        with trio.fail_after(5):
            await rig.field.wrote.wait()


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "8.8.8.8", "169.254.1.1", "100.64.0.1", "fd00::1", "2001:db8::1"])  # noqa: S104 - they are refused
async def test_an_address_that_is_not_private_is_refused_with_the_cure(rig: Rig, bind: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(BindError, match='set bind = "private"'), flatten_subgroups=True):
        async with rig.served(bind):
            pass


@pytest.mark.parametrize("bind", ["127.1", "010.0.0.1", "2130706433", "192.168.1.256"])
async def test_an_odd_form_of_an_address_is_refused(rig: Rig, bind: str) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(BindError, match="Write it in full"), flatten_subgroups=True):
        async with rig.served(bind):
            pass


async def test_a_busy_port_says_so(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ServerSettings(port=taken.getsockname()[1])
        with pytest.RaisesGroup(
            pytest.RaisesExc(BindError, match=rf"address 127\.0\.0\.1:{settings.port} is in use"),
            flatten_subgroups=True,
        ):
            async with rig.served():
                await serve(rig.app, settings, rig.tls, stop=trio.Event())


@pytest.mark.parametrize("bind", ["localhost", "lo", "private", "::1"])
async def test_other_ways_to_name_loopback_work(rig: Rig, bind: str) -> None:
    async with rig.served(bind), rig.client() as client:
        assert (await call(client, "server.info"))["result"]


async def test_an_interface_without_an_address_is_waited_for(rig: Rig) -> None:
    stop = trio.Event()
    async with rig.served(), trio.open_nursery() as nursery:
        settings = ServerSettings(bind="wlan-not-there", port=0)

        async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
            await serve(rig.app, settings, rig.tls, stop=stop, task_status=task_status)

        assert await nursery.start(run) == []
        stop.set()


async def test_a_certificate_is_renewed_while_connections_go_on(rig: Rig) -> None:
    async with rig.served(), rig.client() as before:
        assert await result(before, "server.info")
        old = await served_certificate(rig)
        rig.board.set(rig.board.wall + 300 * 86400)
        await rig.tls.cover(["127.0.0.1", "10.1.2.3"])
        assert await result(before, "server.health")
        assert await served_certificate(rig) != old
        assert before.headers  # the client, and with it its connection, lived through it


async def served_certificate(rig: Rig) -> bytes:
    context = rig.trusting()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    stream = await trio.open_ssl_over_tcp_stream("127.0.0.1", rig.port, ssl_context=context, https_compatible=True)
    await stream.do_handshake()
    certificate = stream.getpeercert(binary_form=True)
    await trio.aclose_forcefully(stream)
    assert isinstance(certificate, bytes)
    return certificate


async def test_a_fault_of_the_application_ends_one_request_only(rig: Rig) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fall":
            raise RuntimeError("a bug")
        await rig.app(scope, receive, send)

    async with rig.served(app=app), rig.client() as client:
        assert (await client.get("/fall")).status_code == 500
        assert (await client.get("/api/v1/health")).status_code == 200
