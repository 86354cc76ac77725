"""A gateway without a network: plays operations of the kit on virtual time."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.sdk.ferrule_client.effects import AskReport, Effect, KeepToken, Pause, Report, Response, Send, Steps
from gateway.sdk.ferrule_client.errors import FerruleError, RpcError
from gateway.sdk.ferrule_client.identity import Identity
from gateway.sdk.ferrule_client.keys import SharedSecret
from gateway.sdk.ferrule_client.membership import Membership
from gateway.sdk.ferrule_client.operations import Operations
from gateway.sdk.ferrule_client.session import Clocks, Session

from .server import certificate

T = TypeVar("T")
KIT = Path(__file__).parents[3] / "gateway" / "sdk" / "ferrule_client"
Respond = Callable[[dict[str, Any]], object]
START = 1_800_000_000.0
CARD: dict[str, Any] = {
    "agentId": "temp-sensor-001",
    "name": "Temperature Sensor",
    "description": "Hall 3, 20 °C nominal",
    "version": "1.0.0",
    "capabilities": [
        {"id": "temperature-read", "name": "T", "description": "", "category": "sensor", "version": "1.0.0"}
    ],
    "endpoints": [{"protocol": "https", "host": "192.168.1.100", "port": 8443, "path": "/api/v1"}],
}
KEY = SharedSecret("kid-1", bytes(range(32)))


class EnoughError(Exception):
    """The play is over."""


def stamp(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).isoformat().replace("+00:00", "Z")


class Stage:
    """A session and the gateway it talks to.

    Attributes:
        seconds: virtual time that has gone by.
        answers: of each method what it is answered with: a result, an error, or a function of the request.
        sent: the requests, parsed, with their headers under "headers".
        pauses: how long was waited, in order.
        kept: the tokens that were kept.
        fast: seconds the gateway's clock is ahead of the agent's.
    """

    def __init__(
        self, *, token: str | None = None, max_wait: float = 30.0, enrolment: str | None = "enrolment"
    ) -> None:
        self.seconds = 0.0
        self.answers: dict[str, object] = {}
        self.sent: list[dict[str, Any]] = []
        self.pauses: list[float] = []
        self.kept: list[str | None] = []
        self.reports: list[Report] = []
        self.fast = 0.0
        self.end = float("inf")
        clocks = Clocks(lambda: START + self.seconds, lambda: self.seconds, lambda: 1.0)
        identity = Identity(CARD, "temp-sensor-001", KEY, enrolment)
        self.session = Session("https://192.168.1.10:3500", identity, token, max_wait, clocks)
        self.operations = Operations(self.session)
        self.membership = Membership(self.session)
        self._tokens = 0
        self._expires = 0.0

    @property
    def now(self) -> float:
        """Unix seconds by the gateway's clock."""
        return START + self.seconds + self.fast

    def methods(self) -> list[str]:
        return [request["method"] for request in self.sent]

    def bearers(self) -> list[str | None]:
        return [request["headers"].get("Authorization", "").removeprefix("Bearer ") or None for request in self.sent]

    def serve(self, *, life: float = 3600.0) -> None:
        """Answer as a gateway that knows the agent, or gets to know it."""

        def register(_: dict[str, Any]) -> object:
            self._tokens += 1
            return {"registered": True, "agentId": "temp-sensor-001", **self._token(life)}

        def heartbeat(request: dict[str, Any]) -> object:
            result: dict[str, object] = {"acknowledged": True, "nextHeartbeat": stamp(self.now + 30)}
            if request["params"].get("renew") and self._expires - self.now < 0.2 * life:
                self._tokens += 1
                result |= self._token(life)
            return result

        def announce(request: dict[str, Any]) -> object:
            service = request["params"]["service"]
            return {"announced": True, "serviceId": service["serviceId"], "expiresAt": stamp(self.now + service["ttl"])}

        self.answers |= {
            "agent.register": register,
            "agent.heartbeat": heartbeat,
            "discovery.announce": announce,
            "agent.unregister": {"unregistered": True, "agentId": "temp-sensor-001"},
        }

    def _token(self, life: float) -> dict[str, object]:
        self._expires = int(self.now) + life
        return {"token": f"token-{self._tokens}", "expiresAt": stamp(self._expires)}

    def play(self, steps: Steps[T]) -> T:
        """Carry an operation out; `EnoughError` when virtual time reaches `end`."""
        try:
            effect = next(steps)
            while True:
                try:
                    reply = self._perform(effect)
                except FerruleError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            steps.close()

    def stay(self, seconds: float, services: list[dict[str, Any]] | None = None) -> None:
        """Stay registered for so long."""
        self.end = self.seconds + seconds
        with pytest.raises(EnoughError):
            self.play(self.membership.stay(services or []))

    def _perform(self, effect: Effect) -> Response | Report | None:
        match effect:
            case Send():
                return self._answer(effect)
            case Pause(seconds):
                self.pauses.append(seconds)
                self.seconds += seconds
                if self.seconds >= self.end:
                    raise EnoughError
            case AskReport():
                return self.reports.pop(0) if self.reports else Report()
            case KeepToken(token):
                self.kept.append(token)
        return None

    def _answer(self, send: Send) -> Response:
        body = json.loads(send.body)
        headers = {"date": format_datetime(datetime.fromtimestamp(int(self.now), UTC), usegmt=True)}
        if isinstance(body, list):
            self.sent += [{**item, "headers": send.headers, "url": send.url} for item in body]
            answers = [_envelope(item["id"], self._outcome(item)) for item in body]
            return Response(200, headers, json.dumps(answers).encode())
        self.sent.append({**body, "headers": send.headers, "url": send.url})
        return Response(200, headers, json.dumps(_envelope(body["id"], self._outcome(self.sent[-1]))).encode())

    def _outcome(self, request: dict[str, Any]) -> object:
        outcome = self.answers[request["method"]]
        if isinstance(outcome, list):
            outcome = outcome.pop(0) if len(outcome) > 1 else outcome[0]
        outcome = outcome(request) if callable(outcome) else outcome
        if isinstance(outcome, FerruleError) and not isinstance(outcome, RpcError):
            raise outcome
        return outcome


def _envelope(id_: object, outcome: object) -> Mapping[str, object]:
    if isinstance(outcome, RpcError):
        error = {"code": outcome.code, "message": outcome.message, "data": dict(outcome.data)}
        return {"jsonrpc": "2.0", "id": id_, "error": error}
    return {"jsonrpc": "2.0", "id": id_, "result": outcome}


@pytest.fixture
def make_stage() -> Callable[..., Stage]:
    """Sets a stage."""
    return Stage


@pytest.fixture
def stage() -> Stage:
    """An agent that was enrolled, and a gateway that works."""
    made = Stage()
    made.serve()
    return made


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key."""
    return certificate(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit's wheel, built from its directory alone."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    shutil.copytree(KIT, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        place,
        source,
    ]
    subprocess.run(build, check=True, timeout=120)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with what is in the kit's wheel."""
    place = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(place)
    return place
