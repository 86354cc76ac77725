"""The alarms of a gateway, over their life."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.alarms.standing import AlarmState
from gateway.core import rfc3339
from gateway.core.errors import Code, GatewayError
from gateway.core.reading import Reason
from gateway.core.tags import Changes, Tag
from tests.gateway.alarms.rig import AWAY, COLD, DAMPED, FLOW, HOT, NOON, ON, RETURN, SOON, Board, settings_with


async def test_raised_acknowledged_and_cleared_are_told_with_all_that_is_known(
    board: Board, autojump_clock: MockClock
) -> None:
    async with board.start():
        await board.say(FLOW, 79)
        assert board.told == []
        at = trio.current_time() + NOON
        await board.say(FLOW, 81)
        [row] = board.alarms.list()
        assert row.alarm_id is not None
        assert board.told == [
            (
                "alarm:raised",
                {
                    "alarm": "hot",
                    "tag": FLOW,
                    "severity": "critical",
                    "condition": "high",
                    "limit": 80.0,
                    "units": "°C",
                    "message": "bus/boiler/flow is above 80 °C",
                    "alarm_id": row.alarm_id,
                    "value": 81,
                    "raised_at": rfc3339.text(at),
                    "clock": "synchronised",
                },
            )
        ]
        assert (row.state, row.value, row.current, row.frozen, row.times) == (AlarmState.RAISED, 81, 81, False, 1)
        await board.say(FLOW, 85)
        seen = await board.alarms.acknowledge(row.alarm_id, "operator", "on my way")
        assert (seen.state, seen.value, seen.current) == (AlarmState.ACKNOWLEDGED, 81, 85)
        await board.say(FLOW, 75)
        assert board.words[1:] == [("acknowledged", FLOW, 81), ("cleared", FLOW, 75)]
        cleared = board.told[-1][1]
        assert cleared["alarm_id"] == row.alarm_id
        assert (cleared["acknowledged_by"], cleared["comment"]) == ("operator", "on my way")
        assert {"raised_at", "cleared_at"} <= cleared.keys()
        # Acknowledged and over: it is normal.
        assert board.alarms.list() == []
        assert board.facts.kinds["alarm"] == {}


RATE = 'name = "fast"\ntag = "bus/boiler/flow"\nrate = 10\nper = "5s"'
STALE = 'name = "old"\ntag = "bus/boiler/flow"\nstale = "10s"'
OPEN = 'name = "open"\ntag = "bus/boiler/on"\nequals = true\nmessage = "the door is open"'
BAD = 'name = "bad"\ntag = "bus/boiler/flow"\nnot_good = true'


async def test_a_cleared_alarm_says_that_it_is_over_how_and_what_it_was(autojump_clock: MockClock) -> None:
    """The sentence of ``alarm:raised`` alone, in the message of somebody's phone, would be another alarm."""
    board = Board(settings_with(HOT, RATE, OPEN, BAD, AWAY))
    async with board.start():
        await board.say(FLOW, 20)
        await board.say(ON, True)
        await board.say(FLOW, 90)
        await board.say(ON, False)
        await board.say(FLOW, 75)
        await board.keep_saying(8, flow=75)
        await board.fail(Reason.NO_ANSWER)
        await trio.sleep(1)
        await board.say(FLOW, 75)
        await trio.sleep(1)
    said = {str(data["alarm"]): str(data["message"]) for type_, data in board.told if type_ == "alarm:cleared"}
    assert said == {
        "hot": "cleared, bus/boiler/flow is 75 °C (it was: bus/boiler/flow is above 80 °C)",
        "fast": "cleared, bus/boiler/flow has changed by 0 °C within 5s (it was: bus/boiler/flow has changed by more "
        "than 10 °C within 5s)",
        "open": "cleared, bus/boiler/on is false (it was: the door is open)",
        "bad": "cleared, bus/boiler/flow is good again (it was: bus/boiler/flow is not good)",
        "away": "cleared, bus/boiler can be reached again (it was: bus/boiler cannot be reached)",
    }
    raised = [str(data["message"]) for type_, data in board.told if type_ == "alarm:raised"]
    assert not any("cleared" in message for message in raised)


async def test_a_value_that_comes_again_is_what_ends_a_silence(autojump_clock: MockClock) -> None:
    board = Board(settings_with(STALE))
    async with board.start():
        await board.say(FLOW, 20)
        await trio.sleep(15)
        await board.say(FLOW, 20)
    assert board.told[-1][1]["message"] == (
        "cleared, a value of bus/boiler/flow has come (it was: no value of bus/boiler/flow has come for 10s)"
    )


