"""A receiver of webhooks that is not ours: stock HTTPS server, stock verification, and all the moods of the field."""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.api.server.certificates import make_authority, make_leaf

# What a bad receiver does, and in how many of a hundred requests.
MOODS = {"fails": 8, "is busy": 4, "moved": 3, "hangs up": 4, "babbles": 3, "is slow": 4, "took it, and hangs up": 4}
SLOW_S = 0.5
# The moods in which it takes what comes, and those in which it says so.
_SAID_SO = {"well", "is slow"}
_TAKEN = {*_SAID_SO, "took it, and hangs up"}
PATH = "/hook"


@dataclass
class Received:
    """What arrived.

    Attributes:
        bodies: by event id, what was said of the event in each delivery that was answered with 200 or taken silently.
        forged: requests whose signature does not fit.
        moods: how often it was how.
        course: ids in the order in which they came, and whether the gateway was told that they were taken.
    """

    bodies: dict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))
    forged: int = 0
    moods: Counter[str] = field(default_factory=Counter)
    course: list[tuple[str, bool]] = field(default_factory=list)


class Receiver:
    """Listens on loopback until closed.

    Args:
        directory: for its certificate.
        seed: of its moods.

    Attributes:
        good: it has no moods any more.
        authority: file of the certificate to trust.
    """

    def __init__(self, directory: Path, seed: int = 1) -> None:
        self._received: defaultdict[str, Received] = defaultdict(Received)
        self.good = False
        self._secrets: dict[str, str] = {}
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        authority = make_authority("receiver", time.time())
        leaf = make_leaf(authority.certificate, authority.key, ["127.0.0.1"], time.time())
        self.authority, chain = directory / "ca.pem", directory / "leaf.pem"
        self.authority.write_bytes(authority.certificate)
        chain.write_bytes(leaf.certificate + leaf.key)
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trust.load_cert_chain(chain)
        self._server = _Server(("127.0.0.1", 0), _handler_of(self._take))
        self._server.socket = trust.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._origin = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def received(self) -> Received:
        """What arrived at the first path."""
        return self.at(PATH)

    def at(self, path: str) -> Received:
        """What arrived at a path so far; what comes later is not in it."""
        with self._lock:
            found = self._received[path]
            bodies = defaultdict(list, {id_: list(bodies) for id_, bodies in found.bodies.items()})
            return Received(bodies, found.forged, Counter(found.moods), list(found.course))

    def url(self, path: str = PATH) -> str:
        """Where it is."""
        return self._origin + path

    def trust(self, secret: str, path: str = PATH) -> None:
        """Take deliveries at a path that are signed with this, and no others."""
        self._secrets[path] = secret

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        genuine, mood = self._genuine(request, body), self._mood()
        with self._lock:
            received = self._received[request.path]
            if genuine:
                id_ = str(request.headers["webhook-id"])
                received.moods[mood] += 1
                received.course.append((id_, mood in _SAID_SO))
                if mood in _TAKEN:
                    received.bodies[id_].append(json.loads(body))
            else:
                received.forged += 1
        if genuine:
            _BEHAVIOUR[mood](request)
        else:
            _answer(request, 401)

    def _genuine(self, request: BaseHTTPRequestHandler, body: bytes) -> bool:
        try:
            Webhook(self._secrets[request.path]).verify(body, dict(request.headers))
        except (WebhookVerificationError, KeyError):
            return False
        return True

    def _mood(self) -> str:
        with self._lock:
            drawn = "well"
            if not self.good:
                names = [*MOODS, "well"]
                drawn = self._random.choices(names, [*MOODS.values(), 100 - sum(MOODS.values())])[0]
        return drawn


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is killed while he talks leaves broken connections behind: that is what this is for."""


def _handler_of(take: Callable[[BaseHTTPRequestHandler, bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            take(self, self.rfile.read(int(self.headers["content-length"])))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the standard library
            """Print nothing."""

    return Handler


def _answer(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", "0")
    request.end_headers()


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def _babble(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(bytes(random.randrange(256) for _ in range(200)))
    request.close_connection = True


def _late(request: BaseHTTPRequestHandler) -> None:
    time.sleep(SLOW_S)
    _answer(request, 200)


_BEHAVIOUR: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {
    "well": lambda request: _answer(request, 200),
    "fails": lambda request: _answer(request, 500),
    "is busy": lambda request: _answer(request, 503, Retry_After="1"),
    "moved": lambda request: _answer(request, 302, Location="https://example.org/"),
    "hangs up": _hang_up,
    "babbles": _babble,
    "is slow": _late,
    "took it, and hangs up": _hang_up,
}
