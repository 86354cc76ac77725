"""Who publishes never waits; who is too slow is cut, and told."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.bus import Bus, Cut


async def test_every_subscriber_gets_every_item_in_order() -> None:
    bus: Bus[int] = Bus()
    with bus.subscribe() as one, bus.subscribe() as other:
        for item in range(5):
            bus.publish(item)
        assert [await one.receive() for _ in range(5)] == [0, 1, 2, 3, 4]
        assert [await other.receive() for _ in range(5)] == [0, 1, 2, 3, 4]
        assert one.receive_nowait() is None


async def test_nothing_from_before_the_subscription_is_heard() -> None:
    bus: Bus[int] = Bus()
    bus.publish(1)
    assert not bus.listened_to
    with bus.subscribe() as late:
        assert bus.listened_to
        assert late.receive_nowait() is None
    assert not bus.listened_to


async def test_a_slow_subscriber_gets_what_was_queued_and_then_is_cut() -> None:
    bus: Bus[int] = Bus()
    with bus.subscribe(2) as slow, bus.subscribe(8) as quick:
        for item in range(4):
            bus.publish(item)
        assert (slow.cut, quick.cut, bus.cuts) == (True, False, 1)
        assert [await slow.receive(), await slow.receive()] == [0, 1]
        with pytest.raises(Cut):
            await slow.receive()
        with pytest.raises(Cut):
            slow.receive_nowait()
        assert [await quick.receive() for _ in range(4)] == [0, 1, 2, 3]
    assert not bus.listened_to


async def test_a_waiting_subscriber_wakes_for_an_item(autojump_clock: trio.testing.MockClock) -> None:
    bus: Bus[str] = Bus()
    heard: list[str] = []
    with bus.subscribe() as subscription:

        async def listen() -> None:
            heard.append(await subscription.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.sleep(1)
            assert not heard
            bus.publish("now")
    assert heard == ["now"]


async def test_leaving_twice_or_after_a_cut_is_no_error() -> None:
    bus: Bus[int] = Bus()
    with bus.subscribe(1) as slow:
        bus.publish(1)
        bus.publish(2)
        assert slow.cut
    bus.publish(3)
    assert (bus.published, bus.cuts) == (3, 1)


@given(st.lists(st.sampled_from(["publish", "take"]), max_size=60), st.integers(1, 5))
def test_a_subscriber_sees_an_unbroken_beginning_or_everything(steps: list[str], size: int) -> None:
    bus: Bus[int] = Bus()
    seen: list[int] = []
    published = 0
    with bus.subscribe(size) as subscription:
        for step in steps:
            if step == "publish":
                bus.publish(published)
                published += 1
                continue
            try:
                item = subscription.receive_nowait()
            except Cut:
                break
            if item is not None:
                seen.append(item)
        assert seen == list(range(len(seen)))
        if not subscription.cut:
            while (item := subscription.receive_nowait()) is not None:
                seen.append(item)
            assert seen == list(range(published))
