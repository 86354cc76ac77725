"""A store with clocks that tests move, and what it announces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from gateway.core.ports import Json
from gateway.core.tags import Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.storage import Boot, Storage, StoreSettings, open_storage
from gateway.storage.audit import AuditTrail, open_audit
from gateway.storage.audit_rows import Head
from gateway.storage.audit_settings import AuditSettings
from tests.gateway.storage.auditing import KEY, Opened

# A day in May 2026 at 10:00 UTC.
TEN = 1_779_444_000.0


@dataclass
class World:
    """The clocks of a board: ``ahead`` is what its wall clock shows too much."""

    start: float = field(default_factory=trio.current_time)
    ahead: float = 0.0
    synchronised: bool = True
    news: list[tuple[str, str, str, dict[str, Json]]] = field(default_factory=list)

    def monotonic(self) -> float:
        return trio.current_time()

    def wall(self) -> float:
        return TEN + trio.current_time() - self.start + self.ahead

    def announce(self, component: str, severity: str, summary: str, details: dict[str, Json]) -> None:
        self.news.append((component, severity, summary, details))

    def told(self, state: str) -> list[str]:
        return [summary for _, _, summary, details in self.news if details["state"] == state]

    def timeline(self) -> Timeline:
        return Timeline(self.monotonic, self.wall, lambda: self.synchronised)

    def tags(self, timeline: Timeline, *tags: Tag) -> TagStore:
        store = TagStore(self.monotonic, timeline)
        store.add(tags)
        return store


@pytest.fixture
async def world() -> World:
    return World()


Opener = Callable[..., AbstractAsyncContextManager[Storage]]


@pytest.fixture
async def opened(tmp_path: Path, world: World) -> Opener:
    """Opens the store of this test, on real files, without threads unless asked for."""

    @asynccontextmanager
    async def opened(
        settings: StoreSettings | None = None, *, inline: bool = True, boot: str = "boot-1", where: Path = tmp_path
    ) -> AsyncIterator[Storage]:
        async with open_storage(
            where,
            settings=settings or StoreSettings(ballast=0),
            monotonic=world.monotonic,
            wall=world.wall,
            announce=world.announce,
            boot=Boot(boot, world.monotonic),
            inline=inline,
        ) as storage:
            yield storage

    return opened


@pytest.fixture
async def heads() -> list[Head]:
    return []


@pytest.fixture
async def trail(opened: Opener, world: World, heads: list[Head]) -> Opened:
    """Opens the store and the audit log of this test, and runs the log."""

    @asynccontextmanager
    async def trail(
        settings: AuditSettings | None = None, *, key: bytes = KEY, store: StoreSettings | None = None
    ) -> AsyncIterator[AuditTrail]:
        async with (
            opened(store) as storage,
            open_audit(
                storage,
                key=key,
                timeline=world.timeline(),
                monotonic=world.monotonic,
                announce=world.announce,
                settings=settings,
                tell_head=heads.append,
            ) as audit,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(audit.run)
            yield audit
            nursery.cancel_scope.cancel()

    return trail
