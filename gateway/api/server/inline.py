"""A request that has come as a whole is answered by the task that read it: no task, no queue for each.

Most requests of this API are such: some hundred bytes in one record. What is left out is a third of a call's cost.
A caller that leaves meanwhile is noticed when the answer is sent.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import unquote

import h11
import structlog
import trio
from hypercorn.protocol.events import Body, EndBody, Event, Request, StreamClosed
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.typing import ASGIReceiveEvent, HTTPScope

from gateway.api.asgi import WHOLE
from gateway.api.server.requests import Requests

log = structlog.stdlib.get_logger(__name__)

_NO_BODY = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})
# More digits than a length has that lies in the buffer.
_LONGEST_LENGTH = 7


def body_length(request: h11.Request) -> int | None:
    """How long the body is, where the header alone says that, and the caller does not wait to send it."""
    length: bytes | None = None
    for name, value in request.headers:
        if name == b"content-length":
            length = value
        elif name in {b"transfer-encoding", b"expect"}:
            return None
    if length is None:
        return 0 if request.method in _NO_BODY else None
    return int(length) if len(length) <= _LONGEST_LENGTH else None


class InlineStream(HTTPStream):
    """Hypercorn's stream of one request, with the application called in place."""

    # For hypercorn's log of requests, which is never written.
    start_time = 0.0

    async def handle(self, event: Event) -> None:
        """Take the request, its body, and then call the application."""
        if self.closed:
            return
        if isinstance(event, Request):
            self.scope = self.scope_of(event)
            self._parts: list[bytes] = []
        elif isinstance(event, Body):
            self._parts.append(bytes(event.data))
        elif isinstance(event, EndBody):
            await self.answer(b"".join(self._parts))
        elif isinstance(event, StreamClosed):
            self.closed = True

    def scope_of(self, request: Request) -> HTTPScope:
        """What the application is told of a request."""
        path, _, query = request.raw_path.partition(b"?")
        return cast(
            "HTTPScope",
            {
                "type": "http",
                "asgi": {"spec_version": "2.1", "version": "3.0"},
                "http_version": request.http_version,
                "method": request.method,
                "scheme": self.scheme,
                "path": unquote(path.decode("ascii")),
                "raw_path": path,
                "query_string": query,
                "root_path": "",
                "headers": request.headers,
                "client": self.client,
                "server": self.server,
                "state": request.state.copy(),
                "extensions": dict(cast("Requests", self.task_group).extensions),
                WHOLE: True,
            },
        )

    async def answer(self, body: bytes) -> None:
        """Have the application answer the request."""
        waiting = [cast("ASGIReceiveEvent", {"type": "http.request", "body": body, "more_body": False})]

        async def receive() -> ASGIReceiveEvent:
            if not waiting:
                # Nothing more comes before the answer. Who waits for the caller to leave is cancelled with it.
                await trio.sleep_forever()
            return waiting.pop()

        try:
            await self.app(self.scope, receive, self.app_send, trio.to_thread.run_sync, trio.from_thread.run)
        except Exception:
            log.exception("request failed", path=self.scope["path"])
        await self.app_send(None)

    async def _send_closed(self) -> None:
        await self.send(EndBody(stream_id=self.stream_id))
        self.state = ASGIHTTPState.CLOSED
        await self.send(StreamClosed(stream_id=self.stream_id))
