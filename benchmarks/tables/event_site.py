"""A gateway that may deliver to a receiver on this machine, and what is asked of both."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.machine import pinned
from benchmarks.process import LIMITS, Gateway, gateway
from benchmarks.programs import ROOT, CannotMeasure
from benchmarks.tables.http_servers import CALLER_CORE, Server
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens
from gateway.api.server.certificates import make_authority, make_leaf

TYPE = "bench:*"
LOOK_EVERY_S = 0.02
PATIENCE_S = 120.0
# Nobody listens there, and nobody may.
ABSENT_PORT = 9


class Receiver:
    """Counts webhooks, in a process of its own.

    Attributes:
        port: where.
        authority: whom to trust for it.
    """

    def __init__(self, process: subprocess.Popen[str], authority: Path) -> None:
        self._process = process
        self.authority = authority
        assert process.stdout is not None
        self.port = int(process.stdout.readline())

    def came(self) -> dict[str, float]:
        """How many came (``polls``), and when the newest did."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        said: dict[str, float] = json.loads(self._process.stdout.readline())
        return said

    def wait_for(self, count: float) -> float:
        """Wait until so many came; when that was."""
        end = time.monotonic() + PATIENCE_S
        while (said := self.came())["polls"] < count:
            if time.monotonic() > end:
                raise CannotMeasure(f"{said['polls']:g} of {count:g} deliveries arrived")
            time.sleep(LOOK_EVERY_S)
        return said["newest"]


@contextmanager
def receiver(home: Path) -> Iterator[Receiver]:
    """A receiver on the callers' core, for as long as the block runs."""
    issuer = make_authority("receiver", time.time())
    leaf = make_leaf(issuer.certificate, issuer.key, ["127.0.0.1"], time.time())
    authority, chain = home / "receiver-ca.pem", home / "receiver.pem"
    authority.write_bytes(issuer.certificate)
    chain.write_bytes(leaf.certificate + leaf.key)
    command = [*pinned(CALLER_CORE), sys.executable, "-m", "benchmarks.clients.hook_receiver", str(chain)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Receiver(process, authority)
        finally:
            process.kill()


class Publisher(Server):
    """A gateway, and calls to its plugin API."""

    def __init__(self, process: Gateway) -> None:
        token = OperatorTokens(load_root_key(process.state), time.time, lambda: True).issue(["*"])
        authority = process.state / "ca.pem"
        super().__init__(process.process.pid, int(process.url.rsplit(":", 1)[1]), authority, token)
        self.process = process
        trust = ssl.create_default_context(cafile=authority)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust)
        )

    def ask(self, method: str, path: str, data: object = None) -> Any:
        """Ask, and return the data of the answer."""
        request = urllib.request.Request(  # noqa: S310 - https, to our own process
            f"{self.process.url}{path}",
            None if data is None else json.dumps({"data": data}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
            method=method,
        )
        with self._opener.open(request, timeout=20) as answer:
            return json.load(answer)["data"]

    def register(self, port: int, *, active: bool = True) -> str:
        """Register a webhook for everything that is published here; its id."""
        body = {"url": f"https://127.0.0.1:{port}/hook", "events": [TYPE], "active": active}
        id_: str = self.ask("POST", "/v1/webhooks", body)["id"]
        return id_

    def written(self) -> int:
        """Bytes it has caused to be written to the disk."""
        for line in Path(f"/proc/{self.pid}/io").read_text().splitlines():
            if line.startswith("write_bytes"):
                return int(line.split()[1])
        raise CannotMeasure("this kernel does not account for writes")


@contextmanager
def publisher(home: Path, authority: Path | None = None, more: str = "") -> Iterator[Publisher]:
    """A gateway that may deliver to this machine, with a field where more of the configuration says so."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    trusted = f'ca = "{authority}"\n' if authority is not None else ""
    allowed = f'[[webhook.allow]]\nnetwork = "127.0.0.1/32"\n{trusted}'
    config = home / "ferrule.toml"
    config.write_text(
        f'[gateway]\nname = "bench"\n\n[server]\nbind = "127.0.0.1"\nport = {port}\n\n{LIMITS}\n{allowed}\n{more}'
    )
    with gateway(config, home / "state") as process:
        yield Publisher(process)
