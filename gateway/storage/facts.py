"""Facts: in memory for whoever asks, on disk soon after they are remembered."""

from __future__ import annotations

import sqlite3
import zlib
from typing import cast

import msgspec
import structlog
import trio

from gateway.core.ports import Json
from gateway.storage.database import Database
from gateway.storage.settings import Announce
from gateway.storage.trouble import StoreTrouble, Trouble

log = structlog.stdlib.get_logger(__name__)

_Key = tuple[str, str]


class Facts:
    """Implements ``core.ports.FactStore``.

    Every fact lives in memory; the disk follows. When the disk takes nothing, nothing is lost but durability, and
    what is pending goes down as soon as it can. A database that has to be begun anew gets all facts again.

    Args:
        database: the control database.
        flush_interval: seconds until facts that are not urgent are on disk.
        group: seconds an urgent fact waits for others, to share one fsync with them.
        announce: told when damaged facts were found.
    """

    def __init__(self, database: Database, flush_interval: float, group: float, announce: Announce) -> None:
        self._database = database
        self._flush_interval = flush_interval
        self._group = group
        self._announce = announce
        self._known: dict[str, dict[str, Json]] = {}
        self._pending: dict[_Key, Json] = {}
        self._urgent = trio.Event()
        self._flushing = trio.Lock()
        database.renewed.append(self._write_all_again)

    async def load(self) -> None:
        """Read the facts of earlier runs; what was remembered meanwhile is newer and stays."""
        try:
            rows = await self._database.read(_select)
        except StoreTrouble as trouble:
            log.warning("facts not readable", trouble=trouble.kind)
            if trouble.kind is Trouble.CORRUPT:
                await self._database.open()
            return
        damaged = []
        for kind, key, value, checksum in rows:
            if _checksum(kind, key, value) != checksum:
                damaged.append(f"{kind}/{key}")
                continue
            if (kind, key) not in self._pending:
                self._known.setdefault(kind, {})[key] = cast("Json", msgspec.json.decode(value))
        if damaged:
            self._announce(
                "storage",
                "critical",
                f"{len(damaged)} stored facts are damaged and were dropped",
                {"state": "firing", "reason": Trouble.CORRUPT, "facts": [*damaged[:20]]},
            )

    def recall(self, kind: str) -> dict[str, Json]:
        """All facts of a kind by key, as they stood at the start or were remembered since."""
        return dict(self._known.get(kind, {}))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        """Keep a fact; None forgets it.

        Args:
            kind: which family of facts.
            key: which of them.
            value: what JSON can carry; do not change it afterwards.
            urgent: on disk at once (grouped), instead of within the flush interval.
        """
        facts = self._known.setdefault(kind, {})
        if value is None:
            facts.pop(key, None)
        else:
            facts[key] = value
        self._pending[kind, key] = value
        if urgent:
            self._urgent.set()

    async def settle(self) -> None:
        """Wait until everything remembered so far is on disk, or known to be in memory only (see ``durable``)."""
        await self.flush()

    @property
    def durable(self) -> bool:
        """Whether everything remembered is on disk."""
        return not self._pending and not self._flushing.locked()

    async def run(self) -> None:
        """Write what is pending, for ever."""
        while True:
            with trio.move_on_after(self._flush_interval):
                await self._urgent.wait()
                await trio.sleep(self._group)
            self._urgent = trio.Event()
            await self.flush()
            if self._pending and self._database.trouble is not None:
                await trio.sleep(1.0)

    async def flush(self) -> None:
        """Write what is pending in one transaction; it stays pending where the disk does not take it."""
        async with self._flushing:
            if not self._pending:
                return
            batch = self._pending
            self._pending = {}
            try:
                await self._database.write(lambda connection: _store(connection, batch), "facts")
            except StoreTrouble:
                self._pending = {**batch, **self._pending}
            except BaseException:
                self._pending = {**batch, **self._pending}
                raise

    def _write_all_again(self) -> None:
        for kind, facts in self._known.items():
            for key, value in facts.items():
                self._pending.setdefault((kind, key), value)
        self._urgent.set()


def _select(connection: sqlite3.Connection) -> list[tuple[str, str, bytes, int]]:
    return connection.execute("SELECT kind, key, value, checksum FROM fact").fetchall()


def _store(connection: sqlite3.Connection, batch: dict[_Key, Json]) -> None:
    for (kind, key), value in batch.items():
        if value is None:
            connection.execute("DELETE FROM fact WHERE kind = ? AND key = ?", (kind, key))
        else:
            text = msgspec.json.encode(value)
            connection.execute(
                "INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?)", (kind, key, text, _checksum(kind, key, text))
            )


def _checksum(kind: str, key: str, value: bytes) -> int:
    return zlib.crc32(b"\0".join((kind.encode(), key.encode(), value)))
