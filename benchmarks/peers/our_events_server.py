"""Our WebSocket of events alone: the real server with tokens, subscriptions and filters, and events at a pace.

The gateway around it is left out, so that what is measured is the price of a message and of nothing else. It keeps its
keys beside the certificate it is told of, and makes both where there are none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from benchmarks.peers.happenings import INTERVAL, TYPE, data_of
from benchmarks.peers.work import Place
from gateway.access.keys import load_root_key
from gateway.access.limits.rates import RateLimits
from gateway.access.tokens import OperatorTokens
from gateway.api.live.live import Live
from gateway.api.server.serving import serve
from gateway.api.server.tls import ServerTls
from gateway.core.bus import Bus
from gateway.core.eventlog import Entry
from gateway.core.events import Event, EventSource
from gateway.core.timeline import Timeline
from gateway.core.turns import Turns
from gateway.settings.model import LimitSettings, ServerSettings

MANY = 1_000_000
LIMITS = LimitSettings(
    max_connections=500,
    connections_per_address=500,
    requests_per_minute=MANY,
    burst=MANY,
    total_requests_per_minute=MANY,
    total_burst=MANY,
)


class NothingKept:
    """An event log that has nothing."""

    first = last = 0

    def __init__(self) -> None:
        self.dropping: list[Callable[[Sequence[Event]], None]] = []

    async def append(self, entries: Sequence[Entry]) -> None:
        """Keep nothing."""

    async def after(self, sequence: int, limit: int) -> list[Event]:  # noqa: ARG002 - of the protocol
        """Have nothing."""
        return []

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:  # noqa: ARG002 - the same
        """Have nothing."""
        return []

    async def find(self, sequence: int) -> Event | None:  # noqa: ARG002 - the same
        """Have nothing."""
        return None


async def tell(bus: Bus[Event], source: EventSource) -> None:
    """Make events at their pace, for ever."""
    begun, number = trio.current_time(), 0
    while True:
        number += 1
        await trio.sleep_until(begun + number * INTERVAL)
        bus.publish(source.make(TYPE, data_of(number)))


async def main() -> None:
    """Serve for ever."""
    place = Place.from_arguments()
    state = Path(place.certificate).parent
    timeline = Timeline(trio.current_time, time.time, lambda: True)
    bus = Bus[Event]()
    rates = RateLimits(LIMITS, trio.current_time)
    live = Live(
        verify=OperatorTokens(load_root_key(state), time.time, lambda: True).verify,
        bus=bus,
        log=NothingKept(),
        unlogged=lambda _: [],
        published=lambda: 0,
        rates=rates,
        limits=lambda: LimitSettings(event_connections=500),
        turns=Turns(),
        wall=time.time,
    )
    source = EventSource("gw-benchmark", timeline, 0, reserve=lambda _: None, stride=10_000, leap=lambda: 0)
    settings = ServerSettings(bind="127.0.0.1", port=place.port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(live.run)
        nursery.start_soon(tell, bus, source)
        tls = ServerTls(state, timeline, "board")
        await serve(live, settings, tls, stop=trio.Event(), limits=LIMITS)


trio.run(main)
