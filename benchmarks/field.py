"""Field sides of any size for measurements: settings, a fact store that keeps nothing, whole lines on a nursery."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from gateway.core.ports import Json
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.lines import Lines, MakeOpener
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings


class NoFacts:
    """A fact store that keeps nothing."""

    def recall(self, kind: str) -> dict[str, Json]:
        """Nothing is known."""
        del kind
        return {}

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        """Forget at once."""

    async def settle(self) -> None:
        """Have nothing to wait for."""
        await trio.lowlevel.checkpoint()


def device(unit: int, tags: int, poll: float) -> DeviceSettings:
    """A device whose tags are neighbouring holding registers: one block."""
    return DeviceSettings(
        name=f"d{unit}",
        unit=unit,
        tags=tuple(
            TagSettings(name=f"t{address}", table="holding", address=address, type="uint16", poll=poll)
            for address in range(tags)
        ),
    )


@asynccontextmanager
async def running(
    lines: Sequence[LineSettings], make_opener: MakeOpener | None = None
) -> AsyncIterator[tuple[Lines, TagStore]]:
    """The real lines with schedule, store and bus, for as long as the block runs."""
    timeline = Timeline(trio.current_time, time.time, lambda: True)
    store = TagStore(trio.current_time, timeline)
    async with trio.open_nursery() as nursery:
        fieldside = Lines(store, NoFacts(), lambda _type, _data: None, make_opener=make_opener)
        await nursery.start(fieldside.run, lines)
        yield fieldside, store
        nursery.cancel_scope.cancel()
