"""The WebSocket of one connection (RFC 6455), for applications that speak raw ASGI.

What stock hypercorn does differently: it lets bytes before the handshake end the server, takes any compression, tells
the application 1006 whatever the peer said, says nothing to a peer that breaks the rules, and does not miss a pong.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict, cast

import trio
from hypercorn.protocol.events import Body, Data, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, FrameTooLargeError, WSStream
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent, WebsocketAcceptEvent, WebsocketReceiveEvent
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Message, Ping, TextMessage
from wsproto.events import Event as WireEvent
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

# An extension of ASGI: ``{"type": BATCH, "messages": ["text", b"bytes", ...]}`` sends many messages in one write. With
# ``frames`` instead they are bytes that are frames already: one that goes to many is made once. Under the same name the
# scope's ``extensions`` have ``Direct``.
BATCH = "ferrule.websocket.batch"
# What is longer is encrypted in pieces, and others could come between them.
_PIECE = 64 * 1024
# Control frames and pieces of messages a peer may send at once, and in a second. Each is some work, and no message.
_BURST, _RATE = 1000, 100.0


class Direct(TypedDict):
    """How frames go out without waiting.

    Attributes:
        offer: sends them, if they can be sent now and nothing waits to be sent; returns whether it did.
        held_up: whether some of what was sent waits for the peer: it goes out with the next ``BATCH``, empty or not.
        gone: whether nothing that is sent arrives any more.
    """

    offer: Callable[[bytes], bool]
    held_up: Callable[[], bool]
    gone: Callable[[], bool]


@dataclass(frozen=True)
class Ending(Event):
    """Our close frame is out; the connection ends when the peer's has come, or after a moment."""


