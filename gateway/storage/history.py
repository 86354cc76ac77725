"""What tags said in the past: recorded, written when the budget allows, kept in order, and found again."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import structlog
import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.ports import HistorySample, Json
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.storage.aging import Aging
from gateway.storage.ballast import Ballast
from gateway.storage.budget import Budget, Level
from gateway.storage.database import Database
from gateway.storage.hands import Hands
from gateway.storage.layers import Layers
from gateway.storage.query import Answer, Question
from gateway.storage.recorder import THINNED_S, Recorder, milliseconds
from gateway.storage.settings import Announce, Boot, StoreSettings
from gateway.storage.trouble import CURES, StoreTrouble, Trouble
from gateway.storage.upkeep import Correcting, Feeding, Sorting, Step, announce_shift, end_earlier, forget_other_boots

log = structlog.stdlib.get_logger(__name__)

_HOUR_MS = 3_600_000
# Rows of an hour are on disk and in order this long after it: only then the hour is summed up.
_MARGIN_MS = 60_000
# With the budget short, a flush waits for so many intervals.
_SELDOM = 10
# With the budget shorter still, upkeep is put off for so many hours.
_PUT_OFF_H = 6
# Rows after which a flush does not wait for its interval, and how often that is looked at, in seconds. A row on disk
# costs the same in a batch of this size as in a larger one, and less memory on the way.
_EAGER_ROWS = 2048
_LOOK = 2.0
# The same while the budget is short: a twentieth less to write, and no batch beyond that is cheaper still (measured).
_PATIENT_ROWS = 4096
# Neither is more than a share of what memory may hold.
_EAGER_SHARE = 4
# Shares of the size limit: above the first the oldest is deleted, above the second nothing is added.
_CROWDED, _CRAMMED = 0.90, 0.98
# A question that names no stretch of its own must not decide how much memory an answer takes.
_LIMIT = 100_000
# Seconds of the longest bucket: three thousand years are all there is.
_LONGEST_BUCKET = 1e11


class _BudgetSpent(Exception):  # noqa: N818 - a reason to stop in the middle, not an error
    """Upkeep goes on when there is budget again; every step stands for itself."""


class HistoryStore:
    """Implements ``core.ports.History``.

    Args:
        database: the history database.
        hands: who executes what blocks.
        settings: intervals, layers, limits.
        budget: decides how much goes to the disk.
        ballast: while it is overboard, history leaves the space to facts.
        announce: told when the size limit is reached.
        monotonic: seconds of the run loop's clock.
        wall: Unix seconds.
        boot: which boot of the board this is.
    """

    def __init__(
        self,
        database: Database,
        *,
        hands: Hands,
        settings: StoreSettings,
        budget: Budget,
        ballast: Ballast,
        announce: Announce,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
        boot: Boot,
    ) -> None:
        self._database = database
        self._hands = hands
        self._settings = settings
        self._budget = budget
        self._ballast = ballast
        self._announce = announce
        self._monotonic = monotonic
        self._wall = wall
        self._boot = boot
        self._recorder = Recorder(settings, monotonic, budget, boot)
        self._layers = Layers(settings.tiers, settings.hold)
        self._sorting = Sorting(settings.slice_rows)
        self._correcting = Correcting(settings.slice_rows)
        self._feeding = Feeding(self._layers, settings.slice_rows)
        self._aging = Aging(settings)
        self._flushing = trio.Lock()
        self._tidying = trio.Lock()
        self._tidied_hour = 0
        self._stuck: str | None = None
        self._correction: int | None = None
        self._wake = trio.Event()
        self._bytes = 0
        self._crowded = False
        self._inherited = False
        database.renewed.append(self._recorder.forget_numbers)

    async def samples(
        self, tag: str, start: float, end: float, resolution: float | None, limit: int
    ) -> list[HistorySample]:
        """Points of a tag from ``start`` to before ``end`` (Unix seconds), oldest first, at most ``limit``.

        Without a resolution these are the single rows, and further back the finest buckets still kept. With one,
        buckets of so many seconds: ``value`` is the mean, weighted by time; buckets in which nothing was recorded
        are left out. A tag that is alive has a row at every heartbeat.

        Raises:
            GatewayError: UNAVAILABLE, the disk cannot be read.
        """
        begin, stop = milliseconds(start), milliseconds(end)
        question = Question(
            tag,
            begin,
            stop,
            None if resolution is None else max(milliseconds(min(resolution, _LONGEST_BUCKET)), 1),
            max(0, min(limit, _LIMIT)),
            tuple(self._recorder.waiting(tag, begin - self._settings.hold, stop)),
            milliseconds(self._wall()),
        )
        try:
            return await self._database.read(lambda connection: Answer(self._layers, connection, question).samples())
        except StoreTrouble as trouble:
            words = f"the history cannot be read: {CURES[trouble.kind]}"
            raise GatewayError(Code.UNAVAILABLE, words, details={"retryAfter": 5}) from trouble

    async def open(self) -> None:
        """Come to terms with what earlier processes left; where the disk takes nothing, the first flush does it."""
        try:
            await self._inherit()
        except StoreTrouble as trouble:
            log.warning("history not writable", trouble=trouble.kind)

    async def _inherit(self) -> None:
        if not self._inherited:
            await self._database.write(self._take_over, "history")
            self._inherited = True

    def _take_over(self, connection: sqlite3.Connection) -> None:
        end_earlier(connection, self._settings.hold)
        # Earlier boots that never learned the time cannot be mended any more.
        forget_other_boots(connection, self._boot.id)

    async def record(self, tags: TagStore, timeline: Timeline) -> None:
        """Record the tags' changes and write them, for ever; what is in force when that is cancelled ends there."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._recorder.run, tags, timeline)
                nursery.start_soon(self._beat, tags, timeline)
                nursery.start_soon(self._write, timeline)
        finally:
            self._recorder.end(tags, timeline)

    def corrected(self, offset: float) -> None:
        """The clock synchronised (``Timeline.look``): rows on disk of this boot move to their real time.

        Args:
            offset: of the correction, wall minus monotonic of the run loop.
        """
        self._correction = milliseconds(offset - self._recorder.origin)
        self._wake.set()

    async def _beat(self, tags: TagStore, timeline: Timeline) -> None:
        while True:
            await trio.sleep(min(THINNED_S, self._settings.heartbeat))
            self._recorder.beat(tags, timeline)

    async def _write(self, timeline: Timeline) -> None:
        flushed = self._monotonic()
        while True:
            with trio.move_on_after(min(self._settings.flush_interval, _LOOK)):
                await self._wake.wait()
            self._wake = trio.Event()
            level = self._budget.level
            seldom = self._settings.flush_interval * (1 if level is Level.EVERYTHING else _SELDOM)
            most = _EAGER_ROWS if level is Level.EVERYTHING else _PATIENT_ROWS
            many = self._recorder.waiting_rows >= min(most, self._settings.memory_rows // _EAGER_SHARE)
            # While the budget is spent nothing is written: the oldest rows in memory give way.
            if level is not Level.MEMORY and (many or self._monotonic() - flushed >= seldom):
                flushed = self._monotonic()
                await self.flush()
            hour = (milliseconds(self._wall()) - _MARGIN_MS) // _HOUR_MS
            due = hour != self._tidied_hour or self._correction is not None or self._crammed
            affordable = level < Level.THINNED or (level is Level.THINNED and hour - self._tidied_hour >= _PUT_OFF_H)
            if due and affordable and self._database.trouble is None:
                await self.tidy(synchronised=timeline.era.synchronised)

    async def flush(self) -> bool:
        """Write the rows in memory in one transaction. Returns whether all are on disk; never raises for the disk."""
        async with self._flushing:
            if self._crammed:
                return False
            batch = self._recorder.batch()
            if not batch:
                return True
            try:
                if not await self._hands.write(self._ballast.take):
                    raise self._database.refuse(Trouble.FULL, "what is left of it is kept for facts")
                await self._inherit()
                numbers, self._bytes = await self._database.write(
                    lambda connection: (self._recorder.store(connection, batch), self._database.bytes_used(connection)),
                    "history",
                )
            except StoreTrouble as trouble:
                self._stays(trouble.kind, len(batch))
                return False
            self._stuck = None
            self._recorder.keep_numbers(numbers)
            self._recorder.written(batch)
            return True

    def _stays(self, why: str, rows: int) -> None:
        """Log that rows stay in memory: once for each reason, for a disk can be full for weeks."""
        if why != self._stuck:
            log.warning("history stays in memory", trouble=why, rows=rows)
            self._stuck = why

    async def tidy(self, *, synchronised: bool) -> None:
        """Sort, correct, compute tiers and delete; in steps, with everybody else's writes between them.

        Args:
            synchronised: whether the clock can be trusted; only then anything is deleted for its age.
        """
        async with self._tidying:
            now = milliseconds(self._wall())
            boundary = (now - _MARGIN_MS) // _HOUR_MS * _HOUR_MS
            try:
                await self._note_correction()
                if not await self.flush():
                    await self._make_room()
                    return
                await self._steps([self._correcting.step])
                await self._steps(
                    await self._database.read(lambda connection: self._sorting.plan(connection, boundary))
                )
                await self._steps([lambda connection: self._feeding.step(connection, boundary)])
                if synchronised:
                    await self._steps(await self._database.read(lambda connection: self._aging.by_age(connection, now)))
                await self._make_room()
            except StoreTrouble as trouble:
                log.warning("history upkeep put off", trouble=trouble.kind)
                return
            except _BudgetSpent:
                log.info("history upkeep put off, the write budget is spent")
                return
            self._tidied_hour = boundary // _HOUR_MS

    async def _note_correction(self) -> None:
        correction = self._correction
        if correction is not None:
            await self._database.write(
                lambda connection: announce_shift(connection, self._boot.id, correction), "history"
            )
            if self._correction == correction:
                self._correction = None

    async def _make_room(self) -> None:
        self._bytes = await self._database.read(self._database.bytes_used)
        crowded = self._bytes > _CROWDED * self._settings.database_limit
        before = self._bytes + 1
        while before > self._bytes > _CROWDED * self._settings.database_limit:
            before = self._bytes
            await self._steps(await self._database.read(self._aging.by_size))
            self._bytes = await self._database.read(self._database.bytes_used)
        if crowded != self._crowded:
            self._crowded = crowded
            self._announce(
                "storage",
                "warning" if crowded else "info",
                "the history reached its size limit: the oldest is deleted before its time"
                if crowded
                else "the history is within its size limit",
                {"state": "firing" if crowded else "resolved", "limit": self._settings.database_limit},
            )

    @property
    def _crammed(self) -> bool:
        return self._bytes > _CRAMMED * self._settings.database_limit

    async def _steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            again = True
            while again:
                if self._budget.level is Level.MEMORY:
                    raise _BudgetSpent
                again = await self._database.write(step, "history_upkeep")

    def waiting(self) -> tuple[int, float | None]:
        """How many rows are in memory only, and Unix seconds of the oldest of them."""
        return self._recorder.waiting_rows, self._recorder.oldest_waiting

    def status(self) -> dict[str, Json]:
        """Rows recorded, waiting, dropped; size of the file."""
        return {**self._recorder.status(), "bytes": self._bytes, "size_limit": self._settings.database_limit}
