"""Alarms on a board that a test runs: its tags, its facts, its clocks, and what was announced."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import msgspec
import trio

from gateway.alarms.alarms import Alarms
from gateway.core.catalogue import type_of
from gateway.core.ports import Json
from gateway.core.reading import Reason, Value
from gateway.core.tags import Cell, Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.settings.document import Document
from gateway.settings.load import interpret
from gateway.settings.model import Settings

NOON = 1_800_000_000.0
LINES = """
[[line]]
name = "bus"
transport = "rtu"
port = "/dev/serial/by-id/a"
[[line.device]]
name = "boiler"
unit = 1
tag = [
  { name = "flow", table = "input", address = 0, type = "int16", units = "°C" },
  { name = "return", table = "input", address = 1, type = "int16", units = "°C" },
  { name = "damped", table = "input", address = 2, type = "int16", deadband = 5 },
  { name = "on", table = "coil", address = 0 },
]
"""
FLOW, RETURN, DAMPED, ON = (f"bus/boiler/{name}" for name in ("flow", "return", "damped", "on"))
# As long as judging takes, with the pause between two rounds.
SOON = 0.1
HOT = 'name = "hot"\ntag = "bus/boiler/flow"\nhigh = 80\nhysteresis = 5\nseverity = "critical"'
COLD = 'name = "cold"\ntag = "bus/boiler/return"\nlow = 10'
AWAY = 'name = "away"\ndevice_down = "bus/boiler"\nseverity = "info"'


def settings_with(*alarms: str) -> Settings:
    return interpret(Document("f.toml", LINES + "".join(f"[[alarm]]\n{alarm}\n" for alarm in alarms)))


@dataclass
class Facts:
    """A FactStore; what it gives are copies."""

    kinds: dict[str, dict[str, Json]] = field(default_factory=dict)
    writes: int = 0

    def recall(self, kind: str) -> dict[str, Json]:
        # As the disk gives it back.
        return cast("dict[str, Json]", msgspec.json.decode(msgspec.json.encode(self.kinds.get(kind, {}))))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        assert urgent
        self.writes += 1
        facts = self.kinds.setdefault(kind, {})
        if value is None:
            facts.pop(key, None)
        else:
            facts[key] = copy.deepcopy(value)

    async def settle(self) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class Board:
    """A board; ``start`` begins a new run of the gateway on it."""

    settings: Settings
    facts: Facts = field(default_factory=Facts)
    wall_offset: float = NOON
    synchronised: bool = True
    logged: trio.Event | None = None
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    tags: TagStore = field(init=False)
    timeline: Timeline = field(init=False)
    alarms: Alarms = field(init=False)
    cells: dict[str, Cell] = field(default_factory=dict)

    def begin(self) -> None:
        """What a start of the gateway makes anew."""
        self.timeline = Timeline(
            trio.current_time, lambda: trio.current_time() + self.wall_offset, lambda: self.synchronised
        )
        self.tags = TagStore(trio.current_time, self.timeline)
        tags = [
            Tag(f"bus/boiler/{tag.name}", tag.type, tag.units or None, deadband=tag.deadband, stale_after=3.0)
            for tag in self.settings.lines[0].devices[0].tags
        ]
        self.cells = dict(zip((tag.name for tag in tags), self.tags.add(tags), strict=True))
        self.alarms = Alarms(
            self.settings,
            tags=self.tags,
            facts=self.facts,
            timeline=self.timeline,
            announce=self._announce,
            logged=self._logged,
        )

    @asynccontextmanager
    async def start(self) -> AsyncIterator[None]:
        self.begin()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.alarms.run)
            await trio.sleep(SOON)
            yield
            nursery.cancel_scope.cancel()

    async def say(self, tag: str, value: Value | Reason) -> None:
        """Have a tag read, and judged."""
        self.tags.apply([self.cells[tag]], [value], trio.current_time())
        await trio.sleep(SOON)

    async def fail(self, reason: Reason) -> None:
        self.tags.fail(self.cells.values(), reason)
        await trio.sleep(SOON)

    async def keep_saying(self, seconds: float, **values: Value) -> None:
        """Poll tags once a second for some time, as a line does."""
        for _ in range(int(seconds)):
            for name, value in values.items():
                self.tags.apply([self.cells[f"bus/boiler/{name}"]], [value], trio.current_time())
            await trio.sleep(1.0)

    async def _logged(self) -> None:
        if self.logged is not None:
            await self.logged.wait()

    def _announce(self, type_: str, data: dict[str, object]) -> None:
        struct = type_of(type_).data
        assert struct is not None
        # The catalogue must not lie.
        msgspec.convert(data, struct, strict=True)
        self.told.append((type_, data))

    @property
    def words(self) -> list[tuple[str, object, object]]:
        """What was announced: which, of what, with which value."""
        return [
            (type_.removeprefix("alarm:"), data["tag"] or data["device"], data["value"]) for type_, data in self.told
        ]
