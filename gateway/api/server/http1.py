"""HTTP/1.1 of one connection: an answer in one piece, and nothing switches to anything but a WebSocket."""

from __future__ import annotations

import http
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import h11
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, Response
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.typing import AppWrapper, ConnectionState, H11SendableEvent, TaskGroup, WorkerContext

from gateway.access.limits.rates import Headers
from gateway.api.server.config import ServerConfig
from gateway.api.server.direct import DirectStream
from gateway.api.server.heads import Head, Heads
from gateway.api.server.inline import InlineStream, body_length
from gateway.api.server.parser import RequestParser, origin_form
from gateway.api.server.requests import Requests
from gateway.api.server.websocket import Ending, WebSocket
from gateway.api.server.writer import COUNTED, REASONS

_BUSY, _IDLE = Updated(idle=False), Updated(idle=True)
_Sender = Callable[[StreamEvent], Awaitable[None]]
_End = tuple[str, int] | None
_Parts = tuple[AppWrapper, Config, WorkerContext, TaskGroup, bool, _End, _End, _Sender, int]


@dataclass(frozen=True)
class Upgraded(Event):
    """The connection is a WebSocket from now on."""


@dataclass(frozen=True)
class Lingering(Event):
    """We have said our last word and wait a moment for the peer's."""


