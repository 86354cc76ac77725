"""What the deliveries of all webhooks share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import trio

from gateway.core.alerts import Alerts
from gateway.core.eventlog import EventLog, Outbox
from gateway.core.events import Event
from gateway.core.ports import Owners
from gateway.core.principal import Principal
from gateway.core.sealing import Seal
from gateway.core.turns import Turns
from gateway.settings.model import WebhookSettings
from gateway.webhooks.hosts import Hosts
from gateway.webhooks.sender import Send

Announce = Callable[[str, Mapping[str, object]], None]


@dataclass(frozen=True, slots=True)
class Works:
    """What the deliveries of all webhooks share.

    Attributes:
        log: of events.
        pages: reads it.
        outbox: keeps what was done.
        send: sends one attempt.
        hosts: how many at once.
        seal: for secrets on the disk.
        settings: those in force.
        announce: tells of what became of webhooks.
        alerts: what somebody should see to.
        may_receive: whether an owner may see an event.
        owners: whether an owner still counts.
        wall: Unix seconds.
        chance: from 0 to 1, for jitter.
        name: makes ids of deliveries: UUIDs, sortable by time.
        turns: at reading the log for somebody who waits.
    """

    log: EventLog
    pages: Pages
    outbox: Outbox
    send: Send
    hosts: Hosts
    seal: Seal
    settings: Callable[[], WebhookSettings]
    announce: Announce
    alerts: Alerts
    may_receive: Callable[[Principal, Event], bool]
    owners: Owners
    wall: Callable[[], float]
    chance: Callable[[], float]
    name: Callable[[], str]
    turns: Turns = field(default_factory=Turns)


class Pages:
    """Reads the log for many who mostly want the same page: that after the newest event before.

    Args:
        log: of events.
        size: events of a page.
    """

    def __init__(self, log: EventLog, size: int = 32) -> None:
        self._log = log
        self._size = size
        self._lock = trio.Lock()
        self._newest: tuple[int, int] = (-1, -1)
        self._page: Sequence[Event] = ()

    async def after(self, sequence: int) -> Sequence[Event]:
        """Events with higher numbers, oldest first; empty where there are none yet.

        Raises:
            NotKept: the log cannot be read now.
        """
        if sequence >= self._log.last:
            return ()
        async with self._lock:
            wanted = (sequence, self._log.last)
            if wanted != self._newest:
                self._page = await self._log.after(sequence, self._size)
                self._newest = wanted
            return self._page
