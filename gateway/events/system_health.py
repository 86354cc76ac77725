"""How the gateway is, as an event: every half minute, and when a status changes (D-136)."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from gateway.core.bus import Bus
from gateway.core.events import Event
from gateway.core.ports import Store
from gateway.core.roster import Roster
from gateway.events.journal import MOST_WAITING, Journal

TYPE = "system:health"
# D-136.
EVERY_S = 30.0
LOOK_S = 1.0
# A cut is news for this long.
CUT_S = 60.0
HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"
_EVERYTHING = "everything"


class SystemHealth:
    """Looks at the parts of the gateway, and announces ``system:health`` while somebody wants it.

    Args:
        journal: told; and looked at, as it carries events and messages.
        bus: of events.
        store: the disk.
        roster: the agents.

    Attributes:
        plugins: tells the status of plugins, None where none is installed, and how many instances run.
    """

    def __init__(self, journal: Journal, bus: Bus[Event], store: Store, roster: Roster) -> None:
        self._journal = journal
        self._bus = bus
        self._store = store
        self._roster = roster
        self._cuts = 0
        self._cut_at = -math.inf
        self.plugins: Callable[[], tuple[str | None, int | None]] = lambda: (None, None)

    async def run(self) -> None:
        """Look, for ever."""
        told_at, told = -math.inf, None
        while True:
            if not self._journal.wants(TYPE):
                told = None
            else:
                data = self.look()
                statuses = _statuses(data)
                if statuses != told or trio.current_time() - told_at >= EVERY_S:
                    told_at, told = trio.current_time(), statuses
                    self._journal.announce(TYPE, data)
            await trio.sleep(LOOK_S)

    def look(self) -> dict[str, object]:
        """How it is now, as the event says it. What there is not, or was not measured, is None."""
        components: dict[str, dict[str, object]] = {
            "messaging": self._messaging(),
            "plugins": self._plugins(),
            "database": self._database(),
            "bus": self._listeners(),
            "agents": self._agents(),
        }
        statuses = {component["status"] for component in components.values()}
        overall = next((status for status in (UNHEALTHY, DEGRADED) if status in statuses), HEALTHY)
        return {"overall_status": overall, "components": components}

    def _messaging(self) -> dict[str, object]:
        journal = self._journal
        status = UNHEALTHY if journal.trouble is not None else HEALTHY
        if status is HEALTHY and (journal.late or journal.waiting > MOST_WAITING / 10):
            status = DEGRADED
        latency = None if journal.latency is None else round(journal.latency, 1)
        return {"status": status, "latency": latency, "waiting": journal.waiting}

    def _database(self) -> dict[str, object]:
        state = self._store.state()
        status = UNHEALTHY if not state.durable else HEALTHY if state.history == _EVERYTHING else DEGRADED
        return {"status": status, "connections": state.connections}

    def _listeners(self) -> dict[str, object]:
        if self._bus.cuts != self._cuts:
            self._cuts, self._cut_at = self._bus.cuts, trio.current_time()
        status = DEGRADED if trio.current_time() - self._cut_at < CUT_S else HEALTHY
        return {"status": status, "cuts": self._bus.cuts}

    def _plugins(self) -> dict[str, object]:
        status, active = self.plugins()
        return {"status": status, "active_count": active}

    def _agents(self) -> dict[str, object]:
        counts = self._roster.counts()
        status = DEGRADED if counts.healthy < counts.active else HEALTHY
        return {"status": status, "total": counts.total, "active": counts.active, "healthy": counts.healthy}


def _statuses(data: dict[str, object]) -> dict[str, object]:
    components = data["components"]
    return {name: part["status"] for name, part in components.items()} if isinstance(components, dict) else {}