class Http1(H11Protocol):
    """Hypercorn's HTTP/1.1 without its ways to HTTP/2."""

    def __init__(  # noqa: PLR0917 - the base's arguments
        self,
        app: AppWrapper,
        config: ServerConfig,
        context: WorkerContext,
        requests: Requests,
        ends: tuple[tuple[str, int], tuple[str, int]],
        send: Callable[[Event], Awaitable[None]],
    ) -> None:
        super().__init__(app, config, context, requests, ConnectionState({}), True, *ends, send)
        self.connection = RequestParser(config.limits.target_size, config.limits.header_size)
        self._front = config.front
        self._held = b""
        self._heads = Heads()
        self._limits = config.limits
        requests.before_receiving = self._ask_for_body

    async def receive(self, received: bytes) -> None:
        """Take what the caller has sent; nothing at its end."""
        if received and self._at_rest and (found := self._heads.find(received) or self._read_apart(received)):
            await self._answer(received, *found)
        else:
            await self.handle(RawData(received))

    @property
    def _at_rest(self) -> bool:
        """Whether what comes is the beginning of a request."""
        return (
            self.stream is None
            and self.connection.their_state is h11.IDLE
            and self.connection.our_state is h11.IDLE
            and not self.connection.trailing_data[0]
        )

    def _read_apart(self, received: bytes) -> tuple[Head, bytes] | None:
        """Have a parser of its own read what may be a whole request; None where it is no plain one."""
        if not received.startswith((b"POST /", b"GET /")):
            return None
        parser = RequestParser(self._limits.target_size, self._limits.header_size)
        parser.receive_data(received)
        try:
            request = parser.next_event()
        except h11.RemoteProtocolError:
            return None
        if not isinstance(request, h11.Request):
            return None
        scope = InlineStream(*self._parts()).scope_of(self._event(request))
        self._heads.learn(received, request, scope)
        return self._heads.find(received)

    @property
    def unread(self) -> bool:
        """Whether the request has not been read to its end, so that closing now could cost the caller its answer."""
        if isinstance(self.stream, DirectStream) and self.stream.plain:
            # It is all there, though h11 knows nothing of it.
            return False
        return self.connection.their_state in {h11.SEND_BODY, h11.ERROR, h11.IDLE}

    @property
    def cut_off(self) -> bool:
        """Whether an answer was begun and not finished."""
        return self.connection.our_state is h11.SEND_BODY

    def let_go(self) -> None:
        """Forget the connection and the last request: nothing is read or sent any more."""
        self.stream = None
        self.send = _nowhere
        # The scopes in it know how frames go out.
        self._heads = Heads()
        cast("Requests", self.task_group).let_go()

    async def refuse(self, status: int) -> None:
        """Answer a request that cannot be served, where nothing has been answered yet."""
        if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send_error_response(status)

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a piece of an answer; unlike stock code, with a reason phrase, which some clients insist on."""
        if isinstance(event, Ending):
            await self.send(Lingering())
        elif not isinstance(event, Response):
            await super().stream_send(event)
        elif event.status_code >= 200:
            headers = [*event.headers, *self.config.response_headers("h11")]
            if all(name != COUNTED for name, _ in headers):
                headers += self._counted(event.status_code)
            if self.connection.their_state is h11.SEND_BODY:
                # What is left of the body will not be read, and must not be taken for the next request.
                headers = [*(entry for entry in headers if entry[0] != b"connection"), (b"connection", b"close")]
            reason = REASONS.get(event.status_code, b"")
            await self._send_h11_event(h11.Response(status_code=event.status_code, headers=headers, reason=reason))
        else:
            await super().stream_send(event)
            if event.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
                await self.send(Upgraded())

    async def _ask_for_body(self) -> None:
        """Tell a caller that waits for it to send the body."""
        if isinstance(self.connection, RequestParser) and self.connection.held_back:
            await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    async def _check_protocol(self, event: h11.Request) -> None:
        """Nothing switches to HTTP/2: neither its preface nor ``Upgrade: h2c``."""

    async def _create_stream(self, request: h11.Request) -> None:
        length = body_length(request)
        if _asks_for_websocket(request):
            self.stream = WebSocket(*self._parts())
            self.connection = H11WSConnection(cast("h11.Connection", self.connection))
        elif length is not None and length <= len(self.connection.trailing_data[0]):
            self.stream = InlineStream(*self._parts())
        else:
            self.stream = HTTPStream(*self._parts())
        await self.stream.handle(self._event(request))

    def _event(self, request: h11.Request) -> Request:
        """A request as hypercorn's streams take it."""
        path, headers = origin_form(request.target, list(request.headers))
        return Request(
            stream_id=STREAM_ID,
            headers=headers,
            http_version=request.http_version.decode(),
            method=request.method.decode("ascii"),
            raw_path=path,
            state=self.connection_state,
        )

    def _parts(self) -> _Parts:
        """What hypercorn makes a stream of."""
        ends = self.client, self.server
        return (self.app, self.config, self.context, self.task_group, self.ssl, *ends, self.stream_send, STREAM_ID)

    async def _answer(self, received: bytes, head: Head, body: bytes) -> None:
        """Answer a request with a known header; h11 reads it only where the answer is not plain."""

        def fall_back() -> None:
            self.connection.receive_data(received)
            while not isinstance(self.connection.next_event(), h11.EndOfMessage):
                pass

        await self.send(_BUSY)
        self.stream = stream = DirectStream(*self._parts())
        await stream.answer_directly(head.scope(), body, fall_back)
        if stream.plain:
            self.stream = None
            await self.send(_IDLE)
            if self.context.terminated.is_set():
                await self.send(Closed())

    async def _send_error_response(self, status_code: int) -> None:
        headers = [(b"content-length", b"0"), (b"connection", b"close"), *self.config.response_headers("h11")]
        headers += self._counted(status_code)
        reason = REASONS.get(status_code, b"")
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers, reason=reason))
        await self._send_h11_event(h11.EndOfMessage())

    def _counted(self, status: int) -> Headers:
        """Count an answer that is not the application's."""
        if self._front is None or self.client is None:
            return []
        return self._front.answered(self.client[0], status)

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        """Hold the header back until the first piece of the body: one TLS record and one system call less."""
        try:
            data = self.connection.send(event) or b""
        except h11.LocalProtocolError:
            if self.connection.their_state is not h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response):
            self._held = data
            return
        data, self._held = self._held + data, b""
        if data:
            await self.send(RawData(data=data))


async def _nowhere(_: Event) -> None:
    """Where a connection that is over sends."""


def _asks_for_websocket(request: h11.Request) -> bool:
    found = {name: value.lower() for name, value in request.headers if name in {b"upgrade", b"connection"}}
    tokens = [token.strip() for token in found.get(b"connection", b"").split(b",")]
    return request.method == b"GET" and found.get(b"upgrade", b"").strip() == b"websocket" and b"upgrade" in tokens
