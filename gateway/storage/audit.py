"""The audit log: notes become rows of a chain, a batch a second, in a file of its own (docs/audit.md)."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio

from gateway.core.audit import AuditOutcome, entry
from gateway.core.ports import Json
from gateway.core.principal import Principal
from gateway.core.timeline import Timeline
from gateway.storage.audit_allowance import Allowance
from gateway.storage.audit_callers import Callers
from gateway.storage.audit_chain import Added, add, go_on_in_new_file, tail_of
from gateway.storage.audit_denials import Counted, Denials
from gateway.storage.audit_rows import BEGINNING, AuditKey, Head, Moment, write
from gateway.storage.audit_settings import AuditSettings
from gateway.storage.audit_upkeep import AuditUpkeep
from gateway.storage.audit_verify import Problem, Walk
from gateway.storage.audit_witness import TellHead, Witness, holds, log_head
from gateway.storage.database import Database
from gateway.storage.settings import Announce
from gateway.storage.storage import Storage
from gateway.storage.trouble import StoreTrouble

log = structlog.stdlib.get_logger(__name__)

AUDIT_FILE = "audit.db"
# A batch is mostly one row, and its commit writes every 4 KiB block of the log that a page touches.
_PAGE = 1024
# Batches at a second's distance, and then one more for every ``slow_batch``: some 9000 commits in a busy day.
_QUICK_BATCHES = 600
# Rows in a transaction, so that it does not hold the writer for long.
_SLICE = 1000
# How many of the newest rows are verified at the start; all of them are by ``ferrule audit verify``.
_LOOKED_AT = 1000
_RETRY_S = 1.0
_CLOSE_S = 10.0


class AuditTrail:
    """Implements ``core.audit.AuditLog``. Open it with ``open_audit``.

    Args:
        database: the file.
        key: seals the rows.
        timeline: when something was noted, and how far that can be trusted.
        monotonic: seconds of the run loop's clock.
        settings: limits and intervals.
        announce: told of what should not be.
        witness: remembers the newest row elsewhere.
    """

    def __init__(
        self,
        database: Database,
        key: AuditKey,
        timeline: Timeline,
        *,
        monotonic: Callable[[], float],
        settings: AuditSettings,
        announce: Announce,
        witness: Witness,
    ) -> None:
        self._database = database
        self._key = key
        self._timeline = timeline
        self._monotonic = monotonic
        self._settings = settings
        self._announce = announce
        self._witness = witness
        self._upkeep = AuditUpkeep(database, key, settings, announce)
        self._denials = Denials(monotonic)
        self._callers = Callers(settings.limit, settings.retention, monotonic, self._written)
        self._batches = Allowance(_QUICK_BATCHES, settings.slow_batch, monotonic())
        self._waiting: list[bytes] = []
        self._flushing = trio.Lock()
        self._wake = trio.Event()
        self._head: Head | None = None
        self._new_file = False
        self._broken_at: Head | None = None
        self.lost = 0
        self._lost_since: Moment | None = None
        database.renewed.append(self._renewed)

    def note(
        self,
        action: str,
        outcome: AuditOutcome = AuditOutcome.DONE,
        *,
        by: Principal | None = None,
        claimed: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        """See ``core.audit.AuditLog``."""
        made = entry(action, outcome, by=by, claimed=claimed, peer=peer, target=target, details=details)
        moment = self._moment()
        if outcome is not AuditOutcome.DENIED:
            written = self._written(Counted(made, moment))
            if by is None or self._callers.take(made, moment, len(written)):
                self._append(written, moment)
            # Else it is counted, and a minute may have begun that nobody waits for yet.
            self._wake.set()
            return
        mixing = self._denials.mixing
        first = self._denials.take(made, moment)
        if first is not None:
            self._keep(first)
        elif self._denials.mixing and not mixing:
            # Nobody waits for the end of this minute yet.
            self._wake.set()

    def _moment(self) -> Moment:
        return Moment(self._timeline.now(), self._timeline.era.clock)

    def _written(self, row: Counted) -> bytes:
        return write(row.entry, row.moment, self._key, row.count, row.since)

    def _keep(self, row: Counted) -> None:
        self._wake.set()
        self._append(self._written(row), row.moment, row.count)

    def _append(self, written: bytes, moment: Moment, count: int = 1) -> None:
        if len(self._waiting) >= self._settings.most_waiting:
            self.lost += count
            self._lost_since = self._lost_since or moment
            return
        self._waiting.append(written)

    @property
    def waiting_rows(self) -> int:
        """How many rows are in memory only."""
        return len(self._waiting)

    async def open(self) -> None:
        """Open the file and look at its end; ``open_audit`` does it.

        Raises:
            NewerSchema: a newer version of the gateway wrote it.
        """
        await self._database.open()
        kept = self._witness.kept()
        name, since = self._witness.key() or (self._key.id, 0)
        new_key = name != self._key.id
        if self._new_file:
            # The damage was told. What was remembered of the old file is the best there is to go on from.
            self._head = kept
            self._witness.remember_key(self._key.id, (kept or BEGINNING).seq + 1 if new_key else since)
            return
        look = partial(_look, key=self._key, kept=kept, key_since=None if new_key else since)
        try:
            head, problem = await self._database.read(look)
        except StoreTrouble as trouble:
            log.warning("audit log not readable", trouble=trouble.kind)
            return
        self._head = head
        if new_key:
            since = max(head.seq, (kept or BEGINNING).seq) + 1
            self._tell_of_key(since)
        self._witness.remember_key(self._key.id, since)
        if problem is not None:
            self._tell_of_change("while the gateway was stopped", problem)
        if kept is not None and problem is not None and problem.seq == kept.seq:
            # The chain goes on behind the row that is gone: so the break stays, and every later look at it finds it.
            self._broken_at, self._head = self._head, kept

    async def run(self) -> None:
        """Write what is noted, and remove what is too old, for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write)
            nursery.start_soon(self._keep_house)

    async def _write(self) -> None:
        while True:
            with trio.move_on_at(min(self._denials.due, self._callers.due)):
                await self._wake.wait()
            self._wake = trio.Event()
            await trio.sleep(max(self._settings.batch, self._batches.lacking(self._monotonic())))
            self._keep_all(self._denials.over())
            self._keep_all(self._callers.over())
            if not self._waiting:
                continue
            self._batches.spend(self._monotonic())
            if not await self.flush():
                await trio.sleep(_RETRY_S)
                self._wake.set()

    async def _keep_house(self) -> None:
        while True:
            self._witness.remember(self._head)
            await trio.sleep(self._settings.upkeep)
            try:
                await self._upkeep.run_once(self._timeline.now() if self._timeline.era.synchronised else None)
            except StoreTrouble as trouble:
                log.warning("audit log: old rows not removed", trouble=trouble.kind)

    def _keep_all(self, rows: list[Counted]) -> None:
        for row in rows:
            self._keep(row)

    async def flush(self) -> bool:
        """Write what waits now. Returns whether all of it is on disk; what is not waits on."""
        async with self._flushing:
            # What comes meanwhile has a batch of its own to wait for.
            left = len(self._waiting)
            while left > 0:
                batch = self._waiting[: min(left, _SLICE)]
                try:
                    head, foreign = await self._database.write(self._job(batch), "audit")
                except StoreTrouble:
                    return False
                del self._waiting[: len(batch)]
                left -= len(batch)
                broken_at, self._broken_at = self._broken_at, None
                self._head, self._new_file = head, False
                if foreign is not None and foreign != broken_at:
                    problem = Problem(foreign.seq, "the log did not end with the row that was written last")
                    self._tell_of_change("while the gateway ran", problem)
                self._make_up_for_lost()
            return True

    def _job(self, batch: list[bytes]) -> Callable[[sqlite3.Connection], Added]:
        known, new_file = self._head, self._new_file
        moment = round(self._timeline.now() * 1000)

        def job(connection: sqlite3.Connection) -> Added:
            if new_file and known is not None:
                go_on_in_new_file(connection, self._key, known, moment)
            return add(connection, self._key, known, batch)

        return job

    def _make_up_for_lost(self) -> None:
        """Say in the log itself how much of it is missing, now that there is room."""
        lost, since, self.lost, self._lost_since = self.lost, self._lost_since, 0, None
        if lost and since is not None:
            made = entry("audit.lost", AuditOutcome.FAILED, details={"why": "the disk took nothing for too long"})
            self._keep(Counted(made, self._moment(), lost, since.time))

    def _tell_of_key(self, since: int) -> None:
        self.note("audit.key", details={"why": "root.key is a new one", "row": since})
        self._announce(
            "audit",
            "warning",
            f"root.key is a new one: rows of the audit log before row {since} cannot be verified with it. Keep the old "
            "root.key, if there is a backup of it, for as long as somebody may want to",
            {"state": "firing", "row": since},
        )

    def _tell_of_change(self, when: str, problem: Problem) -> None:
        details: dict[str, Json] = {"row": problem.seq, "problem": problem.text}
        self.note("audit.changed", AuditOutcome.FAILED, details={"when": when, **details})
        self._announce(
            "audit",
            "critical",
            f"the audit log was changed {when}, at row {problem.seq}: run ferrule audit verify",
            {"state": "firing", **details},
        )

    def _renewed(self) -> None:
        self._new_file = True
        self.note("audit.renewed", AuditOutcome.FAILED, details={"why": "the file was damaged, and is kept aside"})

    async def close(self) -> None:
        """Write everything, and tell the head; ``open_audit`` does it."""
        self._keep_all(self._denials.all())
        self._keep_all(self._callers.all())
        while self._waiting:
            if not await self.flush():
                log.error("audit log: rows are lost, the disk takes none", rows=len(self._waiting))
                break
        self._witness.remember(self._head)


