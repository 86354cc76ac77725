"""What tags said last is there after a restart."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.core.tags import Tag

from .conftest import TEN, Opener, World
from .recording import Recording


async def test_last_values_are_back_after_a_restart_but_never_as_current(
    opened: Opener, world: World, autojump_clock: MockClock
) -> None:
    async with opened() as storage, trio.open_nursery() as nursery:
        recording = Recording(world, storage, Tag("l/d/t", "float32"), Tag("l/d/was", "int16"))
        await nursery.start(recording.run)
        recording.say(21.5)
        recording.say(3, "l/d/was")
        await trio.sleep(1.0)
        nursery.cancel_scope.cancel()
    await trio.sleep(500.0)
    async with opened() as storage:
        recording = Recording(world, storage, Tag("l/d/t", "float32"), Tag("l/d/was", "float32"))
        await storage.restore(recording.tags)
        reading = recording.tags.read("l/d/t")
        assert reading is not None
        assert reading.sample is not None
        assert (reading.value, reading.quality, reading.last_value) == (None, "bad", 21.5)
        assert reading.sample.wall == pytest.approx(TEN, abs=0.01)
        assert world.monotonic() - reading.sample.acquired == pytest.approx(501.0, abs=0.01)
        other = recording.tags.read("l/d/was")
        assert other is not None
        assert other.last_value is None
