"""Work in a thread that hangs must not keep its caller, and what it makes in the end must not leak."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from drivers.ports.abandon import in_thread


class Slow:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.discarded: list[str] = []

    def work(self) -> str:
        self.go_on.wait(10)
        return "port"

    def discard(self, made: str) -> None:
        self.discarded.append(made)
        self.ended.set()


async def test_what_is_waited_for_is_handed_over() -> None:
    slow = Slow()
    slow.go_on.set()
    assert await in_thread(slow.work, slow.discard) == "port"
    assert slow.discarded == []


async def test_a_caller_leaves_at_once_and_what_is_made_later_is_discarded() -> None:
    slow = Slow()
    with trio.move_on_after(0.01) as patience:
        await in_thread(slow.work, slow.discard)
    assert patience.cancelled_caught
    assert slow.discarded == []
    slow.go_on.set()
    assert await trio.to_thread.run_sync(slow.ended.wait, 10)
    assert slow.discarded == ["port"]


async def test_what_is_made_while_the_caller_leaves_is_discarded_once() -> None:
    for _ in range(100):
        slow = Slow()
        taken: list[str] = []

        async def take(slow: Slow = slow, taken: list[str] = taken) -> None:
            taken.append(await in_thread(slow.work, slow.discard))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await trio.testing.wait_all_tasks_blocked()
            slow.go_on.set()
            nursery.cancel_scope.cancel()
        if not taken:
            assert await trio.to_thread.run_sync(slow.ended.wait, 10)
        assert slow.discarded == ([] if taken else ["port"])


async def test_many_that_hang_leave_threads_to_everybody_else() -> None:
    hanging = [Slow() for _ in range(int(trio.to_thread.current_default_thread_limiter().total_tokens))]
    for slow in hanging:
        with trio.move_on_after(0.001):
            await in_thread(slow.work, slow.discard)
    with trio.fail_after(5):
        assert await trio.to_thread.run_sync(int) == 0
    for slow in hanging:
        slow.go_on.set()


async def test_a_failure_is_the_callers() -> None:
    def fail() -> str:
        raise OSError("no such adapter")

    with pytest.raises(OSError, match="no such adapter"):
        await in_thread(fail, lambda _made: None)
