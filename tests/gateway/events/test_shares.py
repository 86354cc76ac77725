"""The share of the log that each owner may fill."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.ports import FactStore
from gateway.events.shares import FACT, Shares
from tests.gateway.agents.board import Facts

NOON = 1_800_000_000.0
WEEK = 604_800.0


def shares(facts: FactStore, ahead: float = 0.0, allowance: int = 1000) -> Shares:
    return Shares(2 * allowance, WEEK / 2, facts, lambda: NOON + trio.current_time() + ahead)


async def test_each_has_its_own_and_is_told_when_there_is_enough_again(autojump_clock: MockClock) -> None:
    kept = shares(Facts())
    assert [kept.take("a", 400) for _ in range(2)] == [0.0, 0.0]
    wait = kept.take("a", 300)
    assert wait == pytest.approx(WEEK / 10)
    # What was refused used nothing up, and what others do is their own affair.
    assert kept.take("a", 200) == 0.0
    assert kept.take("b", 1000) == 0.0
    await trio.sleep(wait)
    assert kept.take("a", 300) > 0.0
    await trio.sleep(kept.take("a", 300) + 0.001)
    assert kept.take("a", 300) == 0.0


async def test_whatever_one_owner_does_others_have_a_quarter_of_the_log(autojump_clock: MockClock) -> None:
    kept = Shares(10_000, WEEK, Facts(), trio.current_time)
    end, taken = trio.current_time() + WEEK, 0
    while trio.current_time() < end:
        wait = kept.take("a", 10)
        if wait:
            await trio.sleep(wait)
        else:
            taken += 10
    assert 7400 < taken <= 7500


async def test_what_was_not_used_after_all_can_be_used(autojump_clock: MockClock) -> None:
    kept = shares(Facts())
    assert kept.take("a", 1000) == 0.0
    kept.give_back("a", 1000)
    assert kept.take("a", 1000) == 0.0


async def test_a_restart_gives_back_what_time_has_and_no_more(autojump_clock: MockClock) -> None:
    facts = Facts()
    before = shares(facts)
    before.take("a", 900)
    before.keep()
    assert shares(facts).take("a", 200) > 0.0
    assert shares(facts, ahead=WEEK / 2).take("a", 500) == 0.0
    # A clock that went back gives nothing back.
    assert shares(facts, ahead=-WEEK).take("a", 200) > 0.0


@pytest.mark.parametrize("value", [7, ["x", 1], [1], {"used": 1}, [-5, 0]])
async def test_what_is_no_share_is_none(value: object, autojump_clock: MockClock) -> None:
    facts = Facts()
    facts.kinds[FACT] = {"a": value}  # type: ignore[dict-item]  # some of it is none
    assert shares(facts).take("a", 1000) == 0.0


async def test_small_things_are_not_written_and_who_uses_nothing_is_forgotten(autojump_clock: MockClock) -> None:
    facts = Facts()
    kept = shares(facts, allowance=100_000)
    for _ in range(50):
        kept.take("a", 100)
        kept.keep()
    assert len(facts.writes) <= 6
    await trio.sleep(WEEK)
    kept.keep()
    assert facts.recall(FACT) == {}
