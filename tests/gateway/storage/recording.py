"""Feeds a store with what tags say, and reads it back."""

from __future__ import annotations

import trio

from gateway.core.ports import HistorySample
from gateway.core.reading import Reason, Value
from gateway.core.tags import Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.storage import Storage

from .conftest import TEN, World

HOUR, DAY = 3600.0, 86400.0


class Recording:
    """Feeds a store with what a tag says, on the test's clock."""

    def __init__(self, world: World, storage: Storage, *tags: Tag) -> None:
        self.world = world
        self.storage = storage
        self.timeline: Timeline = world.timeline()
        self.tags: TagStore = world.tags(self.timeline, *(tags or (Tag("l/d/t", "float32", stale_after=1e9),)))

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.storage.record, self.tags, self.timeline)
            await trio.testing.wait_all_tasks_blocked()
            task_status.started()

    def say(self, value: Value | Reason, name: str = "l/d/t") -> None:
        cell = self.tags.cell(name)
        assert cell is not None
        self.tags.apply([cell], [value], self.world.monotonic())

    async def ask(
        self, resolution: float | None = None, limit: int = 100_000, name: str = "l/d/t"
    ) -> list[HistorySample]:
        now = self.world.wall()
        return await self.storage.history.samples(name, now - 400 * DAY, now + 1.0, resolution, limit)


def values(samples: list[HistorySample]) -> list[Value | None]:
    return [sample.value for sample in samples]


def points(samples: list[HistorySample]) -> list[tuple[float, Value | None, str]]:
    return [(round(sample.time - TEN, 3), sample.value, sample.quality) for sample in samples]
