"""Earliest deadline first: who is next, what is skipped, and that nobody starves. Pure, on made-up time."""

from __future__ import annotations

import math
import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.lines.schedule import (
    BACKGROUND_PATIENCE_S,
    BEGINNING_PATIENCE_S,
    BEGINNING_PAUSE_S,
    Poll,
    Schedule,
    next_slot,
)


def test_the_earliest_deadline_goes_first_whatever_came_first() -> None:
    schedule: Schedule[Poll] = Schedule()
    slow, fast = Poll(10.0), Poll(0.5)
    schedule.add([slow], 0.0)
    schedule.add([fast], 0.1)
    assert schedule.take(0.2) is fast
    assert schedule.take(0.2) is slow
    assert schedule.take(0.2) is None


def test_among_equal_deadlines_the_higher_rank_goes_first() -> None:
    schedule: Schedule[Poll] = Schedule()
    low, normal, high = Poll(1.0, rank=2), Poll(1.0), Poll(1.0, rank=0)
    schedule.add([low, normal, high], 0.0)
    assert [schedule.take(0.1), schedule.take(0.1), schedule.take(0.1)] == [high, normal, low]


def test_due_times_stay_on_one_grid_and_do_not_drift() -> None:
    schedule: Schedule[Poll] = Schedule()
    poll = Poll(1.0)
    schedule.add([poll], 0.3)
    dues = []
    now = 0.3
    for _ in range(5):
        assert schedule.take(now) is poll
        schedule.done(poll, now + 0.07)
        dues.append(poll.due)
        now = poll.due
    assert dues == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_slots_that_are_over_are_skipped_and_counted() -> None:
    schedule: Schedule[Poll] = Schedule()
    poll = Poll(1.0)
    schedule.add([poll], 0.0)
    assert schedule.take(0.0) is poll
    assert schedule.done(poll, 3.5) == 3
    assert (poll.due, poll.missed) == (4.0, 3)
    assert schedule.take(3.6) is None, "what was missed is not caught up with"


def test_a_background_poll_never_holds_up_a_periodic_one() -> None:
    schedule: Schedule[Poll] = Schedule()
    periodic, background = Poll(1.0, cost=0.1), Poll(None, cost=0.4)
    schedule.add([periodic, background], 0.0)
    assert schedule.take(0.0) is periodic
    schedule.done(periodic, 0.7)
    assert schedule.take(0.7) is None, "it would not be done before the next release at 1.0"
    assert schedule.take(1.0) is periodic
    schedule.done(periodic, 1.1)
    assert schedule.take(1.1) is background


def test_a_background_poll_gets_its_turn_on_a_full_line() -> None:
    schedule: Schedule[Poll] = Schedule()
    periodic, background = Poll(1.0, cost=0.9), Poll(None, cost=0.5)
    schedule.add([periodic, background], 0.0)
    now, served = 0.0, None
    while served is None and now < 100:
        poll = schedule.take(now)
        if poll is background:
            served = now
        elif poll is not None:
            now += 0.95
            schedule.done(poll, now)
        else:
            now = schedule.wake(now)
    assert served is not None
    assert served <= BACKGROUND_PATIENCE_S + 1


def test_what_was_never_read_does_not_wait_for_its_slot_nor_go_before_what_has_one() -> None:
    schedule: Schedule[Poll] = Schedule()
    regular, first, second = Poll(5.0), Poll(2.0), Poll(3.0)
    schedule.add([regular], 9.0)
    assert schedule.take(9.0) is regular
    schedule.done(regular, 9.1)
    schedule.add([second, first], 9.9)
    assert schedule.take(9.95) is first
    schedule.done(first, 10.0)
    assert schedule.take(10.0) is regular, "its deadline is the latest, but it has a slot"
    schedule.done(regular, 10.1)
    assert schedule.take(10.1) is second
    schedule.done(second, 10.2)
    assert (first.due, second.due, schedule.take(10.2)) == (12.0, 12.0, None)


def test_a_line_without_time_to_spare_reads_everything_once_all_the_same() -> None:
    """Polls of an hour would wait for two hours there, and their tags be called not yet read so long."""
    schedule: Schedule[Poll] = Schedule()
    fast, slow = [Poll(0.01) for _ in range(3)], [Poll(3600.0 * number) for number in range(1, 21)]
    schedule.add([*slow, *fast], 5.0)
    now, read = 5.0, dict.fromkeys([*fast, *slow], 0)
    first: list[float] = []
    while now < 5.0 + BEGINNING_PATIENCE_S + 22 * (BEGINNING_PAUSE_S + 0.1):
        poll = schedule.take(now)
        assert poll is not None
        read[poll] += 1
        if poll in slow:
            first.append(now)
        now += 0.1
        schedule.done(poll, now)
    assert [read[poll] for poll in slow] == [1] * 20
    assert first[0] >= 5.0 + BEGINNING_PATIENCE_S
    assert min(later - sooner for sooner, later in pairwise(first)) >= BEGINNING_PAUSE_S
    assert min(read[poll] for poll in fast) > 100


def test_held_polls_are_out_until_they_are_added_again() -> None:
    schedule: Schedule[Poll] = Schedule()
    poll = Poll(1.0)
    schedule.add([poll], 0.0)
    schedule.hold([poll])
    assert schedule.take(5.0) is None
    assert schedule.wake(5.0) == math.inf
    schedule.add([poll], 6.0)
    assert schedule.take(6.0) is poll


