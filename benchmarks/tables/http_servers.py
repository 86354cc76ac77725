"""Servers under load: ours and those of others, each a process on a core of its own, watched from outside."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import pinned
from benchmarks.peers.work import token as peer_token
from benchmarks.process import gateway, write_config
from benchmarks.programs import ROOT, CannotMeasure, servers
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens

PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
SECRET = "benchmark secret, nothing is guarded by it"  # noqa: S105 - as it says
PATIENCE_S = 20.0
SERVER_CORE, CALLER_CORE = 0, 1


class Server:
    """A server that runs: where, and how a caller gets in."""

    def __init__(self, pid: int, port: int, authority: Path, token: str) -> None:
        self.pid = pid
        self.port = port
        self.authority = authority
        self.token = token
        if not os.sched_getaffinity(pid) <= {SERVER_CORE}:
            os.sched_setaffinity(pid, {SERVER_CORE})

    def cpu(self) -> float:
        """CPU seconds of all its threads."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def certificate_of(home: Path) -> Path:
    """What our server has shown since its first start; the peers show the same."""
    return home / "state" / "server.pem"


@contextmanager
def our_server(build: Path, home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The gateway, polling one device."""
    with servers(build, 1) as ports:
        config = write_config(home / "ferrule.toml", ports, 10, "1s")
        with gateway(config, home / "state", environment) as process:
            token = OperatorTokens(load_root_key(home / "state"), time.time, lambda: True).issue(["devices:read"])
            _wait_for_good(process.readings)
            yield Server(process.process.pid, int(process.url.rsplit(":", 1)[1]), home / "state" / "ca.pem", token)


def _wait_for_good(readings: Callable[..., list[dict[str, Any]]]) -> None:
    for _ in range(100):
        if readings("line0/device/t0")[0]["quality"] == "good":
            return
        time.sleep(0.1)
    raise CannotMeasure("no good reading")


def peers(modules: Mapping[str, str], script: str | None = None) -> dict[str, list[str]]:
    """Commands of the servers written with others, by the name of what they are written with.

    Args:
        modules: of Python.
        script: for Node.

    Raises:
        CannotMeasure: they are not installed.
    """
    if not PEERS_PYTHON.exists():
        raise CannotMeasure("the other servers are not installed: run .ci/peers")
    found = {name: [str(PEERS_PYTHON), "-m", f"benchmarks.peers.{module}"] for name, module in modules.items()}
    if script is not None and (node := shutil.which("node")):
        found["Node https"] = [node, str(Path("benchmarks") / "peers" / script)]
    return found


@contextmanager
def peer_server(command: Sequence[str], home: Path) -> Iterator[Server]:
    """A server written with others."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    full = [*pinned(SERVER_CORE), *command, str(certificate_of(home)), str(port), SECRET]
    with subprocess.Popen(full, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            _wait_for_port(process, port)
            yield Server(process.pid, port, home / "state" / "ca.pem", peer_token(SECRET.encode()))
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


def load(server: Server, module: str, *arguments: object) -> dict[str, float]:
    """Load a server with a program of callers that says ``standing``, waits for a line, and then says what it counted.

    Returns what it said, and under ``us`` the CPU of the server by answer, in microseconds.

    Raises:
        CannotMeasure: nothing was answered.
    """
    command = [*pinned(CALLER_CORE), sys.executable, "-m", f"benchmarks.clients.{module}", str(server.port)]
    command += [str(server.authority), *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdin is not None
        assert caller.stdout is not None
        if caller.stdout.readline().strip() != "standing":
            raise CannotMeasure("the callers could not connect")
        time.sleep(0.2)
        before = server.cpu()
        print(file=caller.stdin, flush=True)
        said: dict[str, float] = json.loads(caller.stdout.readline())
        used = server.cpu() - before
        print(file=caller.stdin, flush=True)
    if not said["polls"]:
        raise CannotMeasure(f"nothing was answered: {said}")
    return {**said, "us": used / said["polls"] * 1e6}