class WebSocket(WSStream):
    """One WebSocket, from its handshake to its close frames.

    The application is told ``websocket.disconnect`` with the peer's code; 1006 where it left without one, 1001 when
    the server ends. An application that ends without closing is answered for with 1011. The messages of one ``BATCH``
    go out in one write: cost is by the write, not by the message.

    A peer may ping, and may send messages in pieces, but not without end: each frame costs us more than the peer.
    """

    _code: int | None = None
    _reason = ""
    _pings: trio.CancelScope | None = None
    # The moment at which all frames that were counted are paid for.
    _frames_until = -math.inf
    _deaf = False

    @property
    def open(self) -> bool:
        """Whether messages can be sent."""
        return (
            not self.closed
            and self.state is ASGIWebsocketState.CONNECTED
            and self.connection.state is ConnectionState.OPEN
        )

    @property
    def free(self) -> bool:
        """Whether nothing long is being sent, in pieces that nothing may come between."""
        return not self._sending.locked()

    async def handle(self, event: Event) -> None:
        """Take what has come from the peer."""
        if self.closed:
            return
        if isinstance(event, Request):
            await self._open(event)
        elif isinstance(event, (Body, Data)):
            if not self.handshake.accepted:
                # A client waits for the answer (RFC 6455, 4.1). One that has been refused already may be late to know.
                if self.state is ASGIWebsocketState.HANDSHAKE:
                    await self._refuse(400)
            elif self.connection.state is not ConnectionState.CLOSED and not self._deaf:
                self.connection.receive_data(event.data)
                await self._handle_events()
        elif isinstance(event, StreamClosed):
            await self._finish()

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take what the application sends; after the end it is dropped.

        Raises:
            UnexpectedMessageError: it may not be sent now.
        """
        if self.closed:
            return
        if message is None and self.state is ASGIWebsocketState.CONNECTED:
            await self._say_close(CloseReason.INTERNAL_ERROR)
        if message is None and self.state is ASGIWebsocketState.CLOSED:
            if self.connection.state is ConnectionState.LOCAL_CLOSING:
                await self.send(Ending(self.stream_id))
            else:
                await self.send(StreamClosed(self.stream_id))
        elif message is not None and cast("str", message["type"]) == BATCH:
            await self._send_batch(cast("dict[str, Any]", message))
        else:
            await super().app_send(message)

    async def go_away(self) -> None:
        """Close it because the server ends (1001)."""
        if self.closed or self.state is not ASGIWebsocketState.CONNECTED:
            return
        self._code = CloseReason.GOING_AWAY
        await self._say_close(CloseReason.GOING_AWAY)
        await self._tell_disconnect()

    async def _open(self, request: Request) -> None:
        headers = dict(request.headers)
        version = headers.get(b"sec-websocket-version")
        if version != b"13":
            await self._refuse(426, (b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"))
        elif not _is_nonce(headers.get(b"sec-websocket-key", b"")):
            await self._refuse(400)
        else:
            # Compression would cost 0.3 MB a peer, and a little of it can unfold to very much.
            kept = [entry for entry in request.headers if entry[0] != b"sec-websocket-extensions"]
            await super().handle(replace(request, headers=kept))

    async def _refuse(self, status: int, *more: tuple[bytes, bytes]) -> None:
        # First of all: the application must not answer as well.
        self.closed = True
        headers = [(b"content-length", b"0"), (b"connection", b"close"), *more]
        await self.send(Response(self.stream_id, headers=headers, status_code=status))
        await self.send(EndBody(self.stream_id))
        await self.send(StreamClosed(self.stream_id))
        await self._finish()

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        self.state = ASGIWebsocketState.CONNECTED
        self._sending = trio.Lock()
        status, headers, _ = self.handshake.accept(message.get("subprotocol"), message.get("headers", []))
        self.connection = Connection(ConnectionType.SERVER)
        await self.send(Response(self.stream_id, headers=headers, status_code=status))
        self.task_group.spawn(self._send_pings)

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            if isinstance(event, CloseConnection):
                await self._answer_close(event)
                return
            if self._is_flood(event):
                await self._stop_listening()
                return
            if self.connection.state is not ConnectionState.OPEN:
                continue
            if isinstance(event, Ping):
                await self._send_wsproto_event(event.response())
            elif isinstance(event, Message):
                try:
                    self.buffer.extend(event)
                except FrameTooLargeError:
                    await self._fail(CloseReason.MESSAGE_TOO_BIG, "the message is too long")
                    return
                if event.message_finished:
                    message = self.buffer.to_message()
                    self.buffer.clear()
                    await self._put(cast("WebsocketReceiveEvent", message))

    def _is_flood(self, event: WireEvent) -> bool:
        """Count a frame that is no message, or that comes after our close frame; whether it is one too many."""
        open_ = self.connection.state is ConnectionState.OPEN
        # A frame that comes in pieces over the wire is one frame; the last one of a message is for the application.
        if open_ and isinstance(event, Message) and (event.message_finished or not event.frame_finished):
            return False
        now = trio.current_time()
        self._frames_until = max(self._frames_until, now - _BURST / _RATE) + 1 / _RATE
        return self._frames_until > now

    async def _stop_listening(self) -> None:
        """Nothing of what still comes is looked at; the connection ends after a moment."""
        self._deaf = True
        if self.connection.state is ConnectionState.OPEN:
            await self._fail(CloseReason.POLICY_VIOLATION, "too many pings, pongs or pieces of messages")

    async def _answer_close(self, event: CloseConnection) -> None:
        state = self.connection.state
        if state is ConnectionState.OPEN:
            # No close frame of the peer, but what became of its bytes: they break the rules.
            await self._fail(event.code, event.reason or "")
            return
        if state is ConnectionState.REMOTE_CLOSING:
            self._code, self._reason = event.code, event.reason or ""
            self.state = ASGIWebsocketState.CLOSED
            # 1005 is never sent: it stands for a close frame without a code (RFC 6455, 7.1.5).
            answer = CloseReason.NORMAL_CLOSURE if event.code == CloseReason.NO_STATUS_RCVD else event.code
            await self._send_wsproto_event(CloseConnection(code=answer))
        await self.send(StreamClosed(self.stream_id))

    async def _fail(self, code: int, reason: str) -> None:
        """Close it because the peer breaks the rules."""
        self._code = code
        await self._say_close(code, reason)
        await self._tell_disconnect()
        await self.send(Ending(self.stream_id))

    async def _say_close(self, code: int, reason: str = "") -> None:
        self.state = ASGIWebsocketState.CLOSED
        # RFC 6455, 5.5: a control frame carries 125 bytes, two of them the code.
        await self._send_wsproto_event(CloseConnection(code=code, reason=reason[:120]))

    async def _send_batch(self, batch: dict[str, Any]) -> None:
        if not self.open:
            # The peer has closed it meanwhile.
            return
        frames = batch.get("frames")
        if frames is None:
            frames = b"".join(
                self.connection.send(TextMessage(data=one) if isinstance(one, str) else BytesMessage(data=one))
                for one in batch["messages"]
            )
        await self._write(frames)

    async def _write(self, data: bytes) -> None:
        if len(data) <= _PIECE and self.free:
            await self.send(Data(self.stream_id, data))
            return
        async with self._sending:
            await self.send(Data(self.stream_id, data))

    async def _send_pings(self) -> None:
        with trio.CancelScope() as self._pings:
            while not self.closed:
                await trio.sleep(self.config.websocket_ping_interval or 0)
                await self._send_wsproto_event(Ping())

    async def _send_wsproto_event(self, event: WireEvent) -> None:
        try:
            data = self.connection.send(event)
        except LocalProtocolError:
            return
        await self._write(data)

    async def _put(self, event: ASGIReceiveEvent) -> None:
        if self.app_put is not None:
            await self.app_put(event)

    async def _finish(self) -> None:
        self.closed = True
        if self._pings is not None:
            self._pings.cancel()
        await self._tell_disconnect()

    async def _tell_disconnect(self) -> None:
        code = CloseReason.ABNORMAL_CLOSURE if self._code is None else self._code
        event = {"type": "websocket.disconnect", "code": int(code), "reason": self._reason}
        await self._put(cast("ASGIReceiveEvent", event))


def _is_nonce(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False
