"""What events cost: to accept one durably, to deliver it, to keep many that nobody fetches."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.machine import pinned
from benchmarks.programs import CannotMeasure, Options, measured
from benchmarks.report import Table
from benchmarks.rounds import Results, Sample, interleave
from benchmarks.tables.event_site import ABSENT_PORT, publisher, receiver
from benchmarks.tables.http_servers import PEERS_PYTHON, SERVER_CORE, load

SECONDS = 2.0
CALLERS = (1, 16, 64)
DELIVERIES = 2000
AT_ONCE = 64
QUEUED = 100_000
OURS, BOTH, AIOHTTP = "ferrule", "ferrule, accepting meanwhile", "aiohttp"
PEERS = {"httpx": sys.executable, AIOHTTP: str(PEERS_PYTHON), "stdlib": sys.executable}


def run(options: Options) -> list[Table]:
    """Measure accepting, delivering, writing and keeping."""
    rounds = 1 if options.tiny else options.rounds
    counts = (2,) if options.tiny else CALLERS
    seconds, number = (0.2, 20) if options.tiny else (SECONDS * options.seconds, DELIVERIES)
    peers = {name: python for name, python in PEERS.items() if Path(python).exists()}
    if len(peers) < len(PEERS) and not options.tiny:
        raise CannotMeasure("the other libraries are not installed: run .ci/peers")
    contestants: dict[str, Callable[[], Sample]] = {
        OURS: partial(_ours, counts, seconds, number),
        **{name: partial(_peer, name, python, number) for name, python in peers.items()},
    }
    results = interleave(contestants, rounds)
    queued = 50 if options.tiny else QUEUED
    return [_accepting(results, counts), _delivering(results, contestants), _queueing(queued)]


def _ours(counts: tuple[int, ...], seconds: float, number: int) -> Sample:
    sample: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory(prefix="ferrule-events-") as place,
        receiver(Path(place)) as listening,
        publisher(Path(place), listening.authority) as server,
    ):
        for count in counts:
            said = load(server, "event_load", count, seconds, server.token)
            sample[f"us {count}"], sample[f"rate {count}"] = said["us"], said["polls"] / said["wall"]
            sample[f"failures {count}"] = said["failures"]
        # What was published while it was paused is delivered when it is resumed: nothing else happens then.
        webhook = server.register(listening.port, active=False)
        load(server, "event_load", AT_ONCE, 600, server.token, number)
        cpu, began = server.cpu(), time.monotonic()
        server.ask("POST", f"/v1/webhooks/{webhook}/resume")
        wall = listening.wait_for(number) - began
        delivered = listening.came()["polls"]
        sample["us"], sample["rate"] = (server.cpu() - cpu) / delivered * 1e6, delivered / wall
        for count in counts:
            before = listening.came()["polls"]
            _settled(listening.came)
            before, cpu, began = listening.came()["polls"], server.cpu(), time.monotonic()
            said = load(server, "event_load", count, seconds, server.token)
            end = listening.wait_for(before + said["polls"])
            sample[f"both {count}"] = said["polls"] / (end - began)
            sample[f"both us {count}"] = (server.cpu() - cpu) / said["polls"] * 1e6
    return sample


def _settled(came: Callable[[], dict[str, float]]) -> None:
    """Wait until no more comes."""
    newest = -1.0
    while (now := came()["polls"]) != newest:
        newest = now
        time.sleep(0.3)


def _peer(name: str, python: str, number: int) -> Sample:
    with tempfile.TemporaryDirectory(prefix="ferrule-events-") as place, receiver(Path(place)) as listening:
        command = [python, "-m", "benchmarks.peers.hooks", name, str(listening.port), str(listening.authority)]
        said = measured([*pinned(SERVER_CORE), *command, str(number)], urgent=False)
        return {**said, "rate": said["polls"] / said["wall"]}


def _accepting(results: Results, counts: tuple[int, ...]) -> Table:
    table = Table(
        "Events published over TLS 1.3 with a token, each acknowledged after its fsync",
        (
            "callers",
            "accepted/s",
            "us CPU/event",
            "noise",
            "accepted and delivered/s",
            "us CPU/event and delivery",
            "failures",
        ),
        notes=("One request under way for each caller; those that come within 20 ms share an fsync.",),
    )
    for count in counts:
        table.add(
            str(count),
            f"{results.of(OURS, f'rate {count}'):.0f}",
            f"{results.of(OURS, f'us {count}'):.0f}",
            f"±{results.spread(OURS, f'us {count}'):.0%}",
            f"{results.of(OURS, f'both {count}'):.0f}",
            f"{results.of(OURS, f'both us {count}'):.0f}",
            f"{results.most(OURS, f'failures {count}'):.0f}",
        )
    return table


def _delivering(results: Results, contestants: dict[str, Callable[[], Sample]]) -> Table:
    table = Table(
        "Delivering an event to a receiver on this machine, over kept TLS connections, two at once",
        ("program", "us CPU/delivery", "noise", "x aiohttp", "deliveries/s"),
        notes=(
            "Ours reads the log, signs in three ways, judges the destination, and writes what became of it; the peers",
            "make and sign a body, post it and forget it.",
        ),
    )
    for name in contestants:
        table.add(
            name,
            f"{results.of(name, 'us'):.0f}",
            f"±{results.spread(name, 'us'):.0%}",
            f"{results.ratio(name, AIOHTTP, 'us'):.2f}" if AIOHTTP in contestants else "",
            f"{results.of(name, 'rate'):.0f}",
        )
    return table


def _queueing(number: int) -> Table:
    with (
        tempfile.TemporaryDirectory(prefix="ferrule-events-") as place,
        publisher(Path(place)) as server,
    ):
        webhook = server.register(ABSENT_PORT)
        load(server, "event_load", AT_ONCE, 5 if number > AT_ONCE else 0.1, server.token)
        before = server.process.memory()
        said = load(server, "event_load", AT_ONCE, 900, server.token, number)
        after = server.process.memory()
        size = sum(file.stat().st_size for file in (Path(place) / "state").glob("events.db*"))
        shown = server.ask("GET", f"/v1/webhooks/{webhook}")
    table = Table(
        f"{number} events for a receiver that is away",
        ("", "MB"),
        notes=(
            f"{said['polls'] / said['wall']:.0f} events a second were accepted meanwhile.",
            f"{shown['deliveries']['waiting']} deliveries are at hand, {shown['lost']} events lost.",
        ),
    )
    table.add("resident memory before", f"{before:.1f}")
    table.add("resident memory with all of them", f"{after:.1f}")
    table.add("the file of events", f"{size / 1e6:.1f}")
    return table
