"""What answering one authenticated call over TLS costs the server's process, beside other servers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from benchmarks.programs import CannotMeasure, Options
from benchmarks.report import Table, Target
from benchmarks.rounds import Results, Sample, interleave
from benchmarks.tables.http_servers import Server, load, our_server, peer_server, peers

SECONDS = 2.0
CONNECTIONS = (1, 16, 64)
OURS_NEW = "ferrule, another header each time"
OURS, STOCK, FASTAPI = "ferrule", "quart-trio on hypercorn, stock", "FastAPI on uvicorn, uvloop"
MODULES = {STOCK: "quart_server", FASTAPI: "fastapi_server", "aiohttp": "aiohttp_server"}


def run(options: Options) -> list[Table]:
    """Measure every server with each number of connections."""
    counts = (2,) if options.tiny else CONNECTIONS
    with tempfile.TemporaryDirectory(prefix="ferrule-bench-") as home:
        contestants = _contestants(options, Path(home), counts)
        results = interleave(contestants, 1 if options.tiny else options.rounds)
    return [_table(results, contestants, count) for count in counts]


def _table(results: Results, contestants: Mapping[str, object], count: int) -> Table:
    table = Table(
        f"tag.read over TLS 1.3 with a token, {count} connections",
        ("server", "us CPU/request", "noise", "x stock quart-trio", "requests/s", "failures"),
    )
    for name in contestants:
        key = f"us {count}"
        table.add(
            name,
            f"{results.of(name, key):.0f}",
            f"±{results.spread(name, key):.0%}",
            f"{results.ratio(name, STOCK, key):.2f}" if STOCK in contestants else "",
            f"{results.of(name, f'rate {count}'):.0f}",
            f"{results.most(name, f'failures {count}'):.0f}",
        )
    if STOCK in contestants:
        ratio = results.ratio(OURS, STOCK, f"us {count}")
        table.targets.append(Target(f"CPU of tag.read, {count} connections, x stock quart-trio", ratio, 0.45))
    if FASTAPI in contestants:
        ratio = results.ratio(OURS, FASTAPI, f"us {count}")
        table.targets.append(Target(f"CPU of tag.read, {count} connections, x FastAPI on uvloop", ratio, 1.0))
    return table


def _contestants(options: Options, home: Path, counts: tuple[int, ...]) -> dict[str, Callable[[], Sample]]:
    measure = partial(_measure, seconds=SECONDS * options.seconds, counts=counts)
    ours = partial(our_server, options.build, home)
    with ours():
        # The first start makes keys and certificate; the peers use the same.
        pass
    contestants: dict[str, Callable[[], Sample]] = {
        OURS: lambda: measure(ours),
        OURS_NEW: lambda: measure(ours, how=("new",)),
    }
    try:
        commands = peers(MODULES, "node_server.js")
    except CannotMeasure:
        if options.tiny:
            return contestants
        raise
    for name, command in commands.items():
        contestants[name] = partial(measure, partial(peer_server, command, home))
    return contestants


def _measure(
    start: Callable[[], AbstractContextManager[Server]],
    *,
    seconds: float,
    counts: tuple[int, ...],
    how: tuple[str, ...] = (),
) -> Sample:
    """Start a server, and load it with each number of connections in turn."""
    sample: dict[str, float] = {}
    with start() as server:
        for count in counts:
            said = load(server, "http_load", count, seconds, server.token, *how)
            sample[f"us {count}"] = said["us"]
            sample[f"rate {count}"] = said["polls"] / said["wall"]
            sample[f"failures {count}"] = said["failures"]
    return sample
