"""A port on which others talk, for the tools that listen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, cycle

import trio

from drivers.ports.port import LineFaults, LinkDown, Port
from gateway.settings.line_model import LineSettings

Said = tuple[float, bytes | LinkDown]


def every(seconds: float, *frames: bytes) -> Iterator[Said]:
    """The same again and again, one each so many seconds."""
    return ((number * seconds, frame) for number, frame in zip(count(1), cycle(frames), strict=False))


class TalkingPort:
    """Implements ``Port``.

    Args:
        said: what is heard, and when, in seconds after the opening; the link goes down where that is said.

    Attributes:
        sent: what was said on it by us; who only listens says nothing.
        closed: whether it was given back.
    """

    name = "port"

    def __init__(self, said: Iterable[Said]) -> None:
        self.sent = b""
        self.closed = False
        self._said = iter(said)
        self._next = next(self._said, None)
        self._opened = 0.0

    async def open(self, _: LineSettings) -> Port:
        self._opened = trio.current_time()
        await trio.lowlevel.checkpoint()
        return self

    async def send(self, data: bytes) -> None:
        self.sent += data
        await trio.lowlevel.checkpoint()

    async def receive(self, deadline: float) -> bytes | None:
        if self._next is None or self._opened + self._next[0] > deadline:
            await trio.sleep_until(deadline)
            return None
        at, data = self._next
        await trio.sleep_until(self._opened + at)
        self._next = next(self._said, None)
        if isinstance(data, LinkDown):
            raise data
        return data

    def drain(self) -> bytes:
        return b""

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()
