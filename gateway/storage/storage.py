"""The store as the gateway sees it: two files, one writer, and what lives in them.

``ferrule.db`` holds facts and last values: small, checked as a whole at every start. ``history.db`` may be large and is
the first to give way. They are apart so that neither the size nor a damage of the history can touch a promise.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import structlog
import trio

from gateway.core.ports import Json, StoreState
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.storage.ballast import Ballast
from gateway.storage.budget import Budget, Level
from gateway.storage.credentials import Credentials
from gateway.storage.database import Database
from gateway.storage.facts import Facts
from gateway.storage.hands import Hands, Inline, Threads
from gateway.storage.history import HistoryStore
from gateway.storage.last_values import LastValues
from gateway.storage.migrate import packaged_steps
from gateway.storage.readers import Job
from gateway.storage.settings import DAY, Announce, Boot, StoreSettings

log = structlog.stdlib.get_logger(__name__)

T = TypeVar("T")

CONTROL_FILE = "ferrule.db"
HISTORY_FILE = "history.db"
_BALLAST_FILE = "ferrule.ballast"

# A lease changes one page, and its commit writes every 4 KiB block of the log that page touches: a page of 4 KiB always
# touches two, a small one mostly one. The history writes many full pages at once.
_SMALL_PAGE, _PAGE = 1024, 4096
# The tables of the history that every flush and every upkeep goes through; the large ones only grow at their ends.
_SMALL_TABLES = ("tag", "era", "recent", "refeed", "kept")
# The first backup does not wait for a day: many boards never run that long, and few are ever stopped.
_FIRST_BACKUP_S, _BACKUP_S = 600.0, DAY
# The day's bytes are kept as a fact each time they grew by this share of the budget.
_KEEP_BUDGET = 0.02
_CLOSE_S = 20.0


class Storage:
    """Open it with ``open_storage``.

    Attributes:
        facts: implements ``core.ports.FactStore``.
        credentials: implements ``core.clients.CredentialStore``.
        history: implements ``core.ports.History``.
        budget: what may be written to the card.
        announce: told of trouble.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: StoreSettings,
        hands: Hands,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        announce: Announce,
        boot: Boot,
    ) -> None:
        self.budget = Budget(settings.write_budget, monotonic, wall, announce)
        self._hands = hands
        self._settings = settings
        self._ballast = Ballast(directory / _BALLAST_FILE, settings.ballast)
        self._kept_budget = 0
        self._directory = directory
        self.announce = announce
        self._monotonic = monotonic
        self._wall = wall
        self._files: list[Database] = []
        self._control = self.another_file(CONTROL_FILE, "control", _SMALL_PAGE)
        self._past = self.another_file(HISTORY_FILE, "history", _PAGE, _SMALL_TABLES)
        self.facts = Facts(self._control, settings.flush_interval, settings.group, settings.forget_within, announce)
        self.credentials = Credentials(self._control)
        self.history = HistoryStore(
            self._past,
            hands=hands,
            settings=settings,
            budget=self.budget,
            ballast=self._ballast,
            announce=announce,
            monotonic=monotonic,
            wall=wall,
            boot=boot,
        )
        self._last_values = LastValues(
            self._control,
            interval=settings.last_values_interval,
            budget=self.budget,
            monotonic=monotonic,
            wall=wall,
        )

    def another_file(self, file: str, steps: str, page_size: int, small: tuple[str, ...] = ()) -> Database:
        """A database of this store: same writer, same write budget, closed with it. Whoever asks for it opens it.

        Args:
            file: its name.
            steps: directory of its schema, in ``migrations``.
            page_size: bytes of a page, for a file that is made now.
            small: the tables of a large file that are checked when it is opened.
        """
        database = Database(
            self._directory / file,
            packaged_steps(steps),
            hands=self._hands,
            budget=self.budget,
            ballast=self._ballast,
            announce=self.announce,
            monotonic=self._monotonic,
            wall=self._wall,
            check_limit=self._settings.check_limit,
            page_size=page_size,
            small=small,
        )
        self._files.append(database)
        return database

    async def open(self) -> None:
        """Open both files and read the facts; ``open_storage`` does it.

        Raises:
            NewerSchema: a newer version of the gateway wrote one of them.
        """
        await self._control.open()
        await self.facts.load()
        self._resume_budget()
        await self._past.open()
        await self.history.open()
        await self._hands.write(self._ballast.take)

    def _resume_budget(self) -> None:
        day = self.facts.recall("storage").get("write_budget")
        if isinstance(day, dict):
            began, used = day.get("began"), day.get("used")
            if isinstance(began, int | float) and isinstance(used, int):
                self.budget.resume(float(began), used)
        self._kept_budget = self.budget.used

    async def restore(self, tags: TagStore) -> None:
        """Give the tags back what they said before the restart: as their last values, not as current ones."""
        await self._last_values.restore(tags)

    async def run(self) -> None:
        """Write facts, for ever: run it in a nursery inside of ``open_storage``."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.facts.run)
            nursery.start_soon(self._keep_budget)
            nursery.start_soon(self._back_up)

    async def record(self, tags: TagStore, timeline: Timeline, *, history: bool = True) -> None:
        """Keep last values and, unless it is switched off, the history of the tags, for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._last_values.run, tags)
            if history:
                nursery.start_soon(self.history.record, tags, timeline)

    def corrected(self, offset: float) -> None:
        """The clock synchronised; ``offset`` as in ``core.timeline.Correction``."""
        self.history.corrected(offset)

    async def write(self, job: Job[T], part: str) -> T:
        """Run a job in one transaction of ``ferrule.db``; on disk (fsync) when this returns.

        Raises:
            StoreTrouble: the disk did not take it.
        """
        return await self._control.write(job, part)

    async def read(self, job: Job[T]) -> T:
        """Run a job in a read transaction of ``ferrule.db``; it ends soon when the caller is cancelled.

        Raises:
            StoreTrouble: the file cannot be read.
        """
        return await self._control.read(job)

    def status(self) -> dict[str, Json]:
        """Whether the disk takes data, what is in memory only, and the write budget."""
        return {
            "trouble": {file.path.name: file.trouble for file in self._files},
            "facts_durable": self.facts.durable,
            "ballast": self._ballast.aboard,
            "history": self.history.status(),
            "write_budget": self.budget.status(),
        }

    def state(self) -> StoreState:
        """See ``core.ports.Store``."""
        durable = all(file.trouble is None for file in self._files)
        rows, oldest = self.history.waiting()
        return StoreState(
            durable,
            self.budget.used,
            self._settings.write_budget,
            self.budget.level.name.lower(),
            rows,
            oldest,
            sum(file.connections for file in self._files),
        )

    async def _back_up(self) -> None:
        await trio.sleep(_FIRST_BACKUP_S)
        while True:
            if self.budget.level < Level.MEMORY:
                await self._control.back_up()
            await trio.sleep(_BACKUP_S)

    async def _keep_budget(self) -> None:
        while True:
            await trio.sleep(self._settings.flush_interval)
            if abs(self.budget.used - self._kept_budget) > _KEEP_BUDGET * self._settings.write_budget:
                self._remember_budget()

    def _remember_budget(self) -> None:
        self._kept_budget = self.budget.used
        self.facts.remember("storage", "write_budget", self.budget.day())

    async def close(self) -> None:
        """Write what is in memory, as far as the disk takes it, and close; ``open_storage`` does it."""
        await self.history.flush()
        await self._last_values.save(times=True)
        await self._past.checkpoint()
        self._remember_budget()
        await self.facts.flush()
        if self.budget.level < Level.MEMORY:
            await self._control.back_up()
        await self.shut()

    async def shut(self) -> None:
        """Close the files, whatever is still in memory."""
        for file in reversed(self._files):
            await file.close()


