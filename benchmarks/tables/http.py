"""What answering one authenticated call over TLS costs the server's process, beside other servers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.machine import pinned
from benchmarks.peers.work import token as peer_token
from benchmarks.process import gateway, write_config
from benchmarks.programs import ROOT, CannotMeasure, Options, servers
from benchmarks.report import Table, Target
from benchmarks.rounds import Results, Sample, interleave
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens

SECONDS = 2.0
CONNECTIONS = (1, 16, 64)
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
SECRET = "benchmark secret, nothing is guarded by it"  # noqa: S105 - as it says
OURS, STOCK, FASTAPI = "ferrule", "quart-trio on hypercorn, stock", "FastAPI on uvicorn, uvloop"
PATIENCE_S = 20.0
SERVER_CORE, CALLER_CORE = 0, 1


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
    ours = partial(_gateway, options.build, home)
    with ours():
        # The first start makes keys and certificate; the peers use the same.
        pass
    certificate, authority = home / "state" / "server.pem", home / "state" / "ca.pem"
    contestants: dict[str, Callable[[], Sample]] = {OURS: lambda: measure(ours)}
    if not PEERS_PYTHON.exists():
        if options.tiny:
            return contestants
        raise CannotMeasure("the other servers are not installed: run .ci/peers")
    peers = {
        STOCK: [str(PEERS_PYTHON), "-m", "benchmarks.peers.quart_server"],
        FASTAPI: [str(PEERS_PYTHON), "-m", "benchmarks.peers.fastapi_server"],
        "aiohttp": [str(PEERS_PYTHON), "-m", "benchmarks.peers.aiohttp_server"],
    }
    if node := shutil.which("node"):
        peers["Node https"] = [node, str(Path("benchmarks") / "peers" / "node_server.js")]
    for name, command in peers.items():
        contestants[name] = partial(measure, partial(_peer, command, certificate, authority))
    return contestants


class Server:
    """A server that runs: where, and how a caller gets in."""

    def __init__(self, pid: int, port: int, authority: Path, token: str) -> None:
        self.pid = pid
        self.port = port
        self.authority = authority
        self.token = token

    def cpu(self) -> float:
        """CPU seconds of all its threads."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@contextmanager
def _gateway(build: Path, home: Path) -> Iterator[Server]:
    with servers(build, 1) as ports:
        config = write_config(home / "ferrule.toml", ports, 10, "1s")
        with gateway(config, home / "state") as process:
            token = OperatorTokens(load_root_key(home / "state"), time.time, lambda: True).issue(["devices:read"])
            _wait_for_good(process.readings)
            yield Server(process.process.pid, int(process.url.rsplit(":", 1)[1]), home / "state" / "ca.pem", token)


def _wait_for_good(readings: Callable[..., list[dict[str, Any]]]) -> None:
    for _ in range(100):
        if readings("line0/device/t0")[0]["quality"] == "good":
            return
        time.sleep(0.1)
    raise CannotMeasure("no good reading")


@contextmanager
def _peer(command: list[str], certificate: Path, authority: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    full = [*pinned(SERVER_CORE), *command, str(certificate), str(port), SECRET]
    with subprocess.Popen(full, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            _wait_for_port(process, port)
            yield Server(process.pid, port, authority, peer_token(SECRET.encode()))
        finally:
            process.kill()


def _wait_for_port(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.kill()
    raise CannotMeasure(f"a peer did not start:\n{process.stderr.read().decode() if process.stderr else ''}")


def _measure(start: Callable[[], AbstractContextManager[Server]], *, seconds: float, counts: tuple[int, ...]) -> Sample:
    """Start a server, and load it with each number of connections in turn."""
    sample: dict[str, float] = {}
    with start() as server:
        if not os.sched_getaffinity(server.pid) <= {SERVER_CORE}:
            os.sched_setaffinity(server.pid, {SERVER_CORE})
        for count in counts:
            load = [sys.executable, "-m", "benchmarks.clients.http_load", str(server.port), str(server.authority)]
            command = [*pinned(CALLER_CORE), *load, str(count), str(seconds), server.token]
            with subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as caller:
                assert caller.stdin is not None
                assert caller.stdout is not None
                if caller.stdout.readline().strip() != "standing":
                    raise CannotMeasure("the callers could not connect")
                time.sleep(0.2)
                before = server.cpu()
                print(file=caller.stdin, flush=True)
                said = json.loads(caller.stdout.readline())
                used = server.cpu() - before
                print(file=caller.stdin, flush=True)
            if not said["polls"]:
                raise CannotMeasure(f"nothing was answered: {said}")
            sample[f"us {count}"] = used / said["polls"] * 1e6
            sample[f"rate {count}"] = said["polls"] / said["wall"]
            sample[f"failures {count}"] = said["failures"]
    return sample
