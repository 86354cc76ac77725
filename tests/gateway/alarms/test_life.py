"""Whatever happens, in whatever order: what was told of each alarm makes sense, and what stands is what was told."""

from __future__ import annotations

import re
from collections import defaultdict

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.alarms.rows import AlarmRow
from gateway.alarms.standing import AlarmState
from gateway.core.reading import Reason
from tests.gateway.alarms.rig import FLOW, RETURN, SOON, Board, settings_with

WATCHED = (
    'name = "hot"\ntag = "bus/boiler/*"\nhigh = 80\nhysteresis = 5\ndelay = "1s"',
    'name = "cold"\ntag = "bus/boiler/return"\nlow = 10\noff_delay = "2s"',
    'name = "fast"\ntag = "bus/boiler/flow"\nrate = 40\nper = "5s"\nseverity = "info"',
    'name = "gone"\ntag = "bus/boiler/flow"\nstale = "4s"',
    'name = "away"\ndevice_down = "bus/boiler"',
)
OTHERWISE = (WATCHED[0].replace("80", "70"), *WATCHED[1:3], WATCHED[4] + '\ndelay = "1s"')
WORDS = {"alarm:raised": "R", "alarm:acknowledged": "A", "alarm:cleared": "C"}
# Once acknowledged and over, an alarm is another one when it comes again.
LIFE = re.compile(r"R(CR)*(C|A|AC|CA)?")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([FLOW, RETURN]), st.sampled_from([5, 20, 76, 78, 95])),
        st.tuples(st.sampled_from([FLOW, RETURN]), st.sampled_from([Reason.ILLEGAL_ADDRESS, Reason.NO_VALUE])),
        st.tuples(st.just("fail"), st.sampled_from([Reason.NO_ANSWER, Reason.LINK_DOWN])),
        st.tuples(st.just("wait"), st.sampled_from([1.2, 2.5, 6.0])),
        st.tuples(st.just("ack"), st.integers(0, 3)),
        st.tuples(st.just("restart"), st.sampled_from([0.0, 3.0, 100.0])),
        st.tuples(st.just("reload"), st.booleans()),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_what_is_told_of_an_alarm_is_a_life_and_what_stands_was_told(steps: list[tuple[str, object]]) -> None:
    board = Board(settings_with(*WATCHED))

    async def live() -> None:
        left, pause = list(steps), 0.0
        while True:
            async with board.start():
                agree(board)
                while left:
                    what, how = left.pop(0)
                    if what == "restart" and isinstance(how, float):
                        pause = how
                        break
                    await do(board, what, how)
                    agree(board)
                else:
                    return
            await trio.sleep(pause)

    trio.run(live, clock=MockClock(autojump_threshold=0))


async def do(board: Board, what: str, how: object) -> None:
    if isinstance(how, Reason) and what == "fail":
        await board.fail(how)
    elif what == "wait" and isinstance(how, float):
        await trio.sleep(how)
        board.tags.sweep()
        await trio.sleep(SOON)
    elif what == "ack" and isinstance(how, int):
        standing = board.alarms.list()
        if standing:
            found = standing[how % len(standing)].alarm_id
            assert found is not None
            await board.alarms.acknowledge(found, "operator")
    elif what == "reload":
        board.settings = settings_with(*(OTHERWISE if how else WATCHED))
        board.alarms.follow(board.settings)
        await trio.sleep(SOON)
    elif isinstance(how, int | Reason):
        await board.say(what, how)


def agree(board: Board) -> None:
    lives: dict[object, str] = defaultdict(str)
    last: dict[object, dict[str, object]] = {}
    for type_, data in board.told:
        lives[data["alarm_id"]] += WORDS[type_]
        last[data["alarm_id"]] = data
    assert all(LIFE.fullmatch(life) for life in lives.values()), lives
    rows: dict[object, AlarmRow] = {row.alarm_id: row for row in board.alarms.list()}
    assert all(row.frozen is (row.current is None) for row in rows.values() if row.condition != "stale")
    for alarm_id, life in lives.items():
        state = AlarmState.NORMAL
        if life.endswith("R"):
            state = AlarmState.RAISED
        elif life.endswith("C") and "A" not in life:
            state = AlarmState.CLEARED
        elif life.endswith("A") and "CA" not in life:
            state = AlarmState.ACKNOWLEDGED
        forgotten = state is AlarmState.CLEARED and "no longer watched" in str(last[alarm_id]["message"])
        row = rows.pop(alarm_id, None)
        if row is None:
            # What was over when its alarm was taken out of the configuration needs no word.
            assert state in {AlarmState.NORMAL, AlarmState.CLEARED} or forgotten
        else:
            assert (row.state, row.value) == (state, last[alarm_id]["value"])
    assert rows == {}
