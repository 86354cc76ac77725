"""Resuming: whatever a client missed comes once and in order, or it is told that it does not."""

from __future__ import annotations

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.api.live.recent import MOST
from gateway.core.turns import BURST_S, SHARE
from gateway.settings.model import LimitSettings
from tests.gateway.api.live.stage import WANTED, Line, Listener, Stage, on_stage

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["kept", "other", "told", "lazy"]), st.integers(1, 5)),
        st.tuples(st.just("kept"), st.integers(60, 70)),
        st.tuples(st.just("told"), st.just(MOST + 50)),
        st.tuples(st.just("log"), st.just(0)),
        st.tuples(st.just("pass"), st.integers(1, 6)),
        st.tuples(st.just("rest"), st.just(0)),
        st.tuples(st.sampled_from(["come", "come slowly", "go"]), st.just(0)),
    ),
    max_size=40,
)


async def act(stage: Stage, listener: Listener, step: tuple[str, int]) -> list[int]:
    """Do a step; the numbers of wanted events that are to be kept by it."""
    what, count = step
    made = []
    for _ in range(count):
        if what == "kept":
            made.append(stage.announce(WANTED).sequence)
        elif what == "other":
            stage.announce("device:up", {})
        elif what == "told":
            stage.announce(WANTED, kept=False)
        elif what == "lazy":
            event = stage.announce(WANTED, kept=False)
            stage.lazy.append(event)
            made.append(event.sequence)
        elif what == "pass":
            await trio.lowlevel.checkpoint()
    if what == "log":
        stage.log.keep(*stage.lazy)
        stage.lazy.clear()
    elif what == "rest":
        await wait_all_tasks_blocked()
    elif what.startswith("come"):
        listener.come(at_once=what == "come")
    elif what == "go":
        listener.go()
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS, again=st.integers(0, 700), page=st.sampled_from([1000, 5]))
def test_every_kept_event_comes_once_and_in_order_wherever_the_connection_is_cut(
    steps: list[tuple[str, int]], again: int, page: int
) -> None:
    async def play(stage: Stage) -> None:
        stage.limits = LimitSettings(event_queue=10_000)
        stage.log.page = page
        listener = Listener(stage, stage.token())
        kept = []
        for step in steps:
            kept += await act(stage, listener, step)
        # Whatever is still missing comes in the end.
        await wait_all_tasks_blocked()
        listener.go()
        listener.come(at_once=True)
        await wait_all_tasks_blocked()
        listener.go()
        assert listener.complete
        assert listener.got == sorted(set(listener.got))
        assert set(kept) <= set(listener.got)
        # And from any other number on, for somebody who comes for the first time.
        other = Listener(stage, stage.token())
        other.last = min(again, stage.number)
        other.come(at_once=True)
        await wait_all_tasks_blocked()
        other.go()
        assert other.got == sorted(set(other.got))
        assert set(other.got) >= {number for number in kept if number > min(again, stage.number)}
        assert all(number > min(again, stage.number) for number in other.got)

    on_stage(play)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=st.integers(0, 150), since=st.integers(0, 150), during=st.integers(0, 150), slow=st.booleans())
def test_what_is_subscribed_to_later_is_resumed_without_what_had_come_already(
    before: int, since: int, during: int, *, slow: bool
) -> None:
    async def play(stage: Stage) -> None:
        stage.limits = LimitSettings(event_queue=10_000)
        line = Line(stage.live, stage.nursery, stage.token())
        line.takes_at_once = not slow
        line.say("subscribe", patterns=["alarm:*"])
        await wait_all_tasks_blocked()

        def tell(count: int) -> None:
            for _ in range(count):
                stage.announce(("alarm:raised", "device:up", "line:up")[stage.number % 3], {})

        tell(before)
        await wait_all_tasks_blocked()
        line.say("subscribe", patterns=["device:*", "alarm:raised"], resume_from=min(since, before))
        for _ in range(during):
            tell(1)
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked()
        tell(3)
        await wait_all_tasks_blocked()
        expected = {
            event.sequence
            for event in stage.log.events
            if event.type == "alarm:raised" or (event.type == "device:up" and event.sequence > min(since, before))
        }
        assert len(line.events) == len(set(line.events))
        assert set(line.events) == expected

    on_stage(play)


