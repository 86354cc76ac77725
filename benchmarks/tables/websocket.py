"""What a message over a WebSocket costs the server, with many clients that are paced, beside other servers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from benchmarks.programs import CannotMeasure, Options
from benchmarks.report import Table, Target
from benchmarks.rounds import Sample, interleave
from benchmarks.tables.http_servers import Server, load, our_server, peer_server, peers

SECONDS = 4.0
CLIENTS = 200
INTERVAL = 0.2
PATH = "/_test/echo"
OURS, WEBSOCKETS = "ferrule", "websockets"
MODULES = {WEBSOCKETS: "websockets_server", "aiohttp": "aiohttp_echo_server"}


def run(options: Options) -> list[Table]:
    """Measure every server."""
    clients = 3 if options.tiny else CLIENTS
    measure = partial(_measure, clients=clients, seconds=SECONDS * options.seconds)
    with tempfile.TemporaryDirectory(prefix="ferrule-bench-") as place:
        home = Path(place)
        ours = partial(our_server, options.build, home, {"FERRULE_TEST_PROFILE": "1"})
        with ours():
            # The first start makes keys and certificate; the peers use the same.
            pass
        contestants: dict[str, Callable[[], Sample]] = {OURS: lambda: measure(ours)}
        try:
            commands = peers(MODULES)
        except CannotMeasure:
            if not options.tiny:
                raise
            commands = {}
        for name, command in commands.items():
            contestants[name] = partial(measure, partial(peer_server, command, home))
        results = interleave(contestants, 1 if options.tiny else options.rounds)
    table = Table(
        f"Echo over WebSocket and TLS 1.3, {clients} clients, each a message of 64 bytes every {INTERVAL:g} s",
        ("server", "us CPU/message", "noise", "x websockets", "messages/s", "failures"),
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
        table.targets.append(Target(f"CPU of a WebSocket echo, {clients} clients, x websockets", ratio, 2.0))
    return [table]


def _measure(start: Callable[[], AbstractContextManager[Server]], *, clients: int, seconds: float) -> Sample:
    with start() as server:
        said = load(server, "ws_load", PATH, clients, seconds, INTERVAL)
        return {"us": said["us"], "rate": said["polls"] / said["wall"], "failures": said["failures"]}
