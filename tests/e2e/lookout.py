"""Whoever looks at a running gateway from outside while others are at work: its figures, memory and processor time."""

from __future__ import annotations

import os
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.site import Gateway

Devices = tuple[float, dict[str, dict[str, Any]]]

LOOK_EVERY_S = 1.0
# Agents come from 127.0.0.1.
OVERSEER = "127.0.1.1"


@dataclass(slots=True)
class Looks:
    """What was seen from outside, second by second.

    Attributes:
        memory: megabytes, by seconds since the beginning.
        healths: the overall health that was told.
        broken: figures that contradict each other, in words.
    """

    memory: list[tuple[float, float]] = field(default_factory=list)
    healths: list[int] = field(default_factory=list)
    number: int = 0
    broken: list[str] = field(default_factory=list)

    def memory_at(self, seconds: float) -> float:
        """The last that was seen until then."""
        return [megabytes for at, megabytes in self.memory if at <= seconds + LOOK_EVERY_S][-1]


@dataclass(frozen=True, slots=True)
class Polled:
    """What lines did in some seconds, by line.

    Attributes:
        seconds: how many.
        requests: to devices.
        due: deadlines of tags there were.
        missed: of them.
    """

    seconds: float
    requests: Counter[str]
    due: Counter[str]
    missed: Counter[str]

    @property
    def share(self) -> float:
        """Of the deadlines, those that were missed."""
        return self.missed.total() / max(self.due.total(), 1)

    def __str__(self) -> str:
        each = [
            f"{line} {number} requests, {self.missed[line]} of {self.due[line]} deadlines of tags missed"
            for line, number in sorted(self.requests.items())
        ]
        return f"{', '.join(each)} ({100 * self.share:.2f} %)"


def contradictions(status: dict[str, Any], health: dict[str, Any]) -> list[str]:
    """What does not agree in ``governor.status`` and ``server.health`` (D-081, D-093)."""
    levels = [level["health"] for level in status["governors"].values() if level["active"]]
    known = [figure for figure in levels if figure is not None]
    whole, agents, found = status["overall"]["health"], health["agents"], []
    if whole != (round(sum(known) / len(known)) if known else None):
        found.append(f"overall is {whole}, the levels are {levels}")
    if not 0 <= agents["healthy"] <= agents["active"] <= agents["total"]:
        found.append(f"agents: {agents}")
    if any(level["health"] is not None for level in status["governors"].values() if not level["active"]):
        found.append(f"a level that is not active has a health: {levels}")
    return found


class Overseer:
    """An operator with an address of its own who looks at everything."""

    def __init__(self, gateway: Gateway) -> None:
        trust = ssl.create_default_context(cafile=gateway.state / "ca.pem")
        token = gateway.token(("devices:read", "governor:read", "agents:read"))
        self._client = httpx.Client(
            base_url=gateway.url,
            transport=httpx.HTTPTransport(verify=trust, local_address=OVERSEER),
            headers={"Authorization": f"Bearer {token}"},
            timeout=15,
        )

    def call(self, method: str, params: Mapping[str, object] | None = None) -> dict[str, Any]:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        answer = self._client.post("/api/v1/rpc", json=body).raise_for_status().json()
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def devices(self) -> Devices:
        """When, and what ``device.list`` said of each."""
        return time.monotonic(), {device["device"]: device for device in self.call("device.list")["devices"]}

    def polled_since(self, before: Devices) -> Polled:
        """What lines did since then."""
        (then, old), (now, new) = before, self.devices()
        requests, missed, due = Counter[str](), Counter[str](), Counter[str]()
        for name, device in new.items():
            requests[device["line"]] += device["requests"] - old[name]["requests"]
            missed[device["line"]] += device["missedDeadlines"] - old[name]["missedDeadlines"]
        for tag in self.call("tag.list", {"limit": 1000})["tags"]:
            if tag["poll"]:
                due[tag["tag"].partition("/")[0]] += round((now - then) / tag["poll"])
        return Polled(now - then, requests, due, missed)

    def close(self) -> None:
        self._client.close()


class Lookout:
    """Looks at the gateway every second, until it is told to come back."""

    def __init__(self, gateway: Gateway, overseer: Overseer) -> None:
        self._gateway = gateway
        self._overseer = overseer
        self._over = threading.Event()
        self._began = time.monotonic()
        self._fell: Exception | None = None
        self.looks = Looks()
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def _look_on(self) -> None:
        try:
            while not self._over.wait(LOOK_EVERY_S):
                self._look()
        except Exception as error:  # noqa: BLE001 - told where it is waited for
            self._fell = error

    def _look(self) -> None:
        looks = self.looks
        looks.memory.append((time.monotonic() - self._began, memory(self._gateway)))
        status, health = self._overseer.call("governor.status"), self._overseer.call("server.health")
        looks.number += 1
        looks.broken += contradictions(status, health)
        if status["overall"]["health"] is not None:
            looks.healths.append(status["overall"]["health"])

    def back(self) -> Looks:
        """End looking; returns what was seen."""
        self._over.set()
        self._thread.join()
        if self._fell is not None:
            raise self._fell
        return self.looks


def memory(gateway: Gateway) -> float:
    """Megabytes the gateway has in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.process.pid}/status").read_text())
    assert found, "the gateway has ended"
    return int(found[1]) / 1024


def processor(gateway: Gateway) -> float:
    """Seconds of the processor the gateway has used (proc(5): utime and stime)."""
    fields = Path(f"/proc/{gateway.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def waited(*processes: int) -> float:
    """Seconds in which the main threads of these processes could have run, and others had the processors.

    From the second figure of schedstat (Documentation/scheduler/sched-stats), nanoseconds.
    """
    figures = [Path(f"/proc/{process}/task/{process}/schedstat").read_text().split() for process in processes]
    return sum(int(delay) for _, delay, _ in figures) / 1e9
