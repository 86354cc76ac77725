"""The real gateway as a process: started on a configuration of any size, watched from outside."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.programs import ROOT, CannotMeasure
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens

# Libraries look for these packages, which only the test tools bring along, and would import them.
RUN = (
    "import sys; sys.modules['rich'] = sys.modules['typing_extensions'] = None; "
    "from gateway.cli.main import main; sys.exit(main())"
)
# All limits are on, and out of the way of one caller who asks as fast as it can.
LIMITS = "[limits]\nmax_connections = 500\n" + "".join(
    f"{name} = 1000000\n" for name in ("requests_per_minute", "burst", "total_requests_per_minute", "total_burst")
)
TICKS = os.sysconf("SC_CLK_TCK")


def write_config(path: Path, tcp_ports: Sequence[int], tags: int, poll: str) -> Path:
    """A configuration of a TCP line for each port, with one device of ``tags`` registers each."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    text = [f'[gateway]\nname = "bench"\n\n[server]\nbind = "127.0.0.1"\nport = {port}\n\n{LIMITS}']
    text += [
        f'[[line]]\nname = "line{line}"\ntransport = "tcp"\nhost = "127.0.0.1"\ntcp_port = {tcp_port}\n\n'
        f'[[line.device]]\nname = "device"\nunit = 1\npoll = "{poll}"\ntag = [\n'
        + "".join(
            f'  {{ name = "t{address}", table = "holding", address = {address}, type = "uint16" }},\n'
            for address in range(tags)
        )
        + "]\n"
        for line, tcp_port in enumerate(tcp_ports)
    ]
    path.write_text("\n".join(text))
    return path


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that has said it is ready.

    Attributes:
        started: Unix seconds at which its process was started.
        ready: seconds from there until it said so.
        ready_cpu: CPU seconds it had used by then.
    """

    process: subprocess.Popen[str]
    url: str
    state: Path
    started: float
    ready: float
    ready_cpu: float

    def memory(self) -> float:
        """Resident megabytes (10^6 bytes), as the kernel counts them."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024 / 1e6
        raise CannotMeasure("the gateway ended")

    def cpu(self) -> float:
        """CPU seconds it has used."""
        return _cpu(self.process.pid)

    def readings(self, *tags: str) -> list[dict[str, Any]]:
        """What it says of tags."""
        token = OperatorTokens(load_root_key(self.state), time.time, lambda: True).issue(["devices:read"])
        body = {"jsonrpc": "2.0", "id": 1, "method": "tag.read", "params": {"tags": tags}}
        request = urllib.request.Request(  # noqa: S310 - https, to our own process
            f"{self.url}/api/v1/rpc",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        trust = ssl.create_default_context(cafile=self.state / "ca.pem")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )
        with opener.open(request, timeout=10) as answer:
            readings: list[dict[str, Any]] = json.load(answer)["result"]["readings"]
        return readings

    def acquired(self, tag: str) -> float:
        """Seconds from the start of the process until the reading of a tag was acquired; waits for a good one."""
        for _ in range(100):
            reading = self.readings(tag)[0]
            if reading["quality"] == "good":
                return datetime.fromisoformat(reading["timestamp"]).timestamp() - self.started
            time.sleep(0.2)
        raise CannotMeasure(f"{tag} never became good")


@contextmanager
def gateway(config: Path, state: Path, environment: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """``ferrule run`` for as long as the block runs, with these variables beside those that there are.

    Raises:
        CannotMeasure: it did not start.
    """
    command = [sys.executable, "-c", RUN, "run", "--config", str(config), "--state", str(state)]
    log = state.with_suffix(".log")
    with log.open("w") as errors:
        started, began = time.time(), time.perf_counter()
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        ) as process:
            try:
                assert process.stdout is not None
                line = ""
                while not line.startswith("ready "):
                    line = process.stdout.readline()
                    if not line:
                        raise CannotMeasure(f"the gateway did not start:\n{log.read_text()}")
                ready, cpu = time.perf_counter() - began, _cpu(process.pid)
                yield Gateway(process, line.split()[1], state, started, ready, cpu)
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
