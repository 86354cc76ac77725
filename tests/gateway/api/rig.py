"""A field of fakes behind the real API and the real server, for the tests of this folder."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import trio

from gateway.access.keys import RootKey, load_root_key
from gateway.access.limits.rates import RateLimits
from gateway.access.tokens import OperatorTokens
from gateway.api.application import make_application
from gateway.api.asgi import Application
from gateway.api.front import Front
from gateway.api.metrics.instruments import Instruments
from gateway.api.performance import Performance
from gateway.api.rest.route import Route
from gateway.api.server.serving import serve
from gateway.api.server.supplied import Supplied
from gateway.api.server.tls import ServerTls
from gateway.core.alerts import Alerts
from gateway.core.audit import AuditEntry, AuditOutcome, entry
from gateway.core.errors import invalid
from gateway.core.ports import (
    BorrowAnswer,
    HistorySample,
    Json,
    LeaseInForce,
    Outcome,
    RawAnswer,
    SerialAnswer,
    StoreState,
    TagRow,
    TrafficRecord,
    WriteResult,
)
from gateway.core.principal import Principal
from gateway.core.reading import Quality, Reading, Reason, Sample, Value
from gateway.core.timeline import Era, Timeline
from gateway.governor.arbitration import Arbitration
from gateway.settings.model import GatewaySettings, LimitSettings, ServerSettings, Settings
from gateway.wiring import Governed, agent_parts, governing, server_glance
from tests.gateway.agents.board import Facts
from tests.gateway.api.services import Services
from tests.gateway.governor.bench import Field

NOON = 1_800_000_000.0
SAMPLE = Sample(100.0, Era(NOON - 100.0, synchronised=True), 7)
ALL = {"devices:read", "devices:write"}
BOILER_ROOM = GatewaySettings(name="rig", location="boiler room")


@dataclass
class FakeField:
    """Stands for the lines: known tags, and a record of what was asked of it."""

    known: dict[str, Reading] = field(default_factory=dict)
    line_states: list[str] = field(default_factory=lambda: ["up"])
    written: list[tuple[object, ...]] = field(default_factory=list)
    wrote_for: list[Principal | None] = field(default_factory=list)
    read_takes: float = 0.0
    write_takes: float = 0.0
    wrote: trio.Event = field(default_factory=trio.Event)
    fault: Exception | None = None
    raw: RawAnswer = field(default_factory=lambda: RawAnswer([1, 2]))
    serial: SerialAnswer = field(default_factory=lambda: SerialAnswer(b"\xff12\n", "12", NOON, "synchronised"))
    asked: list[tuple[object, ...]] = field(default_factory=list)
    line_reports: list[dict[str, Json]] = field(default_factory=list)
    device_reports: list[dict[str, Json]] = field(default_factory=list)
    leased: list[LeaseInForce] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known = {
            "bus/meter/power": Reading("bus/meter/power", 42.5, Quality.GOOD, None, SAMPLE, 42.5),
            "bus/meter/run": Reading("bus/meter/run", True, Quality.UNCERTAIN, Reason.STALE, SAMPLE, True),
            "bus/dead/flow": Reading("bus/dead/flow", None, Quality.BAD, Reason.NO_ANSWER, SAMPLE, 3),
            "bus/dead/new": Reading("bus/dead/new", None, Quality.BAD, Reason.NOT_YET_READ, None, None),
        }

    def lines(self) -> list[dict[str, Json]]:
        return [dict(report) for report in self.line_reports] or [
            {"line": f"line{number}", "state": state} for number, state in enumerate(self.line_states)
        ]

    def devices(self, line: str | None = None) -> list[dict[str, Json]]:
        reports = self.device_reports or [{"device": name, "line": "bus"} for name in ("meter", "dead")]
        return [report for report in reports if line in {None, report["line"]}]

    def tags(self, line: str | None = None, device: str | None = None) -> list[TagRow]:
        return [
            TagRow(name, "float32", "kW", writable=True, poll=1.0, description="", missed_deadlines=0)
            for name in self.known
            if line in {None, name.split("/")[0]} and device in {None, name.split("/")[1]}
        ]

    def missed_deadlines(self) -> dict[str, int]:
        return dict.fromkeys(self.known, 3)

    async def read(self, names: Sequence[str], max_age: float | None) -> list[Reading]:
        await trio.sleep(self.read_takes)
        if self.fault is not None:
            raise self.fault
        self.asked.append((tuple(names), max_age))
        for place, name in enumerate(names):
            if name not in self.known:
                raise invalid(f"tags[{place}]", f"there is no tag {name}", name)
        return [self.known[name] for name in names]

    async def write(self, name: str, value: Value, lease: float | None, by: Principal | None = None) -> WriteResult:
        await trio.sleep(self.write_takes)
        self.written.append((name, value, lease))
        self.wrote_for.append(by)
        self.wrote.set()
        return WriteResult(Outcome.CONFIRMED, read_back=value)

    def leases(self) -> list[LeaseInForce]:
        return self.leased

    async def modbus_read(self, line: str, unit: int, table: str, address: int, count: int) -> RawAnswer:
        self.asked.append((line, unit, table, address, count))
        return self.raw

    async def modbus_write(  # noqa: PLR0917 - as in DeviceAccess
        self,
        line: str,
        unit: int,
        table: str,
        address: int,
        values: Sequence[int | bool],
        by: Principal | None = None,
    ) -> WriteResult:
        self.wrote_for.append(by)
        self.written.append((line, unit, table, address, list(values)))
        return WriteResult(Outcome.REFUSED, "illegal_address", "no such register")

    def serial_ports(self) -> list[dict[str, Json]]:
        return [{"path": "/dev/ttyUSB0", "line": "scale"}]

    async def serial_read(self, line: str, max_age: float | None) -> SerialAnswer:
        self.asked.append((line, max_age))
        return self.serial

    async def serial_write(self, line: str, data: bytes) -> WriteResult:
        self.written.append((line, data))
        return WriteResult(Outcome.CONFIRMED)

    def borrow(self, line: str, seconds: float, lease: str | None) -> tuple[str, float]:
        self.asked.append((line, seconds, lease))
        return "0a0b", seconds

    def give_back(self, line: str, lease: str) -> None:
        self.asked.append((line, lease))

    async def exchange(self, line: str, lease: str, unit: int, pdu: bytes, patience: float) -> BorrowAnswer:
        self.asked.append((line, lease, unit, pdu, patience))
        return BorrowAnswer(b"\x03\x02\x00\x07", seconds=0.01, causes=("late",))

    def traffic(self, line: str, after: int) -> tuple[list[TrafficRecord], int]:
        self.asked.append((line, after))
        return [TrafficRecord(after + 1, trio.current_time(), sent=True, data=b"\x01\x03")], 2


@dataclass
class FakeHistory:
    """A past of so many samples, one a second."""

    length: int = 3
    asked: list[tuple[object, ...]] = field(default_factory=list)

    async def samples(
        self, tag: str, start: float, end: float, resolution: float | None, limit: int
    ) -> list[HistorySample]:
        self.asked.append((tag, start, end, resolution))
        step = resolution or 1.0
        return [
            HistorySample(start + number * step, float(number), "good", "synchronised", 0.0, 9.0, 5)
            for number in range(min(self.length, limit))
        ]


@dataclass
class FakeStore:
    """A store that is as it is told to be."""

    durable: bool = True
    rows_waiting: int = 0
    oldest_waiting: float | None = None

    def state(self) -> StoreState:
        return StoreState(self.durable, 1234, 200_000_000, "everything", self.rows_waiting, self.oldest_waiting)


@dataclass
class Board:
    """The wall clock of the gateway under test."""

    wall: float = field(default_factory=time.time)
    synchronised: bool = True
    timeline: Timeline = field(init=False)

    def __post_init__(self) -> None:
        self.timeline = Timeline(lambda: 0.0, lambda: self.wall, lambda: self.synchronised)

    def set(self, wall: float, *, synchronised: bool = True) -> None:
        self.wall, self.synchronised = wall, synchronised
        self.timeline.look()


@dataclass
class Notes:
    """An audit log that remembers what it was told."""

    entries: list[AuditEntry] = field(default_factory=list)

    def note(
        self,
        action: str,
        outcome: AuditOutcome = AuditOutcome.DONE,
        *,
        by: Principal | None = None,
        claimed: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        made = entry(action, outcome, by=by, claimed=claimed, peer=peer, target=target, details=details)
        self.entries.append(made)

    def of(self, action: str) -> list[AuditEntry]:
        return [noted for noted in self.entries if noted.action == action]


class Rig:
    """The API over fakes, for calls in memory; ``served`` puts it behind the real server."""

    def __init__(
        self,
        state: Path,
        limits: LimitSettings | None = None,
        *,
        named: GatewaySettings = BOILER_ROOM,
        version: str = "1.2.3",
        earlier: Rig | None = None,
        routes: Sequence[Route] = (),
        services: Services | None = None,
    ) -> None:
        self.state = state
        self.board: Board = Board() if earlier is None else earlier.board
        self.field = FakeField()
        self.history = FakeHistory()
        self.store = FakeStore()
        self.root: RootKey = load_root_key(state)
        self.tokens = OperatorTokens(self.root, self.board.timeline.now, lambda: self.board.timeline.era.synchronised)
        self.settings = Settings(gateway=named, limits=limits or LimitSettings())
        self.rates = RateLimits(self.settings.limits, trio.current_time)
        self.instruments = Instruments(self.settings.metrics)
        self.facts: Facts = Facts() if earlier is None else earlier.facts
        self.services = services or Services()
        self.audit, self.told = Notes(), list[tuple[str, dict[str, object]]]()
        timeline, performance = self.board.timeline, Performance(trio.current_time)

        def announce(type_: str, data: dict[str, object]) -> None:
            self.told.append((type_, data))

        self.agents = agent_parts(
            self.root, self.facts, timeline, lambda: self.settings, announce, monotonic=lambda: 0.0
        )
        numbers = count(1)
        self.alerts = Alerts(timeline.now, announce, lambda: f"alert-{next(numbers)}")
        self.steering = Field()
        governed = Governed(
            steering=self.steering,
            arbitration=Arbitration(trio.current_time, lambda _: None),
            directory=self.agents.directory,
            alerts=self.alerts,
            server=lambda: server_glance(performance, self.rates, self.instruments, self.store),
            reading=lambda _: None,
            facts=self.facts,
            store=self.store,
        )
        self.governing = governing(governed, timeline, lambda: self.settings, announce)
        self.app: Application = make_application(
            settings=self.settings,
            version=version,
            agents=self.agents,
            governing=self.governing.parts,
            audit=self.audit,
            rates=self.rates,
            timeline=self.board.timeline,
            devices=self.field,
            history=self.history,
            store=self.store,
            instruments=self.instruments,
            performance=performance,
            events=self.services.parts,
            routes=routes,
        )
        self.url = ""

    def restarted(self) -> Rig:
        """The gateway after it was started anew: the same disk, and nothing in memory."""
        return Rig(self.state, earlier=self)

    def bearer(self, *scopes: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.issue(scopes or ALL)}"}

    @asynccontextmanager
    async def in_memory(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the application without server and sockets."""
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="https://rig", headers=self.bearer()
        ) as client:
            yield client

    @asynccontextmanager
    async def served(
        self,
        bind: str = "127.0.0.1",
        app: Application | None = None,
        grace: float = 5.0,
        server: ServerSettings | None = None,
        limits: LimitSettings | None = None,
    ) -> AsyncIterator[trio.Event]:
        """The real server on a free port. Yields the event that stops it."""
        stop = trio.Event()
        settings = replace(server or ServerSettings(), bind=bind, port=0)
        self.tls = ServerTls(self.state, self.board.timeline, "board", Supplied.of(settings))
        async with trio.open_nursery() as nursery:

            async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
                await serve(
                    app or self.app,
                    settings,
                    self.tls,
                    stop=stop,
                    limits=limits or self.settings.limits,
                    front=Front(self.rates, self.instruments.http, self.board.timeline.now),
                    grace=grace,
                    task_status=task_status,
                )

            urls: list[str] = await nursery.start(run)
            self.url = urls[0]
            try:
                yield stop
            finally:
                stop.set()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def trusting(self) -> ssl.SSLContext:
        """What a careful client uses: our authority, host name checked, every strictness there is."""
        context = ssl.create_default_context(cafile=self.state / "ca.pem")
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            verify=self.trusting(), base_url=self.url, headers=self.bearer(), trust_env=False, timeout=20
        )

    async def connect(self) -> trio.SSLStream[trio.SocketStream]:
        """A raw TLS connection, to say what no client would."""
        stream = await trio.open_ssl_over_tcp_stream(
            "127.0.0.1", self.port, ssl_context=self.trusting(), https_compatible=True
        )
        await stream.do_handshake()
        return stream