async def test_what_is_over_waits_for_somebody_to_say_so(board: Board, autojump_clock: MockClock) -> None:
    async with board.start():
        await board.say(FLOW, 81)
        await board.say(FLOW, 70)
        [row] = board.alarms.list()
        assert (row.state, row.value) == (AlarmState.CLEARED, 70)
        await board.say(FLOW, 90)
        [again] = board.alarms.list()
        assert (again.alarm_id, again.state, again.times) == (row.alarm_id, AlarmState.RAISED, 2)
        assert again.raised_at is not None
        assert row.raised_at is not None
        assert again.raised_at > row.raised_at
        assert again.cleared_at is None
        await board.say(FLOW, 70)
        assert row.alarm_id is not None
        done = await board.alarms.acknowledge(row.alarm_id, "operator")
        assert (done.state, board.alarms.list()) == (AlarmState.NORMAL, [])
        assert [what for what, _, _ in board.words] == ["raised", "cleared", "raised", "cleared", "acknowledged"]
        with pytest.raises(GatewayError) as refusal:
            await board.alarms.acknowledge(row.alarm_id, "operator")
        assert refusal.value.code is Code.NOT_FOUND


async def test_the_first_acknowledgement_counts_and_a_comment_has_a_length(
    board: Board, autojump_clock: MockClock
) -> None:
    async with board.start():
        await board.say(FLOW, 81)
        [row] = board.alarms.list()
        assert row.alarm_id is not None
        await board.alarms.acknowledge(row.alarm_id, "one", "first")
        second = await board.alarms.acknowledge(row.alarm_id, "two", "second")
        assert (second.acknowledged_by, second.comment) == ("one", "first")
        assert [what for what, _, _ in board.words] == ["raised", "acknowledged"]
        with pytest.raises(GatewayError) as refusal:
            await board.alarms.acknowledge(row.alarm_id, "two", "x" * 501)
        assert (refusal.value.code, refusal.value.field) == (Code.INVALID, "comment")


async def test_bad_and_stale_values_freeze_a_limit(board: Board, autojump_clock: MockClock) -> None:
    async with board.start():
        await board.say(FLOW, 81)
        for reason in (Reason.LINK_DOWN, Reason.NO_ANSWER):
            await board.fail(reason)
            [hot] = [row for row in board.alarms.list() if row.alarm == "hot"]
            assert (hot.state, hot.frozen, hot.reason, hot.current) == (AlarmState.RAISED, True, str(reason), None)
        await board.say(FLOW, 90)
        await trio.sleep(10.0)
        board.tags.sweep()
        await trio.sleep(SOON)
        [hot] = [row for row in board.alarms.list() if row.alarm == "hot"]
        assert (hot.frozen, hot.reason) == (True, "stale")
        assert [word for word in board.words if word[1] == FLOW] == [("raised", FLOW, 81)]


async def test_a_delay_is_over_only_while_the_value_is_known(autojump_clock: MockClock) -> None:
    board = Board(settings_with(f'{HOT}\ndelay = "10s"\noff_delay = "5s"'))
    async with board.start():
        await board.keep_saying(9, flow=81)
        assert board.told == []
        await board.keep_saying(2, flow=81)
        assert board.words == [("raised", FLOW, 81)]
        await board.keep_saying(4, flow=70)
        await board.keep_saying(1, flow=78)
        await board.keep_saying(4, flow=70)
        assert len(board.told) == 1
        await board.keep_saying(2, flow=70)
        assert board.words[1:] == [("cleared", FLOW, 70)]
        # The line hangs: the last value is too old to be raised by, though it was never called so.
        await board.say(FLOW, 90)
        await trio.sleep(60.0)
        assert len(board.told) == 2


async def test_a_device_that_is_away_and_back(board: Board, autojump_clock: MockClock) -> None:
    async with board.start():
        await board.say(FLOW, 20)
        await board.say(ON, value=True)
        await board.fail(Reason.NO_ANSWER)
        assert board.words == [("raised", "bus/boiler", "no_answer")]
        [row] = board.alarms.list()
        assert (row.tag, row.device, row.limit, row.units) == (None, "bus/boiler", None, None)
        assert row.message == "bus/boiler cannot be reached"
        await board.say(FLOW, 20)
        assert board.words[1:] == [("cleared", "bus/boiler", "reachable")]


async def test_a_value_within_its_deadband_is_looked_at_all_the_same(autojump_clock: MockClock) -> None:
    board = Board(settings_with('name = "a"\ntag = "bus/boiler/damped"\nhigh = 80'))
    async with board.start():
        await board.say(DAMPED, 78)
        # Nobody is told of this change.
        board.tags.apply([board.cells[DAMPED]], [82], trio.current_time())
        await trio.sleep(1.5)
        assert board.words == [("raised", DAMPED, 82)]


async def test_silence_is_noticed_and_its_end_too(autojump_clock: MockClock) -> None:
    board = Board(settings_with('name = "a"\ntag = "bus/boiler/flow"\nstale = "30s"'))
    async with board.start():
        await board.keep_saying(100, flow=5)
        assert board.told == []
        await trio.sleep(28.0)
        assert board.told == []
        await trio.sleep(3.0)
        assert board.words == [("raised", FLOW, 30.0)]
        assert (board.told[0][1]["limit"], board.told[0][1]["units"]) == (30.0, "s")
        await board.say(FLOW, 5)
        assert [what for what, _, _ in board.words] == ["raised", "cleared"]


