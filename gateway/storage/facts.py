"""Facts: in memory for whoever asks, on disk soon after they are remembered."""

from __future__ import annotations

import math
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
# A fact as the disk has it: what JSON says, or None for one that is not there.
_Text = bytes | None


class Facts:
    """Implements ``core.ports.FactStore``.

    Every fact lives in memory; the disk follows. When the disk takes nothing, nothing is lost but durability, and
    what is pending goes down as soon as it can. A database that has to be begun anew gets all facts again.

    What the disk has already is not written again: a lease that ends and is taken again before its end went down costs
    nothing.

    Args:
        database: the control database.
        flush_interval: seconds until facts that are not urgent are on disk.
        group: seconds an urgent fact waits for others, to share one fsync with them.
        forget_within: the same for a fact that is forgotten: a power cut may bring it back for so long.
        announce: told when damaged facts were found.
    """

    def __init__(
        self, database: Database, flush_interval: float, group: float, forget_within: float, announce: Announce
    ) -> None:
        self._database = database
        self._flush_interval = flush_interval
        self._group = group
        self._forget_within = forget_within
        self._announce = announce
        self._known: dict[str, dict[str, Json]] = {}
        self._pending: dict[_Key, Json] = {}
        # None while it is not known what the disk has; the same for a single fact that is in doubt.
        self._on_disk: dict[_Key, bytes] | None = None
        self._in_doubt: set[_Key] = set()
        self._urgent = trio.Event()
        self._due = math.inf
        self._patience = trio.CancelScope()
        self._flushing = trio.Lock()
        self._under_way = False
        database.renewed.append(self._write_all_again)

    async def load(self) -> None:
        """Read the facts of earlier runs; what was remembered meanwhile is newer and stays."""
        rows = await self._rows()
        if rows is None:
            return
        damaged = []
        self._on_disk = {}
        for kind, key, value, checksum in rows:
            if _checksum(kind, key, value) != checksum:
                damaged.append(f"{kind}/{key}")
                self._in_doubt.add((kind, key))
                continue
            self._on_disk[kind, key] = value
            if (kind, key) not in self._pending:
                self._known.setdefault(kind, {})[key] = cast("Json", msgspec.json.decode(value))
        if damaged:
            self._announce(
                "storage",
                "critical",
                f"{len(damaged)} stored facts are damaged and were dropped",
                {"state": "firing", "reason": Trouble.CORRUPT, "facts": [*damaged[:20]]},
            )

    async def _rows(self) -> list[tuple[str, str, bytes, int]] | None:
        for _ in range(2):
            try:
                return await self._database.read(_select)
            except StoreTrouble as trouble:
                log.warning("facts not readable", trouble=trouble.kind)
                if trouble.kind is not Trouble.CORRUPT:
                    return None
                # It is set aside now; where there is a backup, that one has facts to read.
                await self._database.open()
        return None

    def recall(self, kind: str) -> dict[str, Json]:
        """All facts of a kind by key, as they stood at the start or were remembered since."""
        return dict(self._known.get(kind, {}))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        """Keep a fact; None forgets it.

        Args:
            kind: which family of facts.
            key: which of them.
            value: what JSON can carry; do not change it afterwards.
            urgent: on disk at once (grouped), instead of within the flush interval; forgotten within a second.
        """
        facts = self._known.setdefault(kind, {})
        if value is None:
            facts.pop(key, None)
        else:
            facts[key] = value
        self._pending[kind, key] = value
        if urgent and value is not None:
            self._urgent.set()
        elif urgent:
            self._due = min(self._due, trio.current_time() + self._forget_within)
            self._patience.deadline = min(self._patience.deadline, self._due)

    async def settle(self) -> None:
        """Wait until everything remembered so far is on disk, or known to be in memory only (see ``durable``)."""
        await self.flush()

    @property
    def durable(self) -> bool:
        """Whether everything remembered is on disk."""
        return not self._pending and not self._under_way

    async def run(self) -> None:
        """Write what is pending, for ever."""
        while True:
            with trio.move_on_at(min(trio.current_time() + self._flush_interval, self._due)) as self._patience:
                await self._urgent.wait()
                await trio.sleep(self._group)
            self._urgent, self._due = trio.Event(), math.inf
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
            news = self._news(batch)
            if not news:
                return
            self._in_doubt.update(news)
            self._under_way = True
            try:
                await self._database.write(lambda connection: _store(connection, news), "facts")
            except StoreTrouble:
                self._pending = {**batch, **self._pending}
            except BaseException:
                self._pending = {**batch, **self._pending}
                raise
            else:
                self._stands(news)
            finally:
                self._under_way = False

    def _news(self, batch: dict[_Key, Json]) -> dict[_Key, _Text]:
        """What of a batch the disk does not have yet."""
        texts: dict[_Key, _Text] = {
            key: None if value is None else msgspec.json.encode(value) for key, value in batch.items()
        }
        known = self._on_disk
        if known is None:
            return texts
        return {key: text for key, text in texts.items() if key in self._in_doubt or known.get(key) != text}

    def _stands(self, news: dict[_Key, _Text]) -> None:
        """The disk has these now."""
        self._in_doubt.difference_update(news)
        if self._on_disk is None:
            return
        for key, text in news.items():
            if text is None:
                self._on_disk.pop(key, None)
            else:
                self._on_disk[key] = text

    def _write_all_again(self) -> None:
        self._on_disk = {}
        self._in_doubt.clear()
        for kind, facts in self._known.items():
            for key, value in facts.items():
                self._pending.setdefault((kind, key), value)
        self._urgent.set()


def _select(connection: sqlite3.Connection) -> list[tuple[str, str, bytes, int]]:
    return connection.execute("SELECT kind, key, value, checksum FROM fact").fetchall()


def _store(connection: sqlite3.Connection, news: dict[_Key, _Text]) -> None:
    for (kind, key), text in news.items():
        if text is None:
            connection.execute("DELETE FROM fact WHERE kind = ? AND key = ?", (kind, key))
        else:
            connection.execute(
                "INSERT OR REPLACE INTO fact VALUES (?, ?, ?, ?)", (kind, key, text, _checksum(kind, key, text))
            )


def _checksum(kind: str, key: str, value: bytes) -> int:
    return zlib.crc32(b"\0".join((kind.encode(), key.encode(), value)))
