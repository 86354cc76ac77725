"""One connection of a caller: hypercorn's parts, with the holes closed that a stranger could reach.

Stock hypercorn 0.18 lets one connection without a token end the whole process, leaves tasks behind when an answer
is sent before the request is read, waits for ever for a caller who does not read or drips, and starts a task for each
time-out. Each of these is replayed in tests/gateway/api.

All the time-outs of a connection are one moved deadline: that of the scope around its reader. When it passes, nothing
more is read, the stream is closed, and the application is told that the caller has left.
"""

from __future__ import annotations

import math
from contextlib import suppress
from enum import Enum, auto

import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState

from gateway.api.asgi import ANSWER_TIME, CALLER, TIMES
from gateway.api.server.admission import Admission, Standing
from gateway.api.server.config import ServerConfig
from gateway.api.server.handshake import tls_extension
from gateway.api.server.http1 import Http1, Lingering, Upgraded
from gateway.api.server.requests import Requests
from gateway.api.server.turns import Turns
from gateway.api.server.websocket import BATCH, Direct, WebSocket
from gateway.streams.encrypted import Encrypted

# What is still read, and thrown away, of a request that has been answered already, so that the caller gets to read the
# answer: a socket closed over unread bytes resets the connection, and the answer is lost.
_DISCARDED = 8 * 1024 * 1024
_LINGER_TIME = 2.0
# A caller that has been silent so long is not sending any more.
_SILENCE = 0.2
# Time a caller that is timed out has to take the answer that says so.
_LAST_WORD_TIME = 1.0


class _Phase(Enum):
    IDLE = auto()
    HEADER = auto()
    REQUEST = auto()
    WEBSOCKET = auto()
    # Answered, but not read to the end: the rest is thrown away.
    DISCARD = auto()
    # A WebSocket after our close frame.
    LINGER = auto()


