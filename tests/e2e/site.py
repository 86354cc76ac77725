"""A site: one configuration, one state directory, and the real gateway that runs on them."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from gateway.access.keys import load_root_key
from gateway.access.tokens import OperatorTokens
from tests.e2e.programs import FERRULE, Program, until

Answer = dict[str, Any]
Readings = dict[str, Answer]

ALL_OF_THE_FIELD = ("devices:read", "devices:write")


class Gateway(Program):
    """A running ``ferrule run``.

    Attributes:
        url: where it serves.
        state: its state directory.
    """

    def __init__(
        self,
        config: Path,
        state: Path,
        prints: Path,
        env: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> None:
        super().__init__([*before, FERRULE, "run", "--config", config, "--state", state], prints, env=env)
        self.state = state
        self.url = ""
        self._client: httpx.Client | None = None

    def ready(self) -> Gateway:
        """Wait until it says that it serves."""
        self.url = self.line("ready https://").removeprefix("ready ")
        return self

    def token(self, scopes: Iterable[str] = ALL_OF_THE_FIELD) -> str:
        """A token as ``ferrule token`` prints it."""
        return OperatorTokens(load_root_key(self.state), time.time, lambda: True).issue(scopes)

    @property
    def client(self) -> httpx.Client:
        """Calls it over TLS, trusting nobody but its own certificate authority."""
        if self._client is None:
            trust = ssl.create_default_context(cafile=self.state / "ca.pem")
            headers = {"Authorization": f"Bearer {self.token()}"}
            self._client = httpx.Client(base_url=self.url, verify=trust, headers=headers, timeout=15, trust_env=False)
        return self._client

    def answer(self, method: str, params: Mapping[str, object] | None = None) -> Answer:
        """The whole JSON-RPC answer to a call."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
        answer: Answer = self.client.post("/api/v1/rpc", json=body).json()
        return answer

    def call(self, method: str, params: Mapping[str, object] | None = None) -> Answer:
        """The result of a call that must succeed."""
        answer = self.answer(method, params)
        assert "result" in answer, answer
        result: Answer = answer["result"]
        return result

    def read(self, *tags: str, max_age: float | None = None) -> Readings:
        """The readings of tags by name."""
        params: dict[str, object] = {"tags": list(tags)}
        if max_age is not None:
            params["maxAge"] = max_age
        return {reading["tag"]: reading for reading in self.call("tag.read", params)["readings"]}

    def everything(self) -> Readings:
        """The readings of all tags by name."""
        return self.read(*[row["tag"] for row in self.call("tag.list")["tags"]])

    def awaits(self, tag: str, *, seconds: float = 20.0, **wanted: object) -> Answer:
        """Wait until a reading says what is wanted, e.g. ``quality="good"``; returns it."""

        def look() -> Answer | None:
            reading = self.read(tag)[tag]
            return reading if all(reading.get(key) == value for key, value in wanted.items()) else None

        return until(look, f"{tag} says {wanted}", seconds=seconds)

    def write(self, tag: str, value: object, **more: object) -> Answer:
        """Write a tag; the outcome."""
        return self.call("tag.write", {"tag": tag, "value": value, **more})

    def writes(self, tag: str, value: object, **more: object) -> int:
        """Write a tag; it must be confirmed. Where this machine stalls, a device answers too late: then once more.

        Returns:
            How often it was asked for.
        """
        asked = 0

        def confirmed() -> bool:
            nonlocal asked
            asked += 1
            answer = self.write(tag, value, **more)
            if answer.get("reason") in {"no_answer", "late_possible"}:
                return False
            assert answer["outcome"] == "confirmed", answer
            return True

        until(confirmed, f"{tag} is written {value}")
        return asked

    def lines(self) -> dict[str, Answer]:
        """``line.list`` by name."""
        return {line["line"]: line for line in self.call("line.list")["lines"]}

    def devices(self) -> dict[str, Answer]:
        """``device.list`` by name."""
        return {device["device"]: device for device in self.call("device.list")["devices"]}

    def hang_up(self) -> None:
        """Close the client's connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


class Site:
    """Where a gateway runs: a directory of its own.

    Attributes:
        directory: holds the configuration.
        config: the configuration file.
        state: the state directory.
        gateways: all that were started here.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "ferrule.toml"
        self.state = directory / "state"
        self.prints = directory / "prints"
        self.prints.mkdir(parents=True)
        self.gateways: list[Gateway] = []

    def configure(self, lines: str = "", *, server: str = 'bind = "127.0.0.1"\nport = 0') -> None:
        """Write the configuration: these lines, and a server on a free port."""
        limits = "requests_per_minute = 100000\nburst = 10000"
        self.config.write_text(
            f'[gateway]\nname = "site"\n\n[server]\n{server}\n\n[limits]\n{limits}\n\n'
            f'[history]\nflush_interval = "1s"\n\n{lines}'
        )

    def launch(self, env: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> Gateway:
        """Start a gateway and do not wait for anything; ``before`` is a command that starts the one that follows."""
        gateway = Gateway(self.config, self.state, self.prints, env, before)
        self.gateways.append(gateway)
        return gateway

    def start(self, env: Mapping[str, str] | None = None) -> Gateway:
        """Start a gateway and wait until it serves."""
        return self.launch(env).ready()

    def close(self) -> None:
        """Stop what still runs; it must end cleanly."""
        for gateway in self.gateways:
            gateway.hang_up()
            if not gateway.ended:
                assert gateway.stop() == 0, gateway.stderr


def tcp_line(name: str, port: int, devices: str, more: str = "") -> str:
    """A line to a device on this machine that is tried again quickly."""
    return (
        f'[[line]]\nname = "{name}"\ntransport = "tcp"\nhost = "127.0.0.1"\ntcp_port = {port}\n'
        f'reconnect_min = "100ms"\nreconnect_max = "200ms"\n{more}\n{devices}\n'
    )


def serial_line(name: str, port: Path, devices: str, more: str = 'transport = "rtu"') -> str:
    """A line on a serial port that is tried again quickly."""
    return (
        f'[[line]]\nname = "{name}"\nport = "{port}"\nreconnect_min = "100ms"\nreconnect_max = "200ms"\n'
        f"{more}\n{devices}\n"
    )


def device(name: str, unit: int, tags: Iterable[str], more: str = "") -> str:
    """A device; each tag is the inside of an inline table."""
    rows = ",\n".join(f"  {{ {tag} }}" for tag in tags)
    return f'[[line.device]]\nname = "{name}"\nunit = {unit}\n{more}\ntag = [\n{rows},\n]\n'
