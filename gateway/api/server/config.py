"""Hypercorn's settings as this gateway wants them."""

from __future__ import annotations

import time
from wsgiref.handlers import format_date_time

from hypercorn.config import Config

from gateway.api.front import Front
from gateway.settings.model import LimitSettings


class ServerConfig(Config):
    """The log is ours, HTTP/1.1 is all there is, and how much and how long is for ``[limits]`` to say.

    Args:
        limits: None: the defaults.
        front: counts what is answered without the application; None: nobody does.
    """

    alpn_protocols = ["http/1.1"]  # noqa: RUF012 - an override of the base's class attribute
    accesslog = None
    errorlog = None
    include_server_header = False

    def __init__(self, limits: LimitSettings | None = None, front: Front | None = None) -> None:
        super().__init__()
        self.front = front
        self._date = (0, b"")
        limits = limits or LimitSettings()
        self.limits = limits
        self.ssl_handshake_timeout = limits.handshake_time
        self.keep_alive_timeout = limits.keep_alive_time
        self.h11_max_incomplete_size = limits.header_size
        self.websocket_max_message_size = limits.message_size
        self.websocket_ping_interval = limits.ping_interval

    def date(self) -> bytes:
        """Now, as the header field ``Date`` has it; written anew once a second."""
        now = int(time.time())
        if now != self._date[0]:
            self._date = now, format_date_time(now).encode()
        return self._date[1]

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        """What every response says."""
        del protocol
        return [(b"date", self.date())]

    @property
    def connections_per_address(self) -> int:
        """Connections one peer address may have: unless told otherwise it leaves others a fifth."""
        of_address = self.limits.connections_per_address
        return max(1, self.limits.max_connections * 4 // 5) if of_address is None else of_address
