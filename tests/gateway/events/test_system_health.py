"""How the gateway is: measured, told every half minute and when it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.core.catalogue import CATALOGUE
from gateway.core.ports import StoreState
from gateway.core.roster import AgentCounts, AgentRow, ServiceRow
from gateway.events.system_health import CUT_S, EVERY_S, SystemHealth
from tests.gateway.events.board import Board


class Parts:
    """The store and the roster, as a test wants them."""

    def __init__(self) -> None:
        self.kept = StoreState(durable=True, written_today=0, write_budget=1, history="everything", connections=5)
        self.agents_known = AgentCounts(3, 2, 2)

    def state(self) -> StoreState:
        return self.kept

    def counts(self) -> AgentCounts:
        return self.agents_known

    def agents(self, capability: str | None = None, *, active: bool | None = None) -> Sequence[AgentRow]:
        return []

    def get(self, agent_id: str) -> AgentRow | None:
        return None

    def services(self, capability: str | None = None, location: str | None = None) -> Sequence[ServiceRow]:
        return []


class Watched:
    def __init__(self) -> None:
        self.board, self.parts = Board(), Parts()
        self.wanted = True
        self.board.journal.wanted.append(lambda type_: self.wanted and type_ == "system:health")
        self.health = SystemHealth(self.board.journal, self.board.bus, self.parts, self.parts)

    def status(self, component: str) -> object:
        components = self.health.look()["components"]
        assert isinstance(components, dict)
        return components[component]["status"]

    def told(self) -> list[object]:
        return [event.data["overall_status"] for event in self.board.told if event.type == "system:health"]


@asynccontextmanager
async def watched() -> AsyncIterator[Watched]:
    made = Watched()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.board.journal.run)
        nursery.start_soon(made.health.run)
        await wait_all_tasks_blocked()
        yield made
        nursery.cancel_scope.cancel()


async def test_it_is_told_every_half_minute(autojump_clock: MockClock) -> None:
    """D-136."""
    async with watched() as made:
        await trio.sleep(10 * EVERY_S + 1)
        assert made.told() == ["healthy"] * 11


async def test_a_change_is_told_within_a_second_or_so(autojump_clock: MockClock) -> None:
    async with watched() as made:
        await trio.sleep(2)
        made.parts.kept = StoreState(durable=False, written_today=0, write_budget=1, history="everything")
        await trio.sleep(1.5)
        assert made.told() == ["healthy", "unhealthy"]
        made.parts.kept = StoreState(durable=True, written_today=0, write_budget=1, history="thinned")
        await trio.sleep(1.5)
        assert made.told()[-1] == "degraded"


async def test_nothing_is_told_while_nobody_wants_it_and_at_once_when_somebody_does(autojump_clock: MockClock) -> None:
    async with watched() as made:
        made.wanted = False
        await trio.sleep(300)
        assert len(made.told()) == 1
        made.wanted = True
        await trio.sleep(1.5)
        made.wanted = False
        await trio.sleep(5)
        assert len(made.told()) == 2
        made.wanted = True
        await trio.sleep(1.5)
        assert len(made.told()) == 3


async def test_it_says_what_was_measured_and_null_for_what_was_not(autojump_clock: MockClock) -> None:
    async with watched() as made:
        data = CATALOGUE["system:health"].data
        assert data is not None
        before = made.health.look()
        assert before == {
            "overall_status": "healthy",
            "components": {
                "messaging": {"status": "healthy", "latency": None, "waiting": 0},
                "plugins": {"status": None, "active_count": None},
                "database": {"status": "healthy", "connections": 5},
                "bus": {"status": "healthy", "cuts": 0},
                "agents": {"status": "healthy", "total": 3, "active": 2, "healthy": 2},
            },
        }
        msgspec.convert(before, data, strict=True)
        made.parts.kept = StoreState(durable=True, written_today=0, write_budget=1, history="everything")
        unknown = made.health.look()["components"]
        assert isinstance(unknown, dict)
        assert unknown["database"]["connections"] is None
        made.board.disk.slowness = 0.045
        await made.board.journal.accept("user:action", {})
        after = made.health.look()["components"]
        assert isinstance(after, dict)
        assert after["messaging"]["latency"] == 45.0


async def test_each_part_can_be_less_than_well(autojump_clock: MockClock) -> None:
    async with watched() as made:
        made.parts.agents_known = AgentCounts(3, 2, 1)
        assert made.status("agents") == "degraded"
        with made.board.bus.subscribe(1):
            for _ in range(2):
                made.board.journal.announce("tag:changed", {})
        assert made.status("bus") == "degraded"
        await trio.sleep(CUT_S + 1)
        assert made.status("bus") == "healthy"
        made.board.disk.slowness = 10
        made.board.journal.announce("line:up", {})
        await trio.sleep(4)
        assert made.status("messaging") == "degraded"
        await trio.sleep(10)
        made.board.disk.slowness = 0
        made.board.disk.trouble = "no room"
        made.board.journal.announce("line:up", {})
        await trio.sleep(2)
        assert made.status("messaging") == "unhealthy"
        assert made.told()[-1] == "unhealthy"


async def test_plugins_are_part_of_it(autojump_clock: MockClock) -> None:
    watched = Watched()
    assert watched.health.look()["components"]["plugins"] == {"status": None, "active_count": None}  # type: ignore[index]  # a dict
    watched.health.plugins = lambda: ("degraded", 2)
    data = watched.health.look()
    assert data["components"]["plugins"] == {"status": "degraded", "active_count": 2}  # type: ignore[index]  # a dict
    assert data["overall_status"] == "degraded"
