"""Turns at the log: a share of the time for each, less than all of it for all, and no queue behind one alone."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.principal import Kind, Principal
from gateway.core.turns import BURST_OF_ALL_S, BURST_S, SHARE, SHARE_OF_ALL, Turns

PAGE_S = 0.1


def agent(name: str, made: str = "t") -> Principal:
    return Principal(name, frozenset({"*"}), Kind.AGENT, made)


async def read_on(turns: Turns, who: Principal, read: list[float]) -> None:
    """Read page after page, for ever."""
    while True:
        async with turns.turn(who):
            await trio.sleep(PAGE_S)
        read.append(trio.current_time())


async def test_who_reads_all_the_time_gets_a_small_share_of_it(autojump_clock: MockClock) -> None:
    turns, read = Turns(), list[float]()
    with trio.move_on_after(200):
        await read_on(turns, agent("greedy"), read)
    assert len(read) * PAGE_S == pytest.approx(BURST_S + 200 * SHARE, rel=0.1)


async def test_more_connections_and_more_tokens_are_no_more_turns(autojump_clock: MockClock) -> None:
    turns, read = Turns(), list[float]()
    with trio.move_on_after(100):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(read_on, turns, agent("greedy", f"t{number}"), read)
    assert len(read) * PAGE_S <= BURST_S + 100 * SHARE + 20 * PAGE_S


async def test_all_together_leave_time_for_the_rest(autojump_clock: MockClock) -> None:
    turns, read = Turns(), list[float]()
    with trio.move_on_after(200):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(read_on, turns, agent(f"greedy-{number}"), read)
    assert len(read) * PAGE_S == pytest.approx(BURST_OF_ALL_S + 200 * SHARE_OF_ALL, rel=0.1)


async def test_who_comes_seldom_waits_for_a_page_of_another_and_no_more(autojump_clock: MockClock) -> None:
    turns, read = Turns(), list[float]()
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(read_on, turns, agent("greedy", f"t{number}"), read)
        for _ in range(50):
            await trio.sleep(7)
            began = trio.current_time()
            async with turns.turn(agent("modest")):
                assert trio.current_time() - began <= PAGE_S
                await trio.sleep(PAGE_S)
        nursery.cancel_scope.cancel()


async def test_a_disk_that_hangs_is_held_against_nobody(autojump_clock: MockClock) -> None:
    turns = Turns()
    async with turns.turn(agent("unlucky")):
        await trio.sleep(600)
    began = trio.current_time()
    async with turns.turn(agent("unlucky")):
        assert trio.current_time() == began


async def test_who_gives_up_while_waiting_holds_up_nobody(autojump_clock: MockClock) -> None:
    turns = Turns()
    with trio.move_on_after(100):
        await read_on(turns, agent("greedy"), [])
    began = trio.current_time()
    async with turns.turn(agent("modest")):
        assert trio.current_time() == began


async def test_accounts_are_forgotten_when_they_have_used_up_nothing(autojump_clock: MockClock) -> None:
    turns = Turns()
    for number in range(1500):
        async with turns.turn(Principal("operator", frozenset(), Kind.OPERATOR, f"token-{number}")):
            await trio.sleep(PAGE_S)
    assert len(turns) <= 1000