def rpc_body(method: str, params: object = None, id_: object = 1) -> dict[str, object]:
    body: dict[str, object] = {"jsonrpc": "2.0", "method": method, "id": id_}
    if params is not None:
        body["params"] = params
    return body


async def call(client: httpx.AsyncClient, method: str, params: object = None) -> Any:
    """The whole response object of one call."""
    response = await client.post("/api/v1/rpc", json=rpc_body(method, params))
    return response.json()


async def post(client: httpx.AsyncClient, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    """The whole HTTP response to a body of one's own making."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await client.post(
        "/api/v1/rpc", content=content, headers={"Content-Type": "application/json"} | (headers or {})
    )


async def result(client: httpx.AsyncClient, method: str, params: object = None) -> Any:
    answer = await call(client, method, params)
    assert set(answer) == {"jsonrpc", "id", "result"}, answer
    return answer["result"]


async def error(client: httpx.AsyncClient, method: str, params: object = None) -> Any:
    answer = await call(client, method, params)
    assert set(answer) == {"jsonrpc", "id", "error"}, answer
    return answer["error"]


async def read_response(stream: trio.abc.ReceiveStream) -> bytes:
    """What the server says until it closes or a second passes without a byte (virtual or real)."""
    received = b""
    with trio.move_on_after(5):
        while chunk := await stream.receive_some():
            received += chunk
            head, found, body = received.partition(b"\r\n\r\n")
            if found and f"content-length: {len(body)}".encode() in head.lower():
                break
    return received
