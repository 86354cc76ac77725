"""What stands of alarms, over restarts, reloads and clocks that are set."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.alarms.alarms import Alarms
from gateway.alarms.standing import AlarmState
from gateway.core.ports import Json
from tests.gateway.alarms.rig import AWAY, COLD, FLOW, HOT, NOON, RETURN, SOON, Board, settings_with


async def test_what_stands_survives_a_restart_with_its_id_and_its_times(
    board: Board, autojump_clock: MockClock
) -> None:
    async with board.start():
        await board.say(FLOW, 81)
        await board.say(RETURN, 5)
        before = board.alarms.list()
        assert before[0].alarm_id is not None
        await board.alarms.acknowledge(before[0].alarm_id, "operator", "seen")
        await board.say(RETURN, 12)
        before = board.alarms.list()
    events = len(board.told)
    await trio.sleep(1000.0)
    async with board.start():
        after = board.alarms.list()
        kept = (
            "alarm_id",
            "state",
            "value",
            "raised_at",
            "cleared_at",
            "acknowledged_at",
            "acknowledged_by",
            "comment",
        )
        assert [[getattr(row, name) for name in kept] for row in after] == [
            [getattr(row, name) for name in kept] for row in before
        ]
        assert [(row.state, row.clock) for row in after] == [
            (AlarmState.ACKNOWLEDGED, "synchronised"),
            (AlarmState.CLEARED, "synchronised"),
        ]
        # Nobody has read the tags yet.
        assert [(row.frozen, row.reason, row.current) for row in after] == [(True, "not_yet_read", None)] * 2
        await board.say(FLOW, 83)
        await board.say(RETURN, 12)
        assert len(board.told) == events
        await board.say(FLOW, 70)
        assert board.words[events:] == [("cleared", FLOW, 70)]
        assert board.told[-1][1]["alarm_id"] == before[0].alarm_id


async def test_a_reload_keeps_what_has_not_changed_and_ends_what_has(board: Board, autojump_clock: MockClock) -> None:
    async with board.start():
        await board.say(FLOW, 81)
        await board.say(RETURN, 5)
        before = {row.alarm: row.alarm_id for row in board.alarms.list()}
        words = HOT + '\nmessage = "look at it"\ndelay = "5s"'
        board.alarms.follow(settings_with(AWAY, COLD.replace("10", "4"), words))
        await trio.sleep(SOON)
        [row] = board.alarms.list()
        assert (row.alarm, row.alarm_id, row.message, row.state) == (
            "hot",
            before["hot"],
            "look at it",
            AlarmState.RAISED,
        )
        assert board.words[2:] == [("cleared", RETURN, None)]
        assert board.told[-1][1]["alarm_id"] == before["cold"]
        assert "no longer watched" in str(board.told[-1][1]["message"])
        await board.say(RETURN, 3)
        assert board.words[3:] == [("raised", RETURN, 3)]
        assert {row.alarm_id for row in board.alarms.list()}.isdisjoint({before["cold"]})
        board.alarms.follow(settings_with())
        await trio.sleep(SOON)
        assert board.alarms.list(states=set(AlarmState)) == []
        assert board.facts.kinds["alarm"] == {}
        await board.say(FLOW, 70)
        await board.say(FLOW, 99)
        assert [what for what, _, _ in board.words[4:]] == ["cleared", "cleared"]
        board.alarms.follow(settings_with(HOT))
        await trio.sleep(SOON)
        assert board.words[6:] == [("raised", FLOW, 99)]


async def test_what_is_no_longer_configured_at_the_next_start_is_told_to_be_over(
    board: Board, autojump_clock: MockClock
) -> None:
    async with board.start():
        await board.say(FLOW, 81)
        await board.say(RETURN, 5)
        ids = {row.alarm: row.alarm_id for row in board.alarms.list()}
    board.settings = settings_with(HOT.replace("critical", "info"))
    async with board.start():
        assert board.alarms.list() == []
        assert {(data["alarm_id"], data["severity"]) for type_, data in board.told[2:]} == {
            (ids["hot"], "critical"),
            (ids["cold"], "warning"),
        }
        assert {type_ for type_, _ in board.told[2:]} == {"alarm:cleared"}
        assert board.facts.kinds["alarm"] == {}
        await board.say(FLOW, 81)
        assert board.words[4:] == [("raised", FLOW, 81)]


async def test_times_follow_the_clock_when_it_synchronises(board: Board, autojump_clock: MockClock) -> None:
    board.synchronised, board.wall_offset = False, 5000.0
    async with board.start():
        at = trio.current_time()
        await board.say(FLOW, 81)
        assert board.told[0][1]["clock"] == "unsynchronised"
        [row] = board.alarms.list()
        assert (row.clock, row.raised_at) == ("unsynchronised", at + 5000.0)
        board.synchronised, board.wall_offset = True, NOON
        board.timeline.look()
        await board.say(RETURN, 20)
        [row] = board.alarms.list()
        assert (row.clock, row.raised_at) == ("synchronised", at + NOON)
        [fact] = board.facts.kinds["alarm"].values()
        assert isinstance(fact, dict)
        assert fact["raised"] == [at + NOON, True]


async def test_what_the_clock_never_knew_stays_doubtful_after_a_restart(
    board: Board, autojump_clock: MockClock
) -> None:
    board.synchronised, board.wall_offset = False, 5000.0
    async with board.start():
        at = trio.current_time() + 5000.0
        await board.say(FLOW, 81)
    board.synchronised, board.wall_offset = True, NOON
    async with board.start():
        [row] = board.alarms.list()
        assert (row.clock, row.raised_at) == ("unsynchronised", at)
        await board.say(FLOW, 81)
        await board.say(FLOW, 70)
        assert board.told[-1][1]["clock"] == "unsynchronised"


def test_damaged_facts_are_no_alarms(board: Board) -> None:
    facts = board.facts.kinds.setdefault("alarm", {})
    mark: Json = ["high", 80.0, None, None, None, None, None, "any", 5.0, "critical"]
    facts[f"hot {FLOW}"] = {"mark": mark, "id": 5, "raised": "yesterday"}
    facts["gone"] = "?"
    trio.run(_begin, board)
    assert board.alarms.list() == []


async def _begin(board: Board) -> None:
    async with board.start():
        assert isinstance(board.alarms, Alarms)
    assert board.told == []
