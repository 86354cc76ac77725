"""Reading the log over HTTP takes turns: whoever asks for all of it over and over does so in a part of the time."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import trio
from trio.testing import MockClock

from gateway.api.rest.happenings import stretch
from gateway.core.events import Event
from gateway.core.principal import Kind, Principal
from gateway.core.turns import BURST_S, SHARE, Turns
from gateway.webhooks.replaying import count_replayed
from tests.gateway.webhooks.conftest import FakeLog

READ_S = 0.1
WHO = Principal("panel", frozenset({"*"}), Kind.CLIENT, "t")


class SlowLog(FakeLog):
    """Takes its time for each page, and counts them."""

    async def after(self, sequence: int, limit: int) -> list[Event]:
        await trio.sleep(READ_S)
        return await super().after(sequence, limit)

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
        await trio.sleep(READ_S)
        return await super().between(start, end, after, limit)


def log() -> SlowLog:
    made = SlowLog()
    made.add(*(Event(f"id-{n}", "gw", n, "user:action", float(n), "synchronised", {}) for n in range(1, 1001)))
    return made


async def test_pages_of_the_log(autojump_clock: MockClock) -> None:
    events, turns = log(), Turns()
    with trio.move_on_after(100):
        while True:
            found = await stretch(events, turns, WHO, after=0, limit=100, wanted="nothing:at:all", place="type")
            assert found.events == []
    assert events.reads * READ_S <= BURST_S + 100 * SHARE + READ_S


async def test_counting_what_is_to_be_delivered_again(autojump_clock: MockClock) -> None:
    events, turn = log(), partial(Turns().turn, WHO)
    with trio.move_on_after(100):
        while True:
            assert await count_replayed(events, 0.0, 2000.0, 10**6, lambda _: False, turn=turn) == (0, 1000)
    assert events.reads * READ_S <= BURST_S + 100 * SHARE + READ_S
    # The same without turns would be read all the time.
    events = log()
    with trio.move_on_after(100):
        while True:
            await count_replayed(events, 0.0, 2000.0, 10**6, lambda _: False, turn=lambda: nullcontext(lambda _: None))
    assert events.reads * READ_S > 90
