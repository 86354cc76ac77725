"""What an event over a WebSocket costs the server, with many clients that listen to some of them, beside others."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.peers.happenings import INTERVAL, TAGS
from benchmarks.programs import CannotMeasure, Options
from benchmarks.report import Table, Target
from benchmarks.rounds import Sample, interleave
from benchmarks.tables.http_servers import PATIENCE_S, Server, certificate_of, load, peer_server, peers
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens

SECONDS = 4.0
CLIENTS = 200
PATH = "/v1/events"
OURS, WEBSOCKETS = "ferrule", "websockets"
MODULES = {WEBSOCKETS: "websockets_events_server", "aiohttp": "aiohttp_events_server"}
COMMAND = (sys.executable, "-m", "benchmarks.peers.our_events_server")


def run(options: Options) -> list[Table]:
    """Measure every server."""
    clients = 3 if options.tiny else CLIENTS
    with tempfile.TemporaryDirectory(prefix="ferrule-events-") as place:
        home = Path(place)
        (home / "state").mkdir()
        with _server(COMMAND, home):
            # The first start makes keys and certificate; the peers use the same.
            pass
        try:
            commands = peers(MODULES)
        except CannotMeasure:
            if not options.tiny:
                raise
            commands = {}
        contestants: dict[str, Callable[[], Sample]] = {
            name: partial(_measure, command, home, clients=clients, seconds=SECONDS * options.seconds)
            for name, command in {OURS: COMMAND, **commands}.items()
        }
        results = interleave(contestants, 1 if options.tiny else options.rounds)
    table = Table(
        f"Events over WebSocket and TLS 1.3, {clients} clients, {1 / INTERVAL:g} events a second, "
        f"each to the clients that subscribed to one of {TAGS} tags",
        ("server", "us CPU/message", "noise", "x websockets", "messages/s", "failures"),
        notes=("The others know no tokens and no filters: each tag has a set of sockets.",),
    )
    for name in contestants:
        table.add(
            name,
            f"{results.of(name, 'us'):.0f}",
            f"±{results.spread(name, 'us'):.0%}",
            f"{results.ratio(name, WEBSOCKETS, 'us'):.2f}" if WEBSOCKETS in contestants else "",
            f"{results.of(name, 'rate'):.0f}",
            f"{results.most(name, 'failures'):.0f}",
        )
    if WEBSOCKETS in contestants:
        ratio = results.ratio(OURS, WEBSOCKETS, "us")
        table.targets.append(Target(f"CPU of an event to a subscriber, {clients} clients, x websockets", ratio, 2.0))
    return [table]


@contextmanager
def _server(command: Sequence[str], home: Path) -> Iterator[Server]:
    with peer_server(command, home) as server:
        # It listens before the first certificate is made.
        end = time.monotonic() + PATIENCE_S
        while not (server.authority.is_file() and certificate_of(home).is_file()):
            if time.monotonic() > end:
                raise CannotMeasure("no certificate was made")
            time.sleep(0.05)
        server.token = OperatorTokens(load_root_key(home / "state"), time.time, lambda: True).issue(["devices:read"])
        yield server


def _measure(command: Sequence[str], home: Path, *, clients: int, seconds: float) -> Sample:
    with _server(command, home) as server:
        said = load(server, "ws_listen", PATH, clients, seconds, server.token)
        return {"us": said["us"], "rate": said["polls"] / said["wall"], "failures": said["failures"]}
