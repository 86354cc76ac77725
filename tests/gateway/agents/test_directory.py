"""What runs by itself: changes are told within a second, and what was heard is kept seldom and at the end."""

from __future__ import annotations

from collections.abc import Mapping

import trio
from trio.testing import MockClock

from gateway.agents.directory import Directory
from gateway.agents.grant import Grant
from gateway.core.roster import Roster
from gateway.core.timeline import Timeline
from gateway.settings.model import AgentSettings
from tests.gateway.agents.board import NOON, Board, Facts, service_json, sound


async def test_changes_are_told_and_heartbeats_kept(autojump_clock: MockClock) -> None:
    facts = Facts()
    told: list[tuple[float, str]] = []

    def tell(event: str, data: Mapping[str, object]) -> None:
        told.append((round(trio.current_time() - start), f"{event} {data['agentId']}"))

    start = trio.current_time()
    timeline = Timeline(trio.current_time, lambda: trio.current_time() + NOON, lambda: True)
    directory = Directory(
        settings=AgentSettings(),
        max_agents=10,
        timeline=timeline,
        monotonic=trio.current_time,
        facts=facts,
        tell=tell,
        own_services=list,
    )
    directory.registry.register(sound("silent"), Grant())
    directory.registry.register(sound("lively"), Grant())
    directory.announce("silent", service_json(ttl=60))
    facts.writes.clear()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(directory.run)
        for _ in range(59):
            await trio.sleep(30)
            directory.registry.heartbeat("lively")
        assert facts.writes.count(("agent_heard", "lively")) == 1
        nursery.cancel_scope.cancel()
    assert facts.writes.count(("agent_heard", "lively")) == 2
    assert facts.writes.count(("agent_heard", "silent")) == 1
    assert ("service", "temp-logger-001") in facts.writes
    moments = [(when, event) for when, event in told if "silent" in event and when]
    assert [event for _, event in moments] == ["agent:stale silent", "agent:inactive silent"]
    assert all(0 <= when - due <= 2 for (when, _), due in zip(moments, (60, 120), strict=True))


def test_it_is_a_roster() -> None:
    board = Board()
    board.register()
    roster: Roster = board.directory
    assert (roster.counts().total, len(roster.agents()), roster.services()) == (1, 1, [])
    assert roster.get("temp-sensor-001") is not None
