"""A gateway that answers as a test says, over real TLS."""

from __future__ import annotations

import json
import ssl
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from gateway.api.server.certificates import make_authority, make_leaf

P = TypeVar("P", bound="Peer")


class Peer(ABC):
    """Stands for a gateway.

    Attributes:
        ca: file with its authority.
        words: options that lead a command to it.
    """

    def __init__(self, directory: Path) -> None:
        peer = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                peer.take(self)

            def do_POST(self) -> None:
                peer.take(self)

            def do_PUT(self) -> None:
                peer.take(self)

            def do_PATCH(self) -> None:
                peer.take(self)

            def do_DELETE(self) -> None:
                peer.take(self)

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

    @abstractmethod
    def take(self, request: BaseHTTPRequestHandler) -> None:
        """Answer a request."""


class RpcPeer(Peer):
    """A gateway that is asked by JSON-RPC alone."""

    def take(self, request: BaseHTTPRequestHandler) -> None:
        body = body_of(request)
        send(request, {"jsonrpc": "2.0", "id": body["id"]} | self.answer(body["method"], body["params"]))

    @abstractmethod
    def answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The ``result`` or the ``error`` of a call."""


def body_of(request: BaseHTTPRequestHandler) -> Any:
    """What was sent; None where nothing was."""
    length = int(request.headers.get("Content-Length") or 0)
    return json.loads(request.rfile.read(length)) if length else None


def send(request: BaseHTTPRequestHandler, body: object, status: int = 200) -> None:
    """Answer with JSON, with bytes as they are, or with nothing (None)."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    request.send_response(status)
    if body is None:
        request.end_headers()
        return
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


@contextmanager
def serving(peer: P) -> Iterator[P]:
    """Have a gateway answer within this block."""
    thread = threading.Thread(target=peer.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield peer
    finally:
        # Even where the block fails: a thread that is left would keep the whole run from ending.
        peer.server.shutdown()
        peer.server.server_close()
        thread.join()
