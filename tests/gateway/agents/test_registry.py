"""Agents are registered, kept by their heartbeats, told of, and dropped (D-080 to D-084)."""

from __future__ import annotations

import pytest

from gateway.agents.grant import Grant
from gateway.agents.registry import MOST_CARDS
from gateway.core.errors import Code, GatewayError
from gateway.core.roster import AgentCounts, AgentStatus, Endpoint, Presence
from gateway.settings.model import AgentSettings
from tests.gateway.agents.board import NOON, Board, sound

DAY = 86400


def refused(error: pytest.ExceptionInfo[GatewayError]) -> tuple[Code, str | None]:
    return error.value.code, error.value.field


def test_a_registered_agent_is_listed_as_the_seed_shows_it() -> None:
    board = Board()
    board.register()
    (row,) = board.directory.agents()
    assert (row.agent_id, row.name, row.version) == ("temp-sensor-001", "Temperature Sensor Agent", "1.0.0")
    assert (row.shown_status, row.active, row.healthy, row.presence) == ("active", True, True, Presence.ACTIVE)
    assert (row.last_seen, row.clock) == (NOON + 1000, "synchronised")
    assert row.capabilities == ("temperature-read",)
    assert row.endpoints == (Endpoint("https", "192.168.1.100", 8443, "/api/v1"),)
    assert board.directory.get("temp-sensor-001") == row
    assert board.directory.get("another") is None
    assert board.events() == ["agent:registered temp-sensor-001"]


def test_what_is_told_of_a_change_names_the_agent_and_the_moment() -> None:
    board = Board()
    board.register()
    (event, data) = board.told[0]
    assert event == "agent:registered"
    assert data == {
        "agentId": "temp-sensor-001",
        "name": "Temperature Sensor Agent",
        "version": "1.0.0",
        "lastSeen": "2027-01-15T08:16:40.000Z",
        "capabilities": ["temperature-read"],
        "again": False,
    }


def test_an_agent_that_falls_silent_is_stale_then_inactive_then_gone() -> None:
    board = Board()
    board.register()
    board.events()
    start = board.now
    for seconds, counts, presence, shown in (
        (59.9, AgentCounts(1, 1, 1), Presence.ACTIVE, "active"),
        (60.0, AgentCounts(1, 1, 0), Presence.STALE, "active"),
        (119.9, AgentCounts(1, 1, 0), Presence.STALE, "active"),
        (120.0, AgentCounts(1, 0, 0), Presence.INACTIVE, "inactive"),
        (DAY - 0.1, AgentCounts(1, 0, 0), Presence.INACTIVE, "inactive"),
    ):
        board.now = start + seconds
        assert board.directory.counts() == counts
        (row,) = board.directory.agents()
        assert (row.presence, row.shown_status, row.last_seen) == (presence, shown, NOON + start)
    board.now = start + DAY
    assert board.directory.counts() == AgentCounts(0, 0, 0)
    assert board.directory.get("temp-sensor-001") is None
    assert board.events() == [
        "agent:stale temp-sensor-001",
        "agent:inactive temp-sensor-001",
        "agent:expired temp-sensor-001",
    ]


def test_a_heartbeat_brings_an_agent_back_and_asks_for_the_next() -> None:
    board = Board()
    board.register()
    board.now += 200
    board.directory.registry.sweep()
    answer = board.directory.registry.heartbeat("temp-sensor-001", "busy", {"cpu": 45.2})
    assert (answer.next_heartbeat, answer.clock) == (NOON + board.now + 30, "synchronised")
    row = board.directory.get("temp-sensor-001")
    assert row is not None
    assert (row.shown_status, row.healthy, row.metrics, row.last_seen) == ("busy", True, {"cpu": 45.2}, NOON + 1200)
    assert [event.split()[0] for event in board.events()] == ["agent:registered", "agent:inactive", "agent:active"]
    board.now += 10
    board.directory.registry.heartbeat("temp-sensor-001")
    row = board.directory.get("temp-sensor-001")
    assert row is not None
    assert (row.shown_status, row.metrics) == ("active", {"cpu": 45.2})
    assert board.events() == []


@pytest.mark.parametrize(
    ("status", "counts", "shown"),
    [
        ("active", AgentCounts(1, 1, 1), "active"),
        ("idle", AgentCounts(1, 1, 1), "idle"),
        ("maintenance", AgentCounts(1, 1, 1), "maintenance"),
        ("degraded", AgentCounts(1, 1, 0), "degraded"),
        ("offline", AgentCounts(1, 0, 0), "offline"),
    ],
)
def test_what_an_agent_says_of_itself_counts(status: str, counts: AgentCounts, shown: str) -> None:
    board = Board()
    board.register()
    board.directory.registry.heartbeat("temp-sensor-001", status)
    assert board.directory.counts() == counts
    (row,) = board.directory.agents()
    assert (row.status, row.shown_status) == (AgentStatus(status), shown)


def test_an_agent_that_goes_offline_is_told_of_once() -> None:
    board = Board()
    board.register()
    board.events()
    board.directory.registry.heartbeat("temp-sensor-001", "offline")
    board.now += 300
    board.directory.registry.sweep()
    assert board.events() == ["agent:inactive temp-sensor-001"]
    board.directory.registry.heartbeat("temp-sensor-001")
    assert board.events() == ["agent:active temp-sensor-001"]


