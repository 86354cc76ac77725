"""A small HTTPS server that answers JSON-RPC as a test tells it to."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def certificate(directory: Path) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = directory / "ca.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return path


class Server(http.server.ThreadingHTTPServer):
    """Answers JSON-RPC as it is told to.

    Attributes:
        answers: of each method its result, a function of the request, an (HTTP status, body), or None: hang up.
        seen: what came in.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, ca: Path, version: ssl.TLSVersion | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version is not None:
            context.maximum_version = version
        context.load_cert_chain(ca)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.ca = ca
        self.answers: dict[str, object] = {}
        self.seen: list[dict[str, Any]] = []
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def handle_error(self, *_: object) -> None:
        """Connections that break off are what is tested."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = call if isinstance(call, dict) else {"method": "batch", "items": call}
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen |= {"path": self.path, "headers": headers}
        self.server.seen.append(seen)
        outcome = self.server.answers[seen["method"]]
        outcome = outcome(seen) if callable(outcome) else outcome
        if outcome is None:
            self.close_connection = True
            return
        if isinstance(outcome, tuple):
            status, body = outcome
        else:
            status, body = 200, json.dumps({"jsonrpc": "2.0", "id": seen.get("id"), "result": outcome}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
