"""Passes of the run loop stay short, however many have something for us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.api.asgi import Receive, Scope, Send
from gateway.api.server.turns import Turns
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig
from tests.gateway.api.wire import Wire

GET = b"GET /api/v1/health HTTP/1.1\r\nHost: board\r\n\r\n"


class Passes(trio.abc.Instrument):
    """Counts what happens in each pass."""

    def __init__(self) -> None:
        self.done = [0]

    def after_io_wait(self, timeout: float) -> None:
        self.done.append(0)

    def note(self) -> None:
        self.done[-1] += 1


@pytest.fixture
async def passes() -> AsyncIterator[Passes]:
    found = Passes()
    trio.lowlevel.add_instrument(found)
    yield found
    trio.lowlevel.remove_instrument(found)


async def test_of_many_who_come_at_once_two_are_served_in_a_pass(passes: Passes) -> None:
    turns, served = Turns(2), []

    async def come(number: int) -> None:
        await turns.take()
        passes.note()
        served.append(number)

    async with turns.given():
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            for number in range(9):
                nursery.start_soon(come, number)
    assert max(passes.done) == 2
    assert sorted(served) == list(range(9))


async def test_who_has_come_first_goes_first() -> None:
    turns, served = Turns(1), []

    async def come(number: int) -> None:
        await turns.take()
        served.append(number)

    async with trio.open_nursery() as nursery:
        await turns.take()
        for number in range(5):
            nursery.start_soon(come, number)
            await trio.testing.wait_all_tasks_blocked()
        async with turns.given():
            await trio.testing.wait_all_tasks_blocked()
    assert served == list(range(5))


async def test_who_comes_alone_does_not_wait() -> None:
    turns = Turns(1)
    async with turns.given():
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(3):
            with trio.CancelScope() as scope:
                scope.cancel()
                await turns.take()
                # Nobody who waits gets here.
            assert not scope.cancelled_caught
            await trio.lowlevel.checkpoint()


async def test_who_leaves_the_queue_holds_up_nobody() -> None:
    turns, served = Turns(1), []

    async def come(number: int) -> None:
        await turns.take()
        served.append(number)

    async with turns.given(), trio.open_nursery() as nursery:
        await turns.take()
        with trio.move_on_after(0):
            await turns.take()
        nursery.start_soon(come, 1)
        nursery.start_soon(come, 2)
        await trio.testing.wait_all_tasks_blocked()
        await turns.take()
    assert sorted(served) == [1, 2]


@pytest.mark.parametrize("callers", [1, 20])
async def test_requests_that_come_together_are_answered_over_many_passes(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock, passes: Passes, callers: int
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passes.note()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    wire = Wire(rig, nursery, LimitSettings(), app)
    for _ in range(callers):
        stream = await wire.call()
        nursery.start_soon(stream.send_all, GET * 100)
    await trio.testing.wait_all_tasks_blocked()
    assert sum(passes.done) == callers * 100
    # Those whose requests have come in this very pass begin at once.
    assert max(passes.done) <= 2 + callers
    nursery.cancel_scope.cancel()


async def test_of_a_caller_that_has_left_no_more_requests_are_answered(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    answered = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal answered
        answered += 1
        if answered == 3:
            await trio.aclose_forcefully(stream)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    wire = Wire(rig, nursery, LimitSettings(), app)
    stream = await wire.call()
    with suppress(trio.ClosedResourceError):
        await stream.send_all(GET * 100)
    await trio.testing.wait_all_tasks_blocked()
    assert answered == 3
    assert len(wire.server.connections) == 0
