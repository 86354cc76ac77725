"""The audit log's housework: the oldest rows go when they are too old, or too many for the card."""

from __future__ import annotations

import sqlite3
from functools import partial

import structlog

from gateway.core.ports import Json
from gateway.storage.audit_chain import outlived, remove
from gateway.storage.audit_rows import AuditKey
from gateway.storage.audit_settings import AuditSettings
from gateway.storage.audit_verify import Problem
from gateway.storage.database import Database
from gateway.storage.settings import Announce

log = structlog.stdlib.get_logger(__name__)

# A row takes some 300 bytes; a step must not hold the writer for long.
_SLICE = 500
# Down to this share of the limit, so that it is not reached again with the next row.
_ROOM = 0.9
_ALL = (1 << 63) - 1


class AuditUpkeep:
    """Removes what is too old or too much.

    Args:
        database: the audit log's.
        key: seals the anchor.
        settings: how long and how much is kept.
        announce: told where rows go before their time, and where one of them was changed.
    """

    def __init__(self, database: Database, key: AuditKey, settings: AuditSettings, announce: Announce) -> None:
        self._database = database
        self._key = key
        self._settings = settings
        self._announce = announce
        self._short = False

    async def run_once(self, now: float | None) -> None:
        """Remove what is due.

        Args:
            now: Unix seconds; None while nobody vouches for the clock: then nothing goes for its age.

        Raises:
            StoreTrouble: the disk takes nothing.
        """
        if now is not None:
            before = round((now - self._settings.retention) * 1000)
            last = await self._database.read(partial(outlived, before=before))
            await self._remove(last, "age")
        used = await self._database.read(self._database.bytes_used)
        if used <= self._settings.limit:
            self._tell_of_room()
            return
        self._tell_of_shortage()
        while used > _ROOM * self._settings.limit:
            if not await self._slice(_ALL, "size"):
                break
            used = await self._database.read(self._database.bytes_used)

    async def _remove(self, last: int, why: str) -> None:
        while last and await self._slice(last, why) == _SLICE:
            pass

    async def _slice(self, last: int, why: str) -> int:
        def job(connection: sqlite3.Connection) -> tuple[int, Problem | None]:
            return remove(connection, self._key, last, _SLICE, why)

        rows, broken = await self._database.write(job, "audit")
        if broken is not None:
            self._announce(
                "audit",
                "critical",
                "a row of the audit log that was too old to keep had been changed",
                {"state": "firing", "row": broken.seq, "problem": broken.text},
            )
        if rows:
            log.info("audit log: old rows removed", rows=rows, why=why)
        return rows

    def _tell_of_shortage(self) -> None:
        if self._short:
            return
        self._short = True
        details: dict[str, Json] = {"state": "firing", "limit": self._settings.limit}
        self._announce(
            "audit",
            "warning",
            "the audit log is full: its oldest rows go before they are as old as [audit] retention says",
            details,
        )

    def _tell_of_room(self) -> None:
        self._short = False
