"""Bodies that are files: taken piece by piece, never as a whole."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import trio

from gateway.api.asgi import WAITED, Disconnected, Receive, Scope, header
from gateway.api.request import CLOSE
from gateway.api.rest.problems import Problem

# Of the time a request has, what may be spent on receiving; the rest is for looking at what came.
_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a file has to come that may take minutes: steadily, and on the whole not slower than this.

    Attributes:
        rate: bytes a second, over all the time that was spent waiting for it.
        silence: seconds without a byte; also what it may be late by.
        rest: seconds for what is done with it when it has come.
    """

    rate: int
    silence: float
    rest: float

    def longest(self, size: int) -> float:
        """Seconds that a file of so many bytes can take, answer included."""
        return self.silence + size / self.rate + self.rest


class Upload:
    """A file that comes as the body of a request.

    Args:
        scope: of the request.
        receive: brings it.
        most: bytes it may have.
        deadline: of the request, on the run loop's clock.
        pace: it has to keep; None: it has its share of the request's time.
        come: called when all of it has come, which may have taken a while; raises Problem where the caller may not
            send it any more.

    Attributes:
        size: bytes it has, by what the caller says; None: it does not say.

    Raises:
        Problem: 413, it says itself that it is too long.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        most: int,
        deadline: float,
        *,
        pace: Pace | None = None,
        come: Callable[[], object] = lambda: None,
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._most = most
        self._pace = pace
        self._come = come
        now = trio.current_time()
        self._until = now + (deadline - now) * _SHARE
        self._came = 0
        # Our own time for what came is not the caller's.
        self._waited = 0.0
        self._ended = False
        length = header(scope, b"content-length")
        if length is not None and (len(length) > 15 or int(length) > most):
            raise self._too_long()
        self.size = None if length is None else int(length)

    async def piece(self) -> bytes:
        """The next bytes; none at its end.

        Raises:
            Problem: 413, it is too long; 408, it takes too long; what ``come`` raises.
            Disconnected: the caller left.
        """
        while not self._ended:
            event = await self._next()
            if event["type"] == "http.disconnect":
                raise Disconnected
            self._ended = not event.get("more_body", False)
            data: bytes = event.get("body", b"")
            self._came += len(data)
            if self._came > self._most:
                raise self._too_long()
            if self._ended:
                self._come()
            if data:
                return data
        return b""

    async def _next(self) -> Scope:
        began = trio.current_time()
        with trio.move_on_at(self._limit(began)) as limit:
            event = await self._receive()
        self._waited += trio.current_time() - began
        self._scope[WAITED] = self._waited
        if limit.cancelled_caught:
            raise Problem(408, "request_timeout", self._late(), headers=CLOSE)
        return event

    def _limit(self, now: float) -> float:
        """When the next bytes must have come."""
        if self._pace is None:
            return self._until
        ahead = self._came / self._pace.rate - self._waited
        return now + self._pace.silence + min(ahead, 0.0)

    def _late(self) -> str:
        if self._pace is None:
            return "the body was not complete in time."
        return (
            f"after {self._came} bytes the body did not come on: nothing came for {self._pace.silence:g} s, or less "
            f"than {math.ceil(self._pace.rate / 1024)} KiB/s. See to the network, and send it again."
        )

    def _too_long(self) -> Problem:
        return Problem(413, "content_too_large", f"the body is longer than {self._most} bytes.", headers=CLOSE)
