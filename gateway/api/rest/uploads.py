"""Bodies that are files: taken piece by piece, never as a whole."""

from __future__ import annotations

import trio

from gateway.api.asgi import Disconnected, Receive, Scope, header
from gateway.api.request import CLOSE
from gateway.api.rest.problems import Problem

# Of the time a request has, what may be spent on receiving; the rest is for looking at what came.
_SHARE = 0.8


class Upload:
    """A file that comes as the body of a request.

    Args:
        scope: of the request.
        receive: brings it.
        most: bytes it may have.
        deadline: of the request, on the run loop's clock.

    Raises:
        Problem: 413, it says itself that it is too long.
    """

    def __init__(self, scope: Scope, receive: Receive, most: int, deadline: float) -> None:
        self._receive = receive
        self._most = most
        now = trio.current_time()
        self._until = now + (deadline - now) * _SHARE
        self._came = 0
        self._ended = False
        length = header(scope, b"content-length")
        if length is not None and (len(length) > 15 or int(length) > most):
            raise self._too_long()

    async def piece(self) -> bytes:
        """The next bytes; none at its end.

        Raises:
            Problem: 413, it is too long; 408, it takes too long.
            Disconnected: the caller left.
        """
        while not self._ended:
            with trio.move_on_at(self._until) as limit:
                event = await self._receive()
            if limit.cancelled_caught:
                raise Problem(408, "request_timeout", "the body was not complete in time.", headers=CLOSE)
            if event["type"] == "http.disconnect":
                raise Disconnected
            self._ended = not event.get("more_body", False)
            data: bytes = event.get("body", b"")
            self._came += len(data)
            if self._came > self._most:
                raise self._too_long()
            if data:
                return data
        return b""

    def _too_long(self) -> Problem:
        return Problem(413, "content_too_large", f"the body is longer than {self._most} bytes.", headers=CLOSE)
