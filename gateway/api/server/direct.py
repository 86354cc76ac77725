"""A request with a known header is answered without h11, as long as its answer is plain too."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from hypercorn.protocol.events import Data
from hypercorn.protocol.http_stream import ASGIHTTPState
from hypercorn.typing import ASGISendEvent, HTTPResponseStartEvent, HTTPScope

from gateway.api.asgi import Event
from gateway.api.server.config import ServerConfig
from gateway.api.server.inline import InlineStream
from gateway.api.server.writer import write


class DirectStream(InlineStream):
    """One such request.

    Attributes:
        plain: h11 had no part in it: the answer went out as one plain piece, or the caller had left.
    """

    plain = True
    _start: Event | None = None

    async def answer_directly(self, scope: HTTPScope, body: bytes, fall_back: Callable[[], None]) -> None:
        """Have the application answer the request.

        Args:
            scope: of it.
            body: all of it.
            fall_back: has h11 read the request after all, so that it can write an answer that is not plain.
        """
        self.scope = scope
        self._fall_back = fall_back
        await self.answer(body)

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take what the application sends."""
        if self.closed:
            return
        if self.plain and self._start is None and message is not None and message["type"] == "http.response.start":
            self._start = cast("Event", message)
            return
        if self.plain and message is not None and (whole := self._whole(cast("Event", message))) is not None:
            self.closed = True
            self.state = ASGIHTTPState.CLOSED
            await self.send(Data(self.stream_id, whole))
            return
        if self.plain:
            self.plain = False
            self._fall_back()
            if self._start is not None:
                await super().app_send(cast("HTTPResponseStartEvent", self._start))
        await super().app_send(message)

    def _whole(self, message: Event) -> bytes | None:
        """The response, if this is the last of it and it is plain."""
        if self._start is None or message["type"] != "http.response.body" or message.get("more_body", False):
            return None
        return write(self._start, message.get("body", b""), cast("ServerConfig", self.config).date())