async def resumed(stage: Stage, since: int) -> tuple[bool, list[int]]:
    line = Line(stage.live, stage.nursery, stage.token())
    line.say("subscribe", patterns=[WANTED], resume_from=since)
    await wait_all_tasks_blocked()
    assert line.took[0]["resumed"]["from"] == since
    complete: bool = line.took[0]["resumed"]["complete"]
    found = line.events
    line.cut()
    return complete, found


async def overwhelmed(stage: Stage) -> None:
    """So much happened that only the log knows of what came first."""
    for _ in range(5):
        stage.announce(WANTED)
    for _ in range(MOST):
        stage.announce("tag:changed", {}, kept=False)
        if stage.number % 100 == 0:
            await wait_all_tasks_blocked()
    await wait_all_tasks_blocked()


async def test_what_the_log_no_longer_has_is_not_said_to_be_complete(stage: Stage) -> None:
    await overwhelmed(stage)
    assert await resumed(stage, 0) == (True, [1, 2, 3, 4, 5])
    stage.log.forget(2)
    assert await resumed(stage, 0) == (False, [3, 4, 5])
    assert await resumed(stage, 1) == (False, [3, 4, 5])
    assert await resumed(stage, 2) == (True, [3, 4, 5])


async def test_a_number_that_was_never_given_out_is_of_another_gateway(stage: Stage) -> None:
    stage.announce(WANTED)
    await wait_all_tasks_blocked()
    assert await resumed(stage, 1) == (True, [])
    assert await resumed(stage, 2) == (False, [])


async def test_without_the_disk_what_is_in_memory_comes_and_what_is_missing_is_said(stage: Stage) -> None:
    await overwhelmed(stage)
    late = stage.announce(WANTED).sequence
    await wait_all_tasks_blocked()
    stage.log.broken = True
    assert await resumed(stage, late - 1) == (True, [late])
    assert await resumed(stage, 0) == (False, [late])


async def test_a_disk_that_fails_in_the_middle_ends_what_was_said_to_be_complete(stage: Stage) -> None:
    for _ in range(200):
        stage.announce(WANTED)
    await overwhelmed(stage)
    line = Line(stage.live, stage.nursery, stage.token())
    line.takes_at_once = False
    line.say("subscribe", patterns=[WANTED], resume_from=0)
    while not line.events:
        await trio.lowlevel.checkpoint()
    stage.log.broken = True
    await wait_all_tasks_blocked()
    assert line.took[0]["resumed"]["complete"]
    assert line.closed == 4408
    assert line.events == list(range(1, len(line.events) + 1))


async def test_a_resumption_that_nobody_reads_holds_a_page_and_no_more(stage: Stage) -> None:
    for _ in range(400):
        stage.announce(WANTED, {"text": "x" * 1000})
    await overwhelmed(stage)
    line = Line(stage.live, stage.nursery, stage.token())
    await wait_all_tasks_blocked()
    line.block()
    line.say("subscribe", patterns=[WANTED], resume_from=0)
    await wait_all_tasks_blocked()
    assert stage.log.reads == 1
    line.cut()
    await wait_all_tasks_blocked()
    # For one that is gone the rest is not read either.
    assert stage.log.reads == 1


async def test_what_was_told_and_is_not_logged_yet_is_not_forgotten(stage: Stage) -> None:
    early = stage.announce(WANTED, kept=False)
    stage.lazy.append(early)
    late = stage.announce(WANTED)
    await overwhelmed(stage)
    complete, found = await resumed(stage, 0)
    assert complete
    assert found == [early.sequence, late.sequence, *range(3, 8)]