async def test_a_pattern_is_one_alarm_for_each_tag(autojump_clock: MockClock) -> None:
    board = Board(settings_with('name = "warm"\ntag = "bus/boiler/*"\nhigh = 50'))
    async with board.start():
        await board.say(FLOW, 60)
        await board.say(RETURN, 60)
        first, second = board.alarms.list()
        assert (first.tag, second.tag, first.alarm) == (FLOW, RETURN, second.alarm)
        assert first.alarm_id is not None
        await board.alarms.acknowledge(first.alarm_id, "operator")
        assert [row.state for row in board.alarms.list()] == [AlarmState.ACKNOWLEDGED, AlarmState.RAISED]
        await board.say(FLOW, 40)
        assert [row.tag for row in board.alarms.list()] == [RETURN]
        assert [row.tag for row in board.alarms.list(states=set(AlarmState))] == [RETURN, FLOW, DAMPED]


async def test_what_stands_is_kept_after_its_event_is_on_the_disk(board: Board, autojump_clock: MockClock) -> None:
    board.logged = trio.Event()
    async with board.start():
        await board.say(FLOW, 81)
        assert board.words == [("raised", FLOW, 81)]
        assert not board.facts.kinds.get("alarm")
        board.logged.set()
        await trio.sleep(SOON)
        assert len(board.facts.kinds["alarm"]) == 1


async def test_a_disk_in_trouble_holds_up_no_acknowledgement_and_no_end(
    board: Board, autojump_clock: MockClock
) -> None:
    board.logged = trio.Event()
    async with board.start():
        await board.say(FLOW, 81)
        [row] = board.alarms.list()
        assert row.alarm_id is not None
        with trio.fail_after(10.0):
            await board.alarms.acknowledge(row.alarm_id, "operator")
        await board.say(RETURN, 5)
    assert len(board.facts.kinds["alarm"]) == 2


async def test_who_falls_behind_reads_everything_anew_and_begins_delays_anew(autojump_clock: MockClock) -> None:
    board = Board(settings_with(HOT, COLD + '\ndelay = "3s"'))
    board.begin()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.alarms.run)
        await trio.sleep(SOON)
        await board.say(RETURN, 5)
        await trio.sleep(2.0)
        for number in range(20_000):
            board.tags.apply([board.cells[ON]], [number % 2 == 0], trio.current_time())
        board.tags.apply([board.cells[FLOW]], [81], trio.current_time())
        await board.keep_saying(2, **{"return": 5})
        assert board.words == [("raised", FLOW, 81)]
        await board.keep_saying(3, **{"return": 5})
        assert board.words[1:] == [("raised", RETURN, 5)]
        nursery.cancel_scope.cancel()


async def test_nothing_is_listened_to_where_nothing_is_watched(autojump_clock: MockClock) -> None:
    board = Board(settings_with())
    async with board.start():
        assert not board.tags.changes.listened_to
        board.alarms.follow(settings_with(HOT))
        await board.say(FLOW, 81)
        assert board.words == [("raised", FLOW, 81)]
        assert board.tags.changes.listened_to


async def test_a_tag_that_is_not_there_yet_is_none_to_worry_about(board: Board, autojump_clock: MockClock) -> None:
    board.begin()
    board.tags.remove(list(board.cells))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.alarms.run)
        await trio.sleep(SOON)
        assert [row.frozen for row in board.alarms.list(states=set(AlarmState))] == [True] * 3
        board.cells[FLOW] = board.tags.add([Tag(FLOW, "int16")])[0]
        await board.say(FLOW, 81)
        assert board.words == [("raised", FLOW, 81)]
        nursery.cancel_scope.cancel()


async def test_what_falls_can_be_begun_again(board: Board, autojump_clock: MockClock) -> None:
    board.begin()
    async with trio.open_nursery() as nursery:
        ended = trio.Event()

        async def fall() -> None:
            with pytest.raises(ExceptionGroup):
                await board.alarms.run()
            ended.set()

        nursery.start_soon(fall)
        await trio.sleep(SOON)
        await board.say(FLOW, 81)
        # Nobody can read this: something is wrong with us.
        board.tags.changes.publish(Changes((None,)))  # type: ignore[arg-type]  # that is the point
        await ended.wait()
        await board.say(RETURN, 5)
        assert board.words == [("raised", FLOW, 81)]
        nursery.start_soon(board.alarms.run)
        await trio.sleep(SOON)
        assert board.words[1:] == [("raised", RETURN, 5)]
        assert len(board.alarms.list()) == 2
        nursery.cancel_scope.cancel()


async def test_a_tag_that_a_plugin_makes_can_raise_an_alarm_once_it_is_there(autojump_clock: MockClock) -> None:
    power = "plugin/heat/power"
    board = Board(settings_with(f'name = "p"\ntag = "{power}"\nhigh = 5'))
    async with board.start():
        assert board.told == []
        board.cells |= dict(zip([power], board.tags.add([Tag(power, "float64")]), strict=True))
        await board.say(power, 6.5)
        await board.say(power, Reason.PLUGIN_STOPPED)
        [row] = board.alarms.list()
        assert (row.state, row.value, row.frozen) == (AlarmState.RAISED, 6.5, True)
        board.tags.remove([power])
        await board.keep_saying(5, flow=1)
        [row] = board.alarms.list()
        assert row.frozen
