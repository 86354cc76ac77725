"""A gateway with lines that poll, and many instances of a plugin in their sandboxes."""

from __future__ import annotations

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from benchmarks.process import Gateway, gateway, write_config
from benchmarks.programs import ROOT, CannotMeasure, servers
from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens
from gateway.plugins.author.kit import read_kit
from gateway.plugins.author.packing import pack, written_manifest
from gateway.plugins.author.signing import make_key, read_key
from gateway.plugins.host.usage import descendants
from gateway.plugins.signature import sign

PLUGIN = ROOT / "benchmarks" / "plugin" / "main.py"
LINES, TAGS, POLL = 4, 25, "100ms"
STEP = 1.1
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What all instances said of one run.

    Attributes:
        calls: that were answered as they should be.
        refused: that were not.
        cpu: seconds of the processor that the plugins' programs used.
        wall: seconds of the slowest.
        took: how many calls took how long, in steps of a logarithm.
    """

    calls: int
    refused: int
    cpu: float
    wall: float
    took: Mapping[int, int]

    def quantile(self, share: float) -> float:
        """Milliseconds within which this share of the calls was answered."""
        return quantile(self.took, share)


def quantile(took: Mapping[int, int], share: float) -> float:
    """The same, of any such counts."""
    left = share * sum(took.values())
    for step in sorted(took):
        left -= took[step]
        if left <= 0:
            return float(STEP**step)
    return 0.0


def files() -> dict[str, bytes]:
    """The files of the plugin, with the kit."""
    return {"main.py": PLUGIN.read_bytes(), **read_kit()}


class Ecosystem:
    """A gateway, and calls to its plugin API."""

    def __init__(self, process: Gateway, home: Path) -> None:
        self.process = process
        token = OperatorTokens(load_root_key(process.state), time.time, lambda: True).issue(["*"])
        self._key = read_key(home / "publisher.key")
        self._client = httpx.Client(
            base_url=process.url,
            verify=str(process.state / "ca.pem"),
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )
        self._runs = 0
        self.instances: list[str] = []

    def ask(self, method: str, path: str, data: object = None) -> Any:
        """Ask, and return the data of the answer."""
        answer = self._client.request(method, path, json=None if data is None else {"data": data})
        if answer.is_error:
            raise CannotMeasure(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json().get("data") if answer.content else None

    def publish(self, number: int, of: int) -> None:
        """Publish the plugin under one of some names: each writes to the next one."""
        name, following = f"bench-{number}", f"bench-{(number + 1) % of}"
        members: dict[str, Any] = {
            "name": name,
            "version": "1.0.0",
            "description": "Is measured",
            "category": "benchmark",
            "license": "MIT",
            "tags": [],
            "config_schema": {"type": "object", "properties": {"next": {"type": "string", "default": following}}},
        }
        self.ask("POST", "/v1/plugins", {"type": "plugin", "attributes": members})
        entry = {"runtime": "python", "command": ["main.py"]}
        granted = ["read-tags", "read-events:bench:*", "publish-readings:bench/*", "send-messages"]
        content = files()
        manifest = written_manifest({"id": name, **members, "permissions": granted, "entry": entry}, content)
        package = pack(manifest, content, signature=sign(manifest, self._key))
        answer = self._client.put(
            f"/v1/plugins/{name}/versions/1.0.0/archive", content=package, headers={"Content-Type": "application/gzip"}
        )
        if answer.is_error:
            raise CannotMeasure(answer.text)

    def install(self, number: int) -> str:
        """Install an instance of one of them, and have it run; its id."""
        body = {
            "type": "plugin-instance",
            "relationships": {"plugin": {"data": {"type": "plugin", "id": f"bench-{number}"}}},
            "attributes": {
                "config": {},
                "permissions": ["read-tags", "read-events:bench:*", "publish-readings:bench/*", "send-messages"],
            },
        }
        id_: str = self.ask("POST", "/v1/instances", body)["id"]
        self.ask("POST", f"/v1/instances/{id_}/activate")
        self.instances.append(id_)
        return id_

    def await_active(self) -> None:
        """Wait until all run, and have subscribed to what begins a load."""
        for id_ in self.instances:
            self._until(partial(self._is_ready, id_), f"{id_} is ready")

    def degraded(self) -> list[str]:
        """What the instances are not protected from."""
        found = self.ask("GET", f"/v1/instances/{self.instances[0]}/status")["attributes"]["degraded"]
        return [str(one["protection"]) for one in found]

    def load(self, kind: str, seconds: float, rate: float) -> Heard:
        """Have all instances ask for some seconds, and hear what came of it."""
        self._runs += 1
        data = {"run": self._runs, "kind": kind, "seconds": seconds, "rate": rate, "tag": "line0/device/t0"}
        self.ask("POST", "/v1/events", {"event_type": "bench:go", "payload": data})
        time.sleep(seconds)
        said: dict[str, dict[str, Any]] = {}
        end = time.monotonic() + PATIENCE_S
        while len(said) < len(self.instances):
            for id_ in self.instances:
                if id_ not in said and (one := self._said(id_)) is not None:
                    said[id_] = one
            if time.monotonic() > end:
                raise CannotMeasure(f"{len(said)} of {len(self.instances)} instances said what came of it")
            time.sleep(0.2)
        took: Counter[int] = Counter()
        for one in said.values():
            took.update({int(step): count for step, count in one["took"].items()})
        return Heard(
            calls=sum(took.values()),
            refused=sum(one["refused"] for one in said.values()),
            cpu=sum(one["cpu"] for one in said.values()),
            wall=max(one["wall"] for one in said.values()),
            took=took,
        )

    def missed(self) -> int:
        """Deadlines of all lines that were missed."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "device.list", "params": {}}
        found = self._client.post("/api/v1/rpc", json=body).json()["result"]["devices"]
        return sum(int(device["missedDeadlines"]) for device in found)

    def cpu(self) -> float:
        """Seconds of the processor that all threads of the gateway have used."""
        tasks = Path(f"/proc/{self.process.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> tuple[float, float]:
        """Megabytes that an instance takes: what is its own alone, and resident with what it shares."""
        own = resident = 0
        for pid, generation in descendants(self.process.process.pid):
            if generation:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
                sizes = {row.split(":")[0]: int(row.split()[1]) for row in rollup.splitlines()[1:]}
                own += sizes["Private_Clean"] + sizes["Private_Dirty"]
                resident += sizes["Rss"]
        count = len(self.instances) or 1
        return own * 1024 / 1e6 / count, resident * 1024 / 1e6 / count

    def _is_ready(self, id_: str) -> bool:
        return any(text == "ready" for text in self._logged(id_))

    def _logged(self, id_: str) -> list[str]:
        return [one["attributes"]["text"] for one in self.ask("GET", f"/v1/instances/{id_}/logs?page[size]=200")]

    def _said(self, id_: str) -> dict[str, Any] | None:
        for text in self._logged(id_):
            if text.startswith("{") and (said := json.loads(text))["run"] == self._runs:
                found: dict[str, Any] = said
                return found
        return None

    @staticmethod
    def _until(look: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not look():
            if time.monotonic() > end:
                raise CannotMeasure(f"in {PATIENCE_S:g} s it did not become true that {what}")
            time.sleep(0.1)


@contextmanager
def ecosystem(build: Path, home: Path, lines: int) -> Iterator[Ecosystem]:
    """A gateway whose lines poll, and that takes the plugin; there is no instance yet."""
    # Users of plugins pass through it.
    home.chmod(0o755)
    public = make_key(home / "publisher.key")
    with servers(build, lines) as ports:
        config = write_config(home / "ferrule.toml", ports, TAGS, POLL)
        with config.open("a") as file:
            file.write(f'\n[[plugin.publisher]]\nname = "bench"\nkey = "{base64.b64encode(public).decode()}"\n')
        with gateway(config, home / "state") as process:
            yield Ecosystem(process, home)