def _look(
    connection: sqlite3.Connection, key: AuditKey, kept: Head | None, key_since: int | None
) -> tuple[Head, Problem | None]:
    """The end of the chain, and what is wrong with it; that a kept row is gone counts before anything else.

    Without ``key_since`` the key is a new one, so that none of the rows is of it.
    """
    tail = tail_of(connection, _LOOKED_AT)
    end = tail.rows[-1][0] if tail.rows else tail.before.seq
    walk = Walk(key, tail.before, end + 1 if key_since is None else key_since)
    for row in tail.rows:
        walk.step(*row)
    if kept is not None and not holds(connection, kept):
        return walk.head, Problem(kept.seq, "it was written, and is gone: the end was cut off, or the log was replaced")
    return walk.head, walk.problems[0] if walk.problems else None


@asynccontextmanager
async def open_audit(
    storage: Storage,
    *,
    key: bytes,
    timeline: Timeline,
    monotonic: Callable[[], float],
    announce: Announce,
    settings: AuditSettings | None = None,
    tell_head: TellHead = log_head,
) -> AsyncIterator[AuditTrail]:
    """Open the audit log beside the other files of an open store; when the block ends, everything is written.

    Start ``AuditTrail.run`` in a nursery inside of the block.

    Args:
        storage: the store, open for as long as the block.
        key: for this purpose only, at least 32 bytes.
        timeline: when something was noted.
        monotonic: seconds of the run loop's clock.
        announce: told of what should not be.
        settings: limits and intervals.
        tell_head: told the newest row once an hour and at the end.

    Raises:
        NewerSchema: a newer version of the gateway wrote the file.
    """
    trail = AuditTrail(
        storage.another_file(AUDIT_FILE, "audit", _PAGE),
        AuditKey(key),
        timeline,
        monotonic=monotonic,
        settings=settings or AuditSettings(),
        announce=announce,
        witness=Witness(storage.facts, tell_head),
    )
    await trail.open()
    try:
        yield trail
    finally:
        with trio.move_on_after(_CLOSE_S, shield=True):
            await trail.close()
