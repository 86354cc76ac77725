"""Events as a blocking iterator."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Self

from .effects import Pause
from .errors import FerruleError, UnreachableError
from .events import Event
from .following import Connect, Disconnect, Following, Receive, StreamEffect, Transmit
from .transport import CONNECT_S, not_trusted

_PIECE = 65536


class EventStream:
    """Events as they happen, over all outages: iterate over it, for ever or until `close`.

    What `next` raises does not end it, unless it is closed: who wants to go on does.

    Args:
        following: what is heard.
        trust: whom to trust.
        timeout: seconds a piece may take to go out.
    """

    def __init__(self, following: Following, trust: ssl.SSLContext, timeout: float) -> None:
        self._following = following
        self._trust = trust
        self._timeout = timeout
        self._socket: ssl.SSLSocket | None = None
        self._ended = threading.Event()

    @property
    def seq(self) -> int | None:
        """Number of the last event that was handed out: with it as `since` the next program goes on where this was."""
        return self._following.seq

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; also from another thread, while one waits for the next event."""
        self._ended.set()
        self._hang_up()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """The next event.

        Raises:
            FerruleError: as `Following.next`.
        """
        steps = self._following.next()
        try:
            effect = next(steps)
            while not self._ended.is_set():
                try:
                    reply = self._perform(effect)
                except FerruleError as error:
                    effect = steps.throw(error)
                else:
                    effect = steps.send(reply)
        except StopIteration as end:
            event: Event = end.value
            return event
        finally:
            steps.close()
        raise StopIteration

    def _perform(self, effect: StreamEffect) -> bytes | None:
        match effect:
            case Connect(host, port):
                self._connect(host, port)
            case Transmit(data):
                self._transmit(data)
            case Receive(seconds):
                return self._receive(seconds)
            case Disconnect():
                self._hang_up()
            case Pause(seconds):
                self._ended.wait(seconds)
        return None

    def _connect(self, host: str, port: int) -> None:
        self._hang_up()
        within = min(self._timeout, CONNECT_S)
        try:
            plain = socket.create_connection((host, port), within)
            try:
                self._socket = self._trust.wrap_socket(plain, server_hostname=host)
            except BaseException:
                plain.close()
                raise
        except ssl.SSLCertVerificationError as error:
            raise not_trusted(f"https://{host}:{port}", error) from error
        except OSError as error:
            raise UnreachableError(f"https://{host}:{port} cannot be reached: {error}", sent=False) from error

    def _transmit(self, data: bytes) -> None:
        try:
            open_ = self._open()
            open_.settimeout(self._timeout)
            open_.sendall(data)
        except (OSError, ValueError) as error:
            raise UnreachableError(f"the connection broke: {error}", sent=True) from error

    def _receive(self, seconds: float) -> bytes | None:
        try:
            open_ = self._open()
            open_.settimeout(seconds)
            return open_.recv(_PIECE)
        except TimeoutError:
            return None
        except (OSError, ValueError) as error:
            raise UnreachableError(f"the connection broke: {error}", sent=True) from error

    def _open(self) -> ssl.SSLSocket:
        if self._socket is None:
            raise UnreachableError("the connection is closed", sent=True)
        return self._socket

    def _hang_up(self) -> None:
        open_, self._socket = self._socket, None
        if open_ is None:
            return
        with suppress(OSError):
            # Whoever waits for bytes in another thread gets none any more.
            open_.shutdown(socket.SHUT_RDWR)
        open_.close()