def test_a_refused_heartbeat_is_no_sign_of_life() -> None:
    board = Board()
    board.register()
    board.now += 70
    with pytest.raises(GatewayError):
        board.directory.registry.heartbeat("temp-sensor-001", "active", {"cpu": 101})
    with pytest.raises(GatewayError):
        board.directory.registry.heartbeat("temp-sensor-001", "alive")
    assert board.directory.counts() == AgentCounts(1, 1, 0)


@pytest.mark.parametrize("call", ["heartbeat", "unregister", "card", "grant"])
def test_an_unknown_agent_is_said_to_be_unknown(call: str) -> None:
    registry = Board().directory.registry
    with pytest.raises(GatewayError) as error:
        getattr(registry, call)("nobody")
    assert refused(error) == (Code.AGENT_NOT_FOUND, "agentId")
    assert error.value.details == {"provided": "nobody"}


def test_an_unregistered_agent_is_gone() -> None:
    board = Board()
    board.register()
    board.directory.registry.unregister("temp-sensor-001")
    assert board.directory.counts() == AgentCounts(0, 0, 0)
    assert board.events() == ["agent:registered temp-sensor-001", "agent:unregistered temp-sensor-001"]
    assert board.facts.kinds["agent"] == board.facts.kinds["agent_heard"] == {}
    assert board.restart().counts() == AgentCounts(0, 0, 0)


def test_an_agent_registers_again_with_a_new_card() -> None:
    board = Board()
    board.register("a")
    board.register("b")
    board.now += 100
    board.register("a", version="2.0.0", capabilities=[])
    rows = board.directory.agents()
    assert [(row.agent_id, row.version, row.healthy) for row in rows] == [("a", "2.0.0", True), ("b", "1.0.0", False)]
    assert board.told[-1][1]["again"] is True


def test_agents_are_found_by_capability_and_by_being_active() -> None:
    board = Board()
    board.register("a")
    board.register("b", capabilities=[])
    board.now += 125
    board.register("c")
    find = board.directory.agents
    assert [row.agent_id for row in find("temperature-read")] == ["a", "c"]
    assert [row.agent_id for row in find(active=True)] == ["c"]
    assert [row.agent_id for row in find(active=False)] == ["a", "b"]
    assert [row.agent_id for row in find("temperature-read", active=False)] == ["a"]
    assert find("temperature") == find("temperature-READ") == find("") == []


def test_no_more_agents_than_there_may_be() -> None:
    board = Board(max_agents=2)
    board.register("a")
    board.register("b")
    with pytest.raises(GatewayError) as error:
        board.register("c")
    assert error.value.code is Code.UNAVAILABLE
    assert "max_agents" in error.value.reason
    assert error.value.details == {"maxAgents": 2}
    with pytest.raises(GatewayError):
        board.directory.registry.admit(sound("c"), Grant())
    board.register("a", version="1.0.1")
    board.directory.registry.unregister("b")
    board.directory.registry.admit(sound("c"), Grant())
    assert board.directory.counts().total == 1
    board.register("c")
    assert board.directory.counts().total == 2


def test_an_agent_that_expired_makes_room() -> None:
    board = Board(max_agents=1)
    board.register("a")
    board.now += DAY
    board.register("b")
    assert board.events() == ["agent:registered a", "agent:expired a", "agent:registered b"]


def test_a_card_offers_no_more_than_the_enrolment_grants() -> None:
    board = Board()
    registry = board.directory.registry
    with pytest.raises(GatewayError) as error:
        registry.register(sound("a"), Grant(capabilities=frozenset({"other"})))
    assert refused(error) == (Code.FORBIDDEN, "agentCard.capabilities[0].id")
    assert "temperature-read" in error.value.reason
    assert board.directory.counts().total == 0
    with pytest.raises(GatewayError):
        registry.register(sound("a"), Grant(capabilities=frozenset()))
    registry.register(sound("a"), Grant(capabilities=frozenset({"other", "temperature-read"})))
    assert board.directory.counts().total == 1


def test_new_times_hold_at_once() -> None:
    board = Board()
    board.register()
    board.now += 40
    assert board.directory.counts().healthy == 1
    board.directory.follow(AgentSettings(heartbeat=5, stale=10, inactive=20, drop_after=60), 100)
    assert board.directory.counts() == AgentCounts(1, 0, 0)
    board.directory.follow(AgentSettings(), 1)
    assert board.directory.counts() == AgentCounts(1, 1, 1)
    with pytest.raises(GatewayError):
        board.register("another")


def test_whoever_is_told_may_ask() -> None:
    board = Board()
    for agent_id in "abc":
        board.register(agent_id)
    seen: list[int] = []
    board.directory.registry.gone.append(lambda _: seen.append(board.directory.counts().total))
    board.now += DAY
    board.directory.registry.sweep()
    assert seen == [2, 1, 0]


def test_an_agent_registers_anew_as_often_as_it_likes_but_not_ever_other_cards() -> None:
    board = Board()
    for number in range(MOST_CARDS):
        board.register(version=f"1.0.{number}")
    for _ in range(100):
        board.now += 1
        board.register(version=f"1.0.{MOST_CARDS - 1}")
    board.facts.writes.clear()
    with pytest.raises(GatewayError) as error:
        board.register(version="2.0.0")
    assert error.value.code is Code.TOO_MANY
    assert error.value.details == {"retryAfter": 3500}
    assert board.facts.writes == []
    board.register("another", version="2.0.0")
    board.now += 3500
    board.register(version="2.0.0")
    row = board.directory.get("temp-sensor-001")
    assert row is not None
    assert row.version == "2.0.0"
