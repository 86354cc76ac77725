"""What survives a restart, on boards with and without a clock, and what it costs the card (D-089)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.agents.card import validate_card
from gateway.agents.grant import Grant
from gateway.agents.services import MOST_AT_ONCE
from gateway.core.ports import Json
from gateway.core.principal import AgentKey
from gateway.core.roster import AgentCounts, AgentRow, Presence
from tests.gateway.agents.board import NOON, Board, card_json, service_json, sound

AGENT = "temp-sensor-001"
SOME: dict[str, Json] = {"capabilities": ["*"], "scopes": [], "key": None}


def only(board: Board) -> AgentRow:
    (row,) = board.directory.agents()
    return row


def test_an_agent_is_as_old_as_its_last_heartbeat() -> None:
    board = Board()
    board.register()
    board.now += 500
    board.directory.registry.heartbeat(AGENT, "busy", {"cpu": 1})
    board.now += 50
    before = only(board)
    board.restart()
    after = only(board)
    assert before.metrics == {"cpu": 1}
    assert after == replace(before, metrics={})
    board.now += 10
    assert only(board).presence is Presence.STALE
    board.now += 86400 - 60
    assert board.restart().agents() == []
    assert board.facts.kinds["agent"] == {}


@pytest.mark.parametrize("key", [None, AgentKey("kid-1"), AgentKey("kid-1", bytes(range(32)))])
def test_what_enrolment_gave_survives(key: AgentKey | None) -> None:
    board = Board()
    grant = Grant(frozenset({"temperature-read", "x"}), frozenset({"agents:read", "messaging:read"}), key)
    board.directory.registry.register(sound(AGENT), grant)
    registry = board.restart(kept=False).registry
    assert registry.grant(AGENT) == grant
    assert registry.card(AGENT) == sound(AGENT)


def test_what_is_answered_is_on_its_way_to_the_disk_at_once() -> None:
    board = Board()
    board.register()
    both = [("agent", AGENT), ("agent_heard", AGENT)]
    assert board.facts.urgent == both
    board.directory.registry.unregister(AGENT)
    assert board.facts.urgent == both * 2


def test_who_registers_again_with_the_same_card_has_only_the_time_of_it_written_and_that_with_heartbeats() -> None:
    board = Board()
    board.register()
    board.facts.writes.clear()
    board.now += 50
    board.register()
    assert board.facts.writes == []
    board.directory.keep()
    assert board.facts.writes == [("agent_heard", AGENT)]
    board.restart()
    assert only(board).last_seen == NOON + 1050


def test_a_service_that_says_nothing_new_has_only_the_time_of_it_written() -> None:
    board = Board()
    board.register()
    board.directory.announce(AGENT, service_json())
    board.facts.writes.clear()
    for _ in range(3):
        board.now += 50
        board.directory.announce(AGENT, service_json())
    board.directory.keep()
    assert [kind for kind, _ in board.facts.writes if kind != "agent_heard"] == ["service_heard"]
    [row] = board.restart().services()
    assert row.expires == NOON + 1150 + 300
    board.directory.announce(AGENT, service_json(name="New"))
    board.now += 10
    [row] = board.restart(kept=False).services()
    assert (row.name, row.expires) == ("New", NOON + 1150 + 300)
    board.directory.announced.withdraw("temp-logger-001", AGENT)
    assert board.facts.kinds["service"] == board.facts.kinds["service_heard"] == {}


def test_a_registration_survives_a_power_cut_and_a_late_heartbeat_need_not() -> None:
    board = Board()
    board.register()
    board.now += 50
    board.directory.registry.heartbeat(AGENT, "offline")
    board.restart(kept=False)
    assert (only(board).last_seen, only(board).status) == (NOON + 1000, "active")


def test_an_agent_on_this_machine_and_its_service_come_back() -> None:
    board = Board()
    here: dict[str, Json] = {"protocol": "https", "host": "127.0.0.1", "port": 8443, "path": "/"}
    check = validate_card(card_json(AGENT, endpoints=[here]), local_peer=True)
    assert check.card is not None
    board.directory.registry.register(check.card, Grant())
    board.directory.announce(AGENT, service_json(endpoint="https://localhost:8443"), local_peer=True)
    board.restart()
    assert [endpoint.host for endpoint in only(board).endpoints] == ["127.0.0.1"]
    assert [row.endpoint for row in board.directory.services()] == ["https://localhost:8443"]


def test_agents_stay_in_the_order_they_came() -> None:
    board = Board()
    for agent_id in ("c", "a", "b"):
        board.register(agent_id)
        board.now += 1
    board.register("c", version="2.0.0")
    board.restart()
    assert [row.agent_id for row in board.directory.agents()] == ["c", "a", "b"]


def test_heartbeats_cost_the_card_nothing_until_they_are_kept() -> None:
    board = Board()
    for number in range(10):
        board.register(f"agent-{number}")
        board.directory.announce(f"agent-{number}", service_json(f"service-{number}"))
    board.facts.writes.clear()
    for _ in range(29):
        board.now += 30
        for number in range(10):
            board.directory.registry.heartbeat(f"agent-{number}", metrics={"cpu": board.now % 100})
            board.directory.announce(f"agent-{number}", service_json(f"service-{number}"))
    assert board.facts.writes == []
    board.directory.keep()
    assert len(board.facts.writes) == 20
    board.directory.keep()
    assert len(board.facts.writes) == 20


def test_nothing_is_told_at_a_start_that_was_told_before() -> None:
    board = Board()
    board.register("silent")
    board.now += 200
    board.register("fresh")
    board.directory.registry.sweep()
    board.events()
    board.restart()
    board.directory.registry.sweep()
    assert board.directory.counts() == AgentCounts(2, 1, 1)
    board.now += 59
    board.directory.registry.heartbeat("fresh")
    board.now += 100
    board.directory.registry.sweep()
    assert board.events() == ["agent:stale fresh"]


def test_an_agent_that_died_while_the_gateway_was_down_is_told_of_once_all_had_time_to_speak() -> None:
    board = Board()
    board.register("dead")
    board.register("alive")
    board.events()
    board.now += 600
    board.restart()
    assert board.directory.counts() == AgentCounts(2, 0, 0)
    for _ in range(4):
        board.now += 29
        board.directory.registry.heartbeat("alive")
        board.directory.registry.sweep()
        assert board.events() == []
    assert board.directory.counts() == AgentCounts(2, 1, 1)
    board.now += 4
    board.directory.registry.sweep()
    assert board.events() == ["agent:inactive dead"]


def test_without_a_clock_an_agent_is_not_active_until_it_speaks() -> None:
    board = Board()
    board.register()
    board.directory.announce(AGENT, service_json())
    board.now, board.ahead, board.synchronised = 5.0, 0.0, False
    board.restart()
    row = only(board)
    assert (row.presence, row.active, row.shown_status, row.last_seen) == (
        Presence.INACTIVE,
        False,
        "inactive",
        NOON + 1000,
    )
    assert board.directory.services() == []
    board.events()
    answer = board.directory.registry.heartbeat(AGENT)
    assert answer.clock == "unsynchronised"
    assert (only(board).active, only(board).clock) == (True, "unsynchronised")
    # Nobody was told that it was away.
    assert board.events() == []
    board.directory.announce(AGENT, service_json())
    assert len(board.directory.services()) == 1


def test_a_clock_that_comes_later_tells_how_old_an_agent_is() -> None:
    board = Board()
    board.register("fresh")
    board.register("spoke")
    board.directory.announce("fresh", service_json(ttl=100))
    board.now, board.ahead, board.synchronised = 5.0, 0.0, False
    board.restart()
    board.directory.registry.heartbeat("spoke")
    board.now += 1
    board.ahead, board.synchronised = NOON + 1000 + 14, True
    board.timeline.look()
    rows = {row.agent_id: row for row in board.directory.agents()}
    assert (rows["fresh"].last_seen, rows["fresh"].healthy, rows["fresh"].clock) == (NOON + 1000, True, "synchronised")
    # What was heard in this run before the clock came is dated by it too.
    assert (rows["spoke"].last_seen, rows["spoke"].clock) == (NOON + 1000 + 14 + 5, "synchronised")
    (service,) = board.directory.services()
    assert service.expires == NOON + 1000 + 100
    board.now += 80
    assert board.directory.services() == []


def test_a_clock_that_is_behind_dates_nothing() -> None:
    board = Board()
    board.register()
    board.ahead -= 86400 * 365
    board.restart()
    assert only(board).presence is Presence.INACTIVE
    board.now += 86400
    assert board.directory.agents() == []


@pytest.mark.parametrize("synchronised", [(False, False), (True, False), (False, True)])
def test_on_a_lan_without_a_time_server_a_service_stays_for_its_ttl(synchronised: tuple[bool, bool]) -> None:
    board = Board(synchronised=synchronised[0])
    before = board.directory.announce(None, service_json(ttl=60))
    board.now += 20
    board.synchronised = synchronised[1]
    board.restart()
    assert board.directory.services() == [before]
    board.now += 39.5
    assert board.directory.services() == [before]
    board.now += 0.5
    assert board.directory.services() == []
    board.restart()
    assert board.directory.services() == []


def test_a_service_whose_age_is_not_known_is_not_listed_and_gone_after_its_ttl() -> None:
    board = Board()
    board.directory.announce(None, service_json(ttl=60))
    board.ahead, board.synchronised = NOON - 3600, False
    board.restart()
    assert board.directory.services() == []
    board.now += 60
    board.directory.announced.sweep()
    assert board.facts.kinds["service"] == {}


def test_new_services_survive_a_power_cut_up_to_some_an_hour() -> None:
    board = Board()
    for number in range(MOST_AT_ONCE + 1):
        board.directory.announce(None, service_json(f"s-{number}", ttl=86400))
    assert len(board.restart(kept=False).services()) == MOST_AT_ONCE
    board.directory.announce(None, service_json("s-0", ttl=86400, name="changed"))
    assert board.restart(kept=False).services()[0].name == "changed"


def test_services_of_agents_that_are_gone_do_not_come_back() -> None:
    board = Board()
    board.register()
    board.directory.announce(AGENT, service_json())
    board.directory.announce(None, service_json("operator"))
    board.directory.keep()
    board.facts.kinds["agent"].clear()
    assert [row.service_id for row in board.restart(kept=False).services()] == ["operator"]


@pytest.mark.parametrize(
    "stored",
    [
        None,
        7,
        {},
        {"card": card_json(AGENT)},
        {"card": {}, "registered": 1.0, "grant": SOME},
        {"card": card_json("another"), "registered": 1.0, "grant": SOME},
        {"card": card_json(AGENT), "registered": 1.0, "grant": None},
        {"card": card_json(AGENT), "registered": 1.0, "grant": {**SOME, "key": {"kid": "k", "public": "?"}}},
    ],
)
def test_what_is_not_acceptable_is_not_restored(stored: Json) -> None:
    board = Board()
    board.facts.kinds["agent"] = {AGENT: stored}
    board.facts.kinds["service"] = {"s": stored}
    board.restart(kept=False)
    assert board.directory.agents() == []
    assert board.directory.services() == []
    assert board.facts.kinds["agent"] == {}
    assert board.facts.kinds["service"] == {}


def test_an_agent_whose_heartbeats_were_lost_counts_as_silent() -> None:
    board = Board()
    board.register()
    board.facts.kinds["agent_heard"] = {AGENT: {"wall": "noon"}}
    board.restart(kept=False)
    assert (only(board).active, only(board).last_seen) == (False, NOON + 1000)