class Connection(TCPServer):
    """One connection from the end of its handshake to its own end.

    Args:
        app: the application.
        config: limits and times.
        context: tells that the server ends.
        stream: after its handshake.
        peer: address and port of the caller.
        here: address and port it called.
        admission: is told when the connection is idle, and may ask it to make room.
        guest: what the connection is called there.
        turns: each request of several that came together waits for one.
    """

    def __init__(
        self,
        app: AppWrapper,
        config: ServerConfig,
        context: WorkerContext,
        stream: Encrypted,
        *,
        peer: tuple[str, int],
        here: tuple[str, int],
        admission: Admission[Guest],
        guest: Guest,
        turns: Turns,
    ) -> None:
        super().__init__(app, config, context, ConnectionState({}), stream)  # type: ignore[arg-type] # none of trio's
        self.stream: Encrypted = stream  # type: ignore[assignment] # the same
        self._config = config
        self._limits = config.limits
        self._peer = peer
        self._here = here
        self._admission = admission
        self._guest = guest
        self._turns = turns
        self._phase = _Phase.IDLE
        self._patience = trio.CancelScope()
        self._begun = 0.0
        self._discarded = 0
        self._lost = False

    @property
    def waiting(self) -> bool:
        """Whether nothing would be lost by closing it now."""
        return self._phase in {_Phase.IDLE, _Phase.HEADER}

    @property
    def held_up(self) -> bool:
        """Whether it waits for its caller: to send the rest of a request, or to take an answer."""
        if self._phase in {_Phase.IDLE, _Phase.HEADER, _Phase.DISCARD, _Phase.LINGER} or self.stream.held_up:
            return True
        return self._phase is _Phase.REQUEST and self.protocol.unread

    async def run(self) -> None:
        """Serve it to its end."""
        # The application may go on without its caller, but not for ever.
        with trio.CancelScope() as outlast:
            extensions: dict[str, dict[str, object]] = {
                "tls": tls_extension(self.stream),
                TIMES: self._times(),
                BATCH: self._direct(),
                CALLER: {"gone": lambda: self._lost, "known": self._guest.becomes_known},
            }
            async with Requests(extensions) as requests:
                self._requests = requests
                self.protocol: Http1 = Http1(  # type: ignore[assignment] # the base's only chooses between 1.1 and 2
                    self.app, self._config, self.context, requests, (self._peer, self._here), self.protocol_send
                )
                self._rest()
                with self._patience:
                    await self._read()
                if self._patience.cancelled_caught:
                    await self._time_out()
                else:
                    await self.protocol.handle(Closed())
                outlast.deadline = trio.current_time() + self._limits.request_time

    async def _read(self) -> None:
        """Take what the caller sends until it leaves."""
        with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
            await self._take()

    async def _take(self) -> None:
        while True:
            data = await self.stream.receive_some()
            if self._phase is _Phase.DISCARD:
                self._discarded += len(data)
                if not data or self._discarded > _DISCARDED:
                    return
                self._await_silence()
                continue
            if self._phase is _Phase.IDLE and data:
                self._phase, self._begun = _Phase.HEADER, trio.current_time()
                self._admission.busy(self._guest)
            if self._phase is _Phase.WEBSOCKET:
                # As long as the application does not take what has come, it is not the peer who is silent.
                self._patience.deadline = math.inf
            await self.protocol.receive(data)
            if not data:
                return
            if self._phase is _Phase.HEADER:
                self._patience.deadline = self._begun + self._limits.header_time
            elif self._phase is _Phase.WEBSOCKET:
                self._await_pong()

    async def _time_out(self) -> None:
        if self._phase is _Phase.HEADER:
            with trio.move_on_after(_LAST_WORD_TIME):
                await self.protocol.refuse(408)
        if self.waiting:
            await self.stream.aclose()
        else:
            await self.stream.abort()
        await self.protocol.handle(Closed())

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for; a caller who does not take what it is sent in time is cut off."""
        if isinstance(event, RawData):
            await self._send(event.data)
        elif isinstance(event, Updated):
            if event.idle:
                self._guest.standing = max(self._guest.standing, Standing.ANSWERED)
                self._rest()
            else:
                if self._lost:
                    # Hundreds of requests may still be there of a caller that has left.
                    raise trio.BrokenResourceError
                if self._phase is _Phase.IDLE:
                    # It had come together with the one before.
                    await self._turns.take()
                    self._begun = trio.current_time()
                    self._admission.busy(self._guest)
                self._phase = _Phase.REQUEST
                self._wait_until(self._begun + self._limits.request_time)
        elif isinstance(event, Upgraded):
            self._phase = _Phase.WEBSOCKET
            self._await_pong()
        elif isinstance(event, Lingering):
            self._phase = _Phase.LINGER
            self._patience.deadline = trio.current_time() + _LINGER_TIME
        elif isinstance(event, Closed):
            await self._end()

    async def _send(self, data: bytes) -> None:
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
            self._lost = True
            await self.stream.abort()
            await self.protocol.handle(Closed())
        except trio.Cancelled:
            # Half a record may be out: nothing sensible can follow on this connection.
            self.stream.give_up()
            await trio.aclose_forcefully(self.stream)
            raise
        if self._phase is _Phase.REQUEST:
            # A long answer that is taken piece by piece is not cut off in the middle.
            now = trio.current_time()
            if self._patience.deadline - now < self._limits.write_time:
                self._patience.deadline = now + self._limits.write_time

    def _direct(self) -> dict[str, object]:
        return dict(Direct(offer=self._offer, held_up=lambda: self.stream.held_up, gone=lambda: not self._talks()))

    def _offer(self, frames: bytes) -> bool:
        """Send frames of a WebSocket without waiting. Returns whether that was possible."""
        socket = self.protocol.stream
        return isinstance(socket, WebSocket) and socket.open and socket.free and self.stream.offer(frames)

    def _talks(self) -> bool:
        socket = self.protocol.stream
        return isinstance(socket, WebSocket) and socket.open

    async def _end(self) -> None:
        """Close after an answer, or leave the caller a moment where it is still busy sending."""
        if self._phase in {_Phase.HEADER, _Phase.REQUEST} and self.protocol.unread:
            self._phase, self._begun = _Phase.DISCARD, trio.current_time()
            self._await_silence()
        elif self.protocol.cut_off:
            await self.stream.abort()
        else:
            await self.stream.aclose()
        await self.protocol.handle(Closed())

    def _rest(self) -> None:
        self._phase = _Phase.IDLE
        self._wait_until(trio.current_time() + self._limits.keep_alive_time)
        self._admission.idle(self._guest)

    def _wait_until(self, deadline: float) -> None:
        """Move the deadline, where that makes a difference of more than a hundredth: moving it is not cheap."""
        now = trio.current_time()
        if abs(deadline - self._patience.deadline) > (deadline - now) / 100:
            self._patience.deadline = deadline

    def _times(self) -> dict[str, object]:
        # Half of a request's time is for what comes over the wire.
        answer = min(ANSWER_TIME, self._limits.request_time / 2)
        return {"body": self._limits.body_time, "answer": answer, "more": self._give}

    def _give(self, seconds: float) -> None:
        """Let the request under way take so long: the application knows who makes it, and sees to its pace itself."""
        if self._phase is _Phase.REQUEST:
            self._patience.deadline = max(self._patience.deadline, trio.current_time() + seconds)

    def _await_silence(self) -> None:
        self._patience.deadline = min(self._begun + _LINGER_TIME, trio.current_time() + _SILENCE)

    def _await_pong(self) -> None:
        """Whatever comes shows that the peer is there; a pong comes if nothing else does."""
        patience = self._limits.ping_interval + self._limits.pong_time
        self._patience.deadline = trio.current_time() + patience

    def stop(self) -> bool:
        """End as soon as nothing is lost by it. Returns whether that is now."""
        stream = self.protocol.stream
        if isinstance(stream, WebSocket):
            self._requests.spawn(stream.go_away)
        if self.waiting:
            self.stream.end()
        return self.waiting


class Guest:
    """A connection as the admission sees it, from before its handshake on.

    Args:
        address: of the caller.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.standing = Standing.NEW
        self.connection: Connection | None = None
        self.scope = trio.CancelScope()

    def becomes_known(self) -> None:
        """Somebody has proven who he is."""
        self.standing = Standing.KNOWN

    @property
    def held_up(self) -> bool:
        """Whether it waits for its caller."""
        return self.connection is None or self.connection.held_up

    def make_room(self) -> None:
        """End now."""
        self.scope.cancel()

    def stop(self) -> None:
        """End as soon as the answer under way is sent."""
        if self.connection is None or self.connection.stop():
            self.scope.cancel()
