"""Overhears a line of the gateway for a technician: what was sent and what came, in a ring that forgets the oldest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from drivers.ports.port import LineFaults, Port
from gateway.core.ports import TrafficRecord

# Some seconds of the fastest serial line; who asks seldom loses the oldest and is told how many.
MOST_RECORDS = 4000
# Nobody has asked for so long: nobody looks any more.
IDLE_S = 30.0


class Tap:
    """What was overheard.

    Args:
        remove: takes the tap off the line when nobody looks any more.
    """

    def __init__(self, remove: Callable[[], None]) -> None:
        self._remove = remove
        self._records: deque[TrafficRecord] = deque(maxlen=MOST_RECORDS)
        self._number = 0
        self._asked = trio.current_time()

    def since(self, after: int, most: int) -> tuple[list[TrafficRecord], int]:
        """Records with numbers above ``after``, and how many of those were forgotten before anybody asked."""
        self._asked = trio.current_time()
        first = self._records[0].number if self._records else self._number + 1
        # A number of an earlier tap is not one of this one: then all that there is, is new.
        after = 0 if after > self._number else after
        lost = max(first - 1 - after, 0) if after else 0
        return [record for record in self._records if record.number > after][:most], lost

    def note(self, data: bytes, *, sent: bool) -> None:
        """Keep what was sent or came."""
        now = trio.current_time()
        if now - self._asked > IDLE_S:
            self._remove()
            return
        self._number += 1
        self._records.append(TrafficRecord(self._number, now, sent, data))


class TappedPort:
    """A ``Port`` that tells a tap what goes through it.

    Args:
        port: what it stands for.
        tap: is told.
    """

    def __init__(self, port: Port, tap: Tap) -> None:
        self._port = port
        self._tap = tap

    @property
    def name(self) -> str:
        """See ``Port.name``."""
        return self._port.name

    async def send(self, data: bytes) -> None:
        """See ``Port.send``."""
        self._tap.note(data, sent=True)
        await self._port.send(data)

    async def receive(self, deadline: float) -> bytes | None:
        """See ``Port.receive``."""
        data = await self._port.receive(deadline)
        if data:
            self._tap.note(data, sent=False)
        return data

    def drain(self) -> bytes:
        """See ``Port.drain``."""
        data = self._port.drain()
        if data:
            self._tap.note(data, sent=False)
        return data

    async def pause_until(self, moment: float) -> None:
        """See ``Port.pause_until``."""
        await self._port.pause_until(moment)

    def faults(self) -> LineFaults | None:
        """See ``Port.faults``."""
        return self._port.faults()

    async def aclose(self) -> None:
        """See ``Port.aclose``."""
        await self._port.aclose()
