"""A WebSocket of the calling side (RFC 6455): bytes in, bytes out, no I/O. Nothing but following events needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from wsproto import ConnectionType, WSConnection
from wsproto import events as wire
from wsproto.utilities import ProtocolError as WireError

from .errors import ProtocolError
from .heard import Closed, Heard, Opened, Rejected, Said

# The longest event has 64 KiB; more is nothing a gateway says.
MAX_MESSAGE = 1024 * 1024


class WebSocket:
    """One connection.

    Args:
        host: of the gateway, with its port.
        path: of its WebSocket.
        headers: of the handshake.
    """

    def __init__(self, host: str, path: str, headers: Mapping[str, str]) -> None:
        self._wire = WSConnection(ConnectionType.CLIENT)
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._due = self._wire.send(wire.Request(host=host, target=path, extra_headers=extra))
        self._text = ""
        self._refused: Rejected | None = None

    def say(self, members: Mapping[str, object]) -> None:
        """Send a JSON object."""
        self._due += self._wire.send(wire.TextMessage(data=json.dumps(members, allow_nan=False)))

    def ping(self) -> None:
        """Ask whether the other side lives."""
        self._due += self._wire.send(wire.Ping())

    def due(self) -> bytes:
        """What has to go out now."""
        due, self._due = self._due, b""
        return due

    def feed(self, data: bytes) -> Iterator[Heard]:
        """What came with these bytes.

        Raises:
            ProtocolError: they are no WebSocket's.
        """
        try:
            self._wire.receive_data(data)
            for event in self._wire.events():
                heard = self._heard(event)
                if heard is not None:
                    yield heard
        except WireError as error:
            raise ProtocolError(f"the gateway's WebSocket breaks its protocol: {error}") from None

    def _heard(self, event: wire.Event) -> Heard | None:
        match event:
            case wire.AcceptConnection():
                return Opened()
            case wire.RejectConnection():
                after = dict(event.headers).get(b"retry-after", b"")
                self._refused = Rejected(event.status_code, float(after) if after.isdigit() else None, b"")
                return None if event.has_body else self._refused
            case wire.RejectData() if self._refused is not None:
                before = self._refused
                self._refused = Rejected(before.status, before.retry_after, before.body + event.data)
                return self._refused if event.body_finished else None
            case wire.TextMessage():
                self._text += event.data
                if len(self._text) > MAX_MESSAGE:
                    raise ProtocolError(f"the gateway sent a message of more than {MAX_MESSAGE} characters")
                return self._whole() if event.message_finished else None
            case wire.Ping():
                self._due += self._wire.send(event.response())
            case wire.CloseConnection():
                return Closed(int(event.code), event.reason or "")
        return None

    def _whole(self) -> Said:
        text, self._text = self._text, ""
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise ProtocolError("the gateway sent a message that is no JSON object")
        return Said(given)
