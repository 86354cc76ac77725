"""The page behind ``GET /metrics``."""

from __future__ import annotations

from collections.abc import Callable

import trio

from gateway.access.limits.rates import RateLimits
from gateway.api.live.live import Live
from gateway.api.metrics.exposition import Family, label_text, render
from gateway.api.metrics.field import DeviceFamilies, TagFamilies, line_families
from gateway.api.metrics.governed import agent_families, governor_families
from gateway.api.metrics.happenings import alarm_families, event_families, live_families, webhook_families
from gateway.api.metrics.instruments import Instruments
from gateway.api.metrics.plugins import plugin_families
from gateway.api.metrics.process import process_families
from gateway.api.parts import GovernorParts
from gateway.api.rest.ports import EventParts
from gateway.core.errors import GatewayError
from gateway.core.ports import DeviceAccess, Store
from gateway.core.roster import AgentCounts

# Seconds for which a page is served again: many scrapers at once cost no more than one.
KEPT = 1.0
# Tags that are looked at in one go.
PIECE = 100
HISTORY_STATES = ("everything", "seldom", "thinned", "memory")


class MetricsPage:
    """Makes the page.

    Args:
        name: of this gateway.
        location: where it stands; "" where nobody said.
        version: of this software.
        devices: the field side.
        store: how the disk is.
        agents: how many there are.
        governing: governors and alerts.
        events: events, messages, alarms and webhooks.
        live: WebSockets; None: there are none.
        rates: what was refused.
        instruments: what is measured all the time.
        wall: Unix seconds.
    """

    def __init__(
        self,
        *,
        name: str,
        location: str,
        version: str,
        devices: DeviceAccess,
        store: Store,
        agents: Callable[[], AgentCounts],
        governing: GovernorParts,
        events: EventParts,
        live: Live | None,
        rates: RateLimits,
        instruments: Instruments,
        wall: Callable[[], float],
    ) -> None:
        self._identity = label_text(name=name, location=location, version=version)
        self._devices = devices
        self._store = store
        self._agents = agents
        self._governing = governing
        self._events = events
        self._live = live
        self._rates = rates
        self._instruments = instruments
        self._wall = wall
        self._making = trio.Lock()
        self._page: tuple[float, bytes] | None = None

    async def text(self) -> bytes:
        """The page, at most a second old. The lines get their turns while it is made."""
        async with self._making:
            now = trio.current_time()
            if self._page is None or now - self._page[0] > KEPT:
                self._page = now, await self._make()
            return self._page[1]

    async def _make(self) -> bytes:
        pieces: list[str] = []
        for make in (self._of_field, self._of_tags, self._of_events, self._of_gateway):
            for family in await make():
                for piece in render(family):
                    pieces.append(piece)
                    await trio.lowlevel.checkpoint()
        return "".join(pieces).encode()

    async def _of_field(self) -> list[Family]:
        devices = DeviceFamilies()
        for line in self._devices.lines():
            await trio.lowlevel.checkpoint()
            devices.add(self._devices.devices(str(line["line"])))
        # They poll meanwhile: looked at after its devices, a line has not sent fewer requests than they were sent.
        return line_families(self._devices.lines()) + devices.families()

    async def _of_tags(self) -> list[Family]:
        missed = self._devices.missed_deadlines()
        shown = list(missed)[: self._instruments.settings.tag_series]
        await trio.lowlevel.checkpoint()
        families = TagFamilies()
        for start in range(0, len(shown), PIECE):
            try:
                readings = await self._devices.read(shown[start : start + PIECE], None)
            except GatewayError:
                # A reload has just taken one of these tags away; the next page is whole again.
                continue
            families.add(readings, missed, trio.current_time())
            await trio.lowlevel.checkpoint()
        return families.families(omitted=len(missed) - len(shown))

    async def _of_events(self) -> list[Family]:
        families = alarm_families(self._events.alarms)
        await trio.lowlevel.checkpoint()
        if self._live is not None:
            families += live_families(self._live.figures)
        meters = self._events.meters
        if meters is not None:
            families += event_families(await meters.events())
            families += webhook_families(await meters.webhooks())
        return families

    async def _of_gateway(self) -> list[Family]:
        info = Family("ferrule_info", "gauge", "Which gateway and which version of it this is; always 1.")
        info.add(1, self._identity)
        refused = Family("ferrule_rate_limited_total", "counter", "Calls refused for their number, by limit.")
        for policy, number in sorted(self._rates.refused.items()):
            refused.add(number, label_text(limit=policy))
        return [
            info,
            *self._of_store(),
            *agent_families(self._agents()),
            *governor_families(self._governing),
            *([] if self._instruments.plugins is None else plugin_families(self._instruments.plugins())),
            *self._instruments.http.families(),
            *self._instruments.sdks.families(),
            refused,
            *self._instruments.lag.families(),
            *process_families(self._wall()),
        ]

    def _of_store(self) -> list[Family]:
        state = self._store.state()
        durable = Family(
            "ferrule_storage_durable", "gauge", "1 while the disk takes data, 0 while it is kept in memory."
        )
        durable.add(int(state.durable))
        written = Family("ferrule_storage_written_today_bytes", "gauge", "Bytes written to the card today.")
        written.add(state.written_today)
        budget = Family("ferrule_storage_write_budget_bytes", "gauge", "Bytes that may be written in a day.")
        budget.add(state.write_budget)
        history = Family("ferrule_storage_history_state", "gauge", "1 for how far history gives way to the budget.")
        history.states(state.history, HISTORY_STATES)
        return [durable, written, budget, history]
