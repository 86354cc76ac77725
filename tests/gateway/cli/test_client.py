"""What the client says of a connection that breaks, and that it never repeats an order."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.api.server.certificates import make_authority, make_leaf
from gateway.cli.main import main

TAG: dict[str, Any] = {"tag": "bus/d/t", "type": "uint16", "units": None, "writable": True, "poll": 1.0, "place": {}}


class Peer:
    """Stands for a gateway: answers, or does something else, call by call."""

    def __init__(self, directory: Path) -> None:
        self.calls: list[str] = []
        self.on: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        peer = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                peer.calls.append(body["method"])
                odd = peer.on.get(body["method"])
                if odd is not None:
                    odd(self)
                    return
                results: dict[str, Any] = {"tag.list": {"tags": [TAG]}, "tag.write": {"outcome": "confirmed"}}
                answer(self, {"jsonrpc": "2.0", "id": body["id"], "result": results[body["method"]]})

            def log_message(self, *_: object) -> None:
                pass

        now = time.time()
        authority = make_authority("test", now)
        leaf = make_leaf(authority.certificate, authority.key, ["127.0.0.1"], now)
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(authority.certificate)
        (directory / "leaf.pem").write_bytes(leaf.certificate + leaf.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "leaf.pem")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.words = ["--url", f"https://127.0.0.1:{self.server.server_port}", "--ca", str(self.ca), "--token", "x"]


def answer(request: BaseHTTPRequestHandler, body: object, status: int = 200) -> None:
    content = json.dumps(body).encode() if not isinstance(body, bytes) else body
    request.send_response(status)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    made = Peer(tmp_path)
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_write_is_made_once(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["write", "bus/d/t", "5", *peer.words]) == 0
    assert peer.calls == ["tag.list", "tag.write"]
    assert capsys.readouterr().out == "confirmed: bus/d/t = 5\n"


def test_a_write_whose_connection_breaks_is_unknown_and_not_repeated(
    peer: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    peer.on["tag.write"] = hang_up
    assert main(["write", "bus/d/t", "5", "--json", *peer.words]) == 5
    assert peer.calls == ["tag.list", "tag.write"]
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["reason"]) == ("unknown", "connection")
    assert "read the value before writing again" in told["message"]


def test_a_write_that_gets_no_answer_in_time_is_unknown(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    told = threading.Event()

    def wait(request: BaseHTTPRequestHandler) -> None:
        told.wait(20)
        hang_up(request)

    peer.on["tag.write"] = wait
    assert main(["write", "bus/d/t", "5", "--timeout", "0.3", *peer.words]) == 5
    told.set()
    assert "did not answer within 0.3 s" in capsys.readouterr().out


def test_nothing_was_written_when_the_question_before_it_failed(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.on["tag.list"] = hang_up
    assert main(["write", "bus/d/t", "5", *peer.words]) == 6
    assert "nothing was written" in capsys.readouterr().err
    assert "tag.write" not in peer.calls


@pytest.mark.parametrize(("outcome", "code"), [("refused", 3), ("not_sent", 4), ("unknown", 5)])
def test_every_outcome_has_its_code(peer: Peer, outcome: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = {"outcome": outcome, "reason": "why", "message": "in words"}
    peer.on["tag.write"] = lambda request: answer(request, {"jsonrpc": "2.0", "id": 0, "result": result})
    assert main(["write", "bus/d/t", "5", *peer.words]) == code
    assert capsys.readouterr().out == f"{outcome}: bus/d/t = 5: in words\n"


def test_nothing_was_written_when_the_order_was_refused(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    error = {"code": -32004, "message": "Rate limit exceeded", "data": {"reason": "too fast", "retryAfter": 3}}
    peer.on["tag.write"] = lambda request: answer(request, {"jsonrpc": "2.0", "id": 0, "error": error}, 429)
    assert main(["write", "bus/d/t", "5", *peer.words]) == 7
    assert "nothing was written: too many calls: too fast; try again in 3 s" in capsys.readouterr().err


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"title": "no"}', b"[1]"])
def test_what_is_no_gateway_is_called_that(peer: Peer, body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    peer.on["tag.list"] = lambda request: answer(request, body)
    assert main(["read", *peer.words]) == 6
    assert "is that a gateway" in (told := capsys.readouterr().err) or "is it one?" in told
