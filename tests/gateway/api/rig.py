"""The real API and the real server over fakes, for the tests of this folder."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import trio

from gateway.access.keys import RootKey, load_root_key
from gateway.access.limits.rates import RateLimits
from gateway.access.tokens import OperatorTokens
from gateway.accessing import Grounds, accessing
from gateway.api.application import make_application
from gateway.api.asgi import Application
from gateway.api.front import Front
from gateway.api.metrics.instruments import Instruments
from gateway.api.performance import Performance
from gateway.api.rest.replays import Replays
from gateway.api.rest.route import Route
from gateway.api.rest.versions import Retirement
from gateway.api.server.serving import serve
from gateway.api.server.supplied import Supplied
from gateway.api.server.tls import ServerTls
from gateway.consenting import consenting
from gateway.core.alerts import Alerts
from gateway.core.usage import CallCounter
from gateway.governor.arbitration import Arbitration
from gateway.settings.model import GatewaySettings, LimitSettings, ServerSettings, Settings
from gateway.wiring import Governed, agent_parts, governing, server_glance
from tests.gateway.access.people import QuickHasher
from tests.gateway.agents.board import Facts
from tests.gateway.api.credentials import FakeCredentials
from tests.gateway.api.fakes import Board, FakeField, FakeHistory, FakeStore, Notes
from tests.gateway.api.services import Services
from tests.gateway.governor.bench import Field

ALL = {"devices:read", "devices:write"}
BOILER_ROOM = GatewaySettings(name="rig", location="boiler room")


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
        people: Sequence[Route] | None = None,
        services: Services | None = None,
        retirements: Sequence[Retirement] = (),
        server: ServerSettings | None = None,
        replays: Replays | None = None,
        usage: CallCounter | None = None,
    ) -> None:
        self.state = state
        self.board: Board = Board() if earlier is None else earlier.board
        self.field = FakeField()
        self.history = FakeHistory()
        self.store = FakeStore()
        self.root: RootKey = load_root_key(state)
        self.tokens = OperatorTokens(self.root, self.board.timeline.now, lambda: self.board.timeline.era.synchronised)
        self.settings = Settings(gateway=named, limits=limits or LimitSettings(), server=server or ServerSettings())
        self.rates = RateLimits(self.settings.limits, trio.current_time)
        self.instruments = Instruments(self.settings.metrics)
        self.facts: Facts = Facts() if earlier is None else earlier.facts
        self.services = services or Services()
        self.audit, self.told = Notes(), list[tuple[str, dict[str, object]]]()
        # Where it would listen, for what asks; the port that is served belongs to whatever a test serves there.
        self.own_ports: set[int] = set()
        timeline, performance = self.board.timeline, Performance(trio.current_time)

        def announce(type_: str, data: dict[str, object]) -> None:
            self.told.append((type_, data))

        self.agents = agent_parts(
            self.root,
            self.facts,
            timeline,
            lambda: self.settings,
            announce,
            is_own=lambda _, port: port in self.own_ports,
            monotonic=lambda: 0.0,
        )
        self.credentials: FakeCredentials = FakeCredentials() if earlier is None else earlier.credentials
        grounds = Grounds(
            root=self.root,
            store=self.credentials,
            agents=self.agents,
            rates=self.rates,
            timeline=timeline,
            audit=self.audit,
        )
        self.access = accessing(grounds, lambda: self.settings)
        self.people = consenting(grounds, self.access, state, lambda: self.settings, hasher=QuickHasher())
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
            routes=(*routes, *self.access.routes, *(self.people.routes if people is None else people)),
            keys=self.access.keys,
            retirements=retirements,
            usage=usage,
            replays=replays,
        )
        self.url = ""

    @property
    def methods(self) -> set[str]:
        """The name of every method; none of them lists them."""
        return set(self.app._agent_api._dispatch._methods)  # type: ignore[attr-defined] # it is more than an application

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
