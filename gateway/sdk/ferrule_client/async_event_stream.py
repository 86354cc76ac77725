"""Events as an asynchronous iterator, on trio or asyncio."""

from __future__ import annotations

import ssl
from typing import Self

import anyio
import anyio.abc
from anyio.streams.tls import TLSStream

from .effects import Pause
from .errors import FerruleError, UnreachableError
from .events import Event
from .following import Connect, Disconnect, Following, Receive, StreamEffect, Transmit
from .transport import CONNECT_S, not_trusted

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)


class AsyncEventStream:
    """Events as they happen, over all outages: iterate over it, for ever or until cancelled.

    What `anext` raises does not end it: who wants to go on does.

    Args:
        following: what is heard.
        trust: whom to trust.
        timeout: seconds a piece may take to go out.
    """

    def __init__(self, following: Following, trust: ssl.SSLContext, timeout: float) -> None:
        self._following = following
        self._trust = trust
        self._timeout = timeout
        self._stream: TLSStream | None = None

    @property
    def seq(self) -> int | None:
        """Number of the last event that was handed out: with it as `since` the next program goes on where this was."""
        return self._following.seq

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Hang up."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await anyio.aclose_forcefully(stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event.

        Raises:
            FerruleError: as `Following.next`.
        """
        steps = self._following.next()
        try:
            effect = next(steps)
            while True:
                try:
                    reply = await self._perform(effect)
                except FerruleError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            event: Event = end.value
            return event
        finally:
            steps.close()

    async def _perform(self, effect: StreamEffect) -> bytes | None:
        match effect:
            case Connect(host, port):
                await self._connect(host, port)
            case Transmit(data):
                await self._transmit(data)
            case Receive(seconds):
                return await self._receive(seconds)
            case Disconnect():
                await self.aclose()
            case Pause(seconds):
                await anyio.sleep(seconds)
        return None

    async def _connect(self, host: str, port: int) -> None:
        await self.aclose()
        place = f"https://{host}:{port}"
        try:
            with anyio.fail_after(min(self._timeout, CONNECT_S)):
                self._stream = await anyio.connect_tcp(
                    host, port, ssl_context=self._trust, tls_hostname=host, tls_standard_compatible=False
                )
        except ssl.SSLCertVerificationError as error:
            raise not_trusted(place, error) from error
        except _BROKEN as error:
            raise UnreachableError(f"{place} cannot be reached: {error}", sent=False) from error

    async def _transmit(self, data: bytes) -> None:
        whole = False
        try:
            with anyio.fail_after(self._timeout):
                await self._open().send(data)
            whole = True
        except _BROKEN as error:
            raise UnreachableError(f"the connection broke: {error}", sent=True) from error
        finally:
            if not whole:
                # Half a frame may be out: nothing more can be said on this connection.
                await self.aclose()

    async def _receive(self, seconds: float) -> bytes | None:
        try:
            with anyio.move_on_after(seconds):
                return await self._open().receive()
        except anyio.EndOfStream:
            return b""
        except _BROKEN as error:
            raise UnreachableError(f"the connection broke: {error}", sent=True) from error
        return None

    def _open(self) -> TLSStream:
        if self._stream is None:
            raise UnreachableError("the connection is closed", sent=True)
        return self._stream