def _log(component: str, severity: str, summary: str, details: dict[str, Json]) -> None:
    """Where nobody listens to announcements, the log does."""
    log.warning(summary, component=component, severity=severity, **details)


@asynccontextmanager
async def open_storage(
    directory: Path,
    *,
    settings: StoreSettings,
    monotonic: Callable[[], float],
    wall: Callable[[], float],
    boot: Boot | None = None,
    announce: Announce = _log,
    inline: bool = False,
) -> AsyncIterator[Storage]:
    """Open the store; when the block ends, everything in memory is written.

    No trouble of the disk keeps it from opening: it then lives in memory and goes on trying. Start ``Storage.run``
    and ``Storage.record`` in a nursery inside of the block.

    Args:
        directory: where the files lie; made when it is missing.
        settings: limits and intervals.
        monotonic: seconds of the run loop's clock.
        wall: Unix seconds.
        boot: which boot of the board this is; without one, unsynchronised rows are corrected in this process only.
        announce: told of trouble and of history giving way.
        inline: execute statements in the calling task, for virtual time.

    Raises:
        NewerSchema: a newer version of the gateway wrote the files.
    """
    storage = Storage(
        directory,
        settings=settings,
        hands=Inline() if inline else Threads(),
        monotonic=monotonic,
        wall=wall,
        announce=announce,
        boot=boot or Boot(f"process-{wall()}", monotonic),
    )
    try:
        await storage.open()
    except BaseException:
        with trio.CancelScope(shield=True):
            await storage.shut()
        raise
    try:
        yield storage
    finally:
        with trio.move_on_after(_CLOSE_S, shield=True):
            await storage.close()