def test_a_hurried_poll_is_due_now_and_keeps_its_grid() -> None:
    schedule: Schedule[Poll] = Schedule()
    poll = Poll(10.0)
    schedule.add([poll], 0.0)
    assert schedule.take(0.0) is poll
    schedule.done(poll, 0.1)
    schedule.hurry(poll, 3.0)
    soon = Poll(0.5)
    schedule.add([soon], 2.6)
    schedule.hurry(poll, 3.0)
    assert schedule.take(3.0) is poll, "somebody waits for it"
    schedule.done(poll, 3.1)
    assert poll.due == 10.0
    assert schedule.take(3.1) is soon
    assert schedule.take(3.1) is None


def test_what_nobody_waits_for_is_advanced_at_nobodys_cost() -> None:
    schedule: Schedule[Poll] = Schedule()
    slow, soon = Poll(10.0, 0.2), Poll(1.0, 0.2)
    schedule.add([slow, soon], 0.0)
    for _ in range(2):
        first = schedule.take(0.0)
        assert first is not None
        schedule.done(first, 0.2)
    schedule.advance(slow, 1.5)
    assert schedule.take(1.5) is slow, "there is time for both"
    schedule.done(slow, 1.6)
    schedule.advance(slow, 1.75)
    assert schedule.take(1.75) is soon, "it would have been late"
    schedule.done(soon, 1.95)
    assert soon.missed == 0
    assert schedule.take(1.95) is slow
    schedule.done(slow, 2.1)
    assert slow.due == 10.0, "it keeps its grid"


def test_a_background_poll_that_is_advanced_is_read_in_the_end() -> None:
    schedule: Schedule[Poll] = Schedule()
    background, busy = Poll(None, 0.5), Poll(0.5, 0.4)
    schedule.add([background, busy], 0.0)
    now, seen = 0.0, 0
    for number in range(200):
        poll = schedule.take(now)
        now += 0.05 if poll is None else poll.cost
        if poll is not None:
            schedule.done(poll, now)
            seen += poll is background and number > 10
        if number == 10:
            schedule.advance(background, now)
    assert seen


@given(st.floats(0, 1e7), st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 1.0, 7.0, 60.0]))
def test_the_next_slot_is_ahead_and_at_most_one_period_away(moment: float, period: float) -> None:
    slot = next_slot(moment, period)
    assert moment < slot <= moment + period * 1.01
    assert math.isclose(slot / period, round(slot / period), abs_tol=1e-6)


Periods = st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0]), min_size=1, max_size=12)


@given(Periods, st.floats(0.05, 0.95))
def test_a_feasible_set_never_misses_and_the_bound_of_check_holds(periods: list[float], load: float) -> None:
    """Deadlines hold when demand plus the longest exchange fit: exchanges cannot be interrupted."""
    cost = load / sum(1 / period for period in periods)
    polls = [Poll(period, cost) for period in periods]
    schedule: Schedule[Poll] = Schedule()
    schedule.add(polls, 0.0)
    fits = all(
        cost + sum(cost * math.floor(window / poll.period) for poll in polls if poll.period) <= window
        for window in sorted(set(periods))
    )
    now = 0.0
    while now < 30.0:
        poll = schedule.take(now)
        if poll is None:
            now = schedule.wake(now)
            continue
        now += cost
        schedule.done(poll, now)
    if fits and load < 0.9:
        assert sum(poll.missed for poll in polls) == 0
    # Even overloaded, nobody starves.
    assert all(poll.due > 5.0 for poll in polls)


def test_slack_counts_all_the_work_before_a_deadline() -> None:
    schedule: Schedule[Poll] = Schedule()
    schedule.add([Poll(1.0, cost=0.2), Poll(1.0, cost=0.3), Poll(5.0, cost=0.1)], 0.0)
    assert math.isclose(schedule.slack(1.0), 0.5), "from their first slots on: nothing was promised before"


def test_what_is_hurried_takes_of_the_slack_before_all_deadlines() -> None:
    schedule: Schedule[Poll] = Schedule()
    soon, late = Poll(1.0, cost=0.2), Poll(60.0, cost=0.3)
    schedule.add([soon, late], 0.0)
    while (poll := schedule.take(0.0)) is not None:
        schedule.done(poll, 0.0)
    assert math.isclose(schedule.slack(1.0), 0.8)
    schedule.hurry(late, 1.0)
    assert math.isclose(schedule.slack(1.0), 0.5), "it goes first, however far its own deadline is"


def test_deadlines_that_are_over_do_not_go_before_those_that_can_be_kept() -> None:
    schedule: Schedule[Poll] = Schedule()
    lost, kept = Poll(2.0), Poll(1.0)
    schedule.add([lost, kept], 0.0)
    schedule.hold([lost])
    assert schedule.resume(lost, 1.5) == 0
    assert lost.deadline == 2.0, "what is still ahead stands"
    schedule.hold([lost])
    schedule.take(4.5)
    schedule.done(kept, 4.5)
    assert schedule.resume(lost, 5.1) == 2
    assert schedule.take(5.1) is kept
    assert lost.missed == 2


def test_reads_on_demand_leave_nothing_behind() -> None:
    """A poll of once a day is asked for again and again: the schedule must not grow until midnight."""
    schedule: Schedule[Poll] = Schedule()
    daily = Poll(86400.0, 0.01)
    schedule.add([daily], 0.0)
    now = 1.0
    tracemalloc.start()
    for _ in range(10_000):
        schedule.hurry(daily, now)
        assert schedule.take(now) is daily
        schedule.done(daily, now)
        now += 0.01
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 100_000