async def test_more_than_is_remembered_may_happen_while_a_client_takes_what_it_missed(stage: Stage) -> None:
    for _ in range(10):
        stage.announce(WANTED)
    line = Line(stage.live, stage.nursery, stage.token())
    await wait_all_tasks_blocked()
    line.block()
    line.say("subscribe", patterns=[WANTED], resume_from=0)
    await wait_all_tasks_blocked()
    for _ in range(MOST + 100):
        stage.announce(WANTED)
    await wait_all_tasks_blocked()
    line.take()
    await wait_all_tasks_blocked()
    assert line.events == [event.sequence for event in stage.log.events]


async def test_who_was_away_for_a_moment_needs_no_disk(stage: Stage) -> None:
    await overwhelmed(stage)
    late = stage.announce(WANTED).sequence
    await wait_all_tasks_blocked()
    before = stage.log.reads
    assert await resumed(stage, late - 50) == (True, [late])
    assert stage.log.reads == before


async def test_the_whole_log_over_and_over_takes_a_small_part_of_the_time(
    autojump_clock: MockClock, stage: Stage
) -> None:
    """With a filter that matches nothing it costs the client not a byte."""
    stage.log.cost = 0.1
    for _ in range(1000):
        stage.announce(WANTED)
    await overwhelmed(stage)
    greedy = stage.token("*")
    lines = [Line(stage.live, stage.nursery, greedy) for _ in range(10)]
    for line in lines:
        for _ in range(30):
            line.say("subscribe", patterns=["*"], filter={"alarm_id": ["there is none"]}, resume_from=0)
    await trio.sleep(300)
    assert BURST_S + 300 * SHARE * 0.8 <= stage.log.reads * stage.log.cost <= BURST_S + 300 * SHARE + 1
    # Another one comes as if there were nobody else.
    modest = Line(stage.live, stage.nursery, stage.token())
    modest.say("subscribe", patterns=[WANTED], resume_from=0)
    await trio.sleep(20 * stage.log.cost * 2)
    assert len(modest.events) == 1005
    for line in (*lines, modest):
        line.cut()


class Costly(dict[str, object]):
    """Data of an event that takes a filter a hundredth of a second to look at.

    Attributes:
        looks: how often that was.
    """

    looks = 0

    def __init__(self, clock: MockClock) -> None:
        super().__init__(alarm_id="a1")
        self._clock = clock

    def __contains__(self, name: object) -> bool:
        Costly.looks += 1
        self._clock.jump(0.01)
        return super().__contains__(name)


NOTHING = {"patterns": [WANTED], "filter": {"alarm_id": ["there is none"]}, "resume_from": 0}


async def test_a_filter_that_takes_long_holds_nobody_up(autojump_clock: MockClock, stage: Stage) -> None:
    for _ in range(50):
        stage.announce(WANTED, Costly(autojump_clock))
    await overwhelmed(stage)
    line = Line(stage.live, stage.nursery, stage.token())
    line.say("subscribe", **NOTHING)
    before = Costly.looks
    longest, last = 0.0, trio.current_time()
    while Costly.looks - before < 50:
        await trio.sleep(0.001)
        longest, last = max(longest, trio.current_time() - last), trio.current_time()
    assert longest < 0.03
    line.cut()


async def test_looking_through_the_log_is_part_of_a_turn_at_it(autojump_clock: MockClock, stage: Stage) -> None:
    for _ in range(300):
        stage.announce(WANTED, Costly(autojump_clock))
    await overwhelmed(stage)
    line = Line(stage.live, stage.nursery, stage.token())
    for _ in range(30):
        line.say("subscribe", **NOTHING)
    before = Costly.looks
    await trio.sleep(100)
    assert BURST_S <= (Costly.looks - before) * 0.01 <= BURST_S + 100 * SHARE + 1
    line.cut()


async def test_who_goes_while_waiting_for_a_turn_is_read_nothing(autojump_clock: MockClock, stage: Stage) -> None:
    stage.log.cost = 0.1
    await overwhelmed(stage)
    token = stage.token()
    lines = [Line(stage.live, stage.nursery, token) for _ in range(5)]
    for line in lines:
        line.say("subscribe", patterns=[WANTED], resume_from=0)
    await trio.sleep(0.05)
    for line in lines:
        line.cut()
    await trio.sleep(5)
    assert stage.log.reads == 1
