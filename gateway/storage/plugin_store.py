"""Plugins, their versions and reviews: the file ``plugins.db`` behind the contract of ``core.plugins``."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from gateway.core.plugins import Archive, KeptPlugin, PluginStatus, Release, Review, Wanted
from gateway.storage import plugin_rows as rows
from gateway.storage.database import Database
from gateway.storage.part import Part
from gateway.storage.storage import Storage

PLUGINS_FILE = "plugins.db"
# A commit writes every 4 KiB block of the log that its pages touch, and a download changes one row.
_PAGE = 1024
_PART = "plugins"


class StoredPlugins:
    """Implements ``core.plugins.PluginStore``. Open it with ``open_plugins``.

    Args:
        database: the file.

    Attributes:
        database: as it was given, for what else stands in it.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._part = Part(database, _PART)

    async def list(self, wanted: Wanted) -> tuple[Sequence[KeptPlugin], int]:
        """See ``core.plugins.PluginStore``, as for the others."""
        return await self._part.read(lambda connection: rows.listed(connection, wanted))

    async def find(self, id_: str) -> KeptPlugin | None:
        """One plugin."""
        return await self._part.read(lambda connection: rows.found(connection, id_))

    async def used(self, id_: str) -> bool:
        """Whether there is or was one of this id."""

        def job(connection: sqlite3.Connection) -> bool:
            return connection.execute("SELECT 1 FROM plugin WHERE id = ?", (id_,)).fetchone() is not None

        return await self._part.read(job)

    async def downloads(self) -> int:
        """Completed downloads of all plugins there are."""

        def job(connection: sqlite3.Connection) -> int:
            (total,) = connection.execute(
                "SELECT coalesce(sum(downloads), 0) FROM plugin WHERE removed IS NULL"
            ).fetchone()
            return int(total)

        return await self._part.read(job)

    async def space(self) -> int:
        """Bytes of all versions and packages."""

        def job(connection: sqlite3.Connection) -> int:
            (total,) = connection.execute(
                "SELECT coalesce(sum(length(document) + coalesce(size + length(manifest), 0)"
                " + coalesce(length(CAST(docs AS BLOB)), 0)), 0)"
                " FROM version JOIN plugin ON plugin.number = version.plugin WHERE removed IS NULL"
            ).fetchone()
            return int(total)

        return await self._part.read(job)

    async def add(self, plugin: KeptPlugin) -> None:
        """Keep a new plugin."""
        release = plugin.release

        def job(connection: sqlite3.Connection) -> None:
            made = connection.execute(
                "INSERT INTO plugin VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?, NULL)",
                (
                    plugin.id,
                    release.name,
                    rows.folded(release.name),
                    release.version,
                    release.category,
                    release.author,
                    plugin.publisher,
                    plugin.status.value,
                    plugin.created,
                    plugin.updated,
                ),
            )
            _say(connection, int(made.lastrowid or 0), release, plugin.created)

        await self._part.write(job)

    async def change(self, id_: str, release: Release, at: float) -> None:
        """Keep what its publisher says now."""

        def job(connection: sqlite3.Connection) -> None:
            number = rows.number_of(connection, id_)
            connection.execute(
                "UPDATE plugin SET name = ?, folded = ?, version = ?, category = ?, author = ?, updated = ?"
                " WHERE number = ?",
                (
                    release.name,
                    rows.folded(release.name),
                    release.version,
                    release.category,
                    release.author,
                    at,
                    number,
                ),
            )
            _say(connection, number, release, at)

        await self._part.write(job)

    async def release(self, id_: str, version: str) -> Release | None:
        """What was said last of one version."""

        def job(connection: sqlite3.Connection) -> Release | None:
            row = connection.execute(
                "SELECT document FROM version JOIN plugin ON plugin.number = version.plugin"
                " WHERE id = ? AND removed IS NULL AND version.version = ?",
                (id_, version),
            ).fetchone()
            return None if row is None else rows.decode(row[0])

        return await self._part.read(job)

    async def keep_archive(
        self, id_: str, version: str, archive: Archive, status: PluginStatus, *, manifest: bytes, docs: str | None
    ) -> None:
        """Keep what is known of a package."""

        def job(connection: sqlite3.Connection) -> None:
            number = rows.number_of(connection, id_)
            connection.execute(
                "UPDATE version SET sha256 = ?, size = ?, key_id = ?, signer = ?, received = ?, manifest = ?, docs = ?"
                " WHERE plugin = ? AND version = ?",
                (
                    archive.sha256,
                    archive.size,
                    archive.key_id,
                    archive.signer,
                    archive.received,
                    manifest,
                    docs,
                    number,
                    version,
                ),
            )
            connection.execute(
                "UPDATE plugin SET status = ?, updated = ? WHERE number = ?", (status.value, archive.received, number)
            )

        await self._part.write(job)

    async def docs(self, id_: str, version: str) -> str | None:
        """The documentation of a package."""

        def job(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT docs FROM version JOIN plugin ON plugin.number = version.plugin"
                " WHERE id = ? AND version.version = ?",
                (id_, version),
            ).fetchone()
            return None if row is None or row[0] is None else str(row[0])

        return await self._part.read(job)

    async def manifest(self, id_: str, version: str) -> bytes | None:
        """The manifest of a package."""

        def job(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT manifest FROM version JOIN plugin ON plugin.number = version.plugin"
                " WHERE id = ? AND removed IS NULL AND version.version = ?",
                (id_, version),
            ).fetchone()
            return None if row is None or row[0] is None else bytes(row[0])

        return await self._part.read(job)

    async def set_status(self, id_: str, status: PluginStatus, at: float) -> None:
        """Keep whether it can be installed."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE plugin SET status = ?, updated = ? WHERE id = ?", (status.value, at, id_))

        await self._part.write(job)

    async def count_download(self, id_: str) -> None:
        """Count one."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE plugin SET downloads = downloads + 1 WHERE id = ?", (id_,))

        await self._part.write(job)

    async def remove(self, id_: str, at: float) -> None:
        """Take a plugin out of sight."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE plugin SET removed = ? WHERE id = ? AND removed IS NULL", (at, id_))

        await self._part.write(job)

    async def reviews(self, plugin: str, offset: int, limit: int) -> tuple[Sequence[Review], int]:
        """Reviews of a plugin."""

        def job(connection: sqlite3.Connection) -> tuple[list[Review], int]:
            found = connection.execute(
                "SELECT reviews FROM plugin WHERE id = ? AND removed IS NULL", (plugin,)
            ).fetchone()
            return rows.reviews_of(connection, plugin, offset, limit), 0 if found is None else int(found[0])

        return await self._part.read(job)

    async def review(self, id_: str) -> Review | None:
        """One review."""
        return await self._part.read(lambda connection: rows.review(connection, id_))

    async def review_of(self, plugin: str, subject: str) -> Review | None:
        """The review somebody wrote."""
        return await self._part.read(lambda connection: rows.review_of(connection, plugin, subject))

    async def add_review(self, plugin: str, subject: str, stars: int, text: str, at: float) -> Review:
        """Keep a new review."""

        def job(connection: sqlite3.Connection) -> Review:
            number = rows.number_of(connection, plugin)
            made = connection.execute(
                "INSERT INTO review VALUES (NULL, ?, ?, ?, ?, ?, ?)", (number, subject, stars, text, at, at)
            )
            _sum_up(connection, number)
            return Review(
                id=rows.id_of_review(int(made.lastrowid or 0)),
                plugin=plugin,
                subject=subject,
                stars=stars,
                text=text,
                created=at,
                updated=at,
            )

        return await self._part.write(job)

    async def change_review(self, review: Review) -> None:
        """Keep other stars or another text."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE review SET stars = ?, text = ?, updated = ? WHERE number = ?",
                (review.stars, review.text, review.updated, rows.number_of_review(review.id)),
            )
            _sum_up(connection, rows.number_of(connection, review.plugin))

        await self._part.write(job)

    async def remove_review(self, id_: str) -> None:
        """Forget a review."""

        def job(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM review WHERE number = ? RETURNING plugin", (rows.number_of_review(id_),)
            ).fetchone()
            if gone is not None:
                _sum_up(connection, gone[0])

        await self._part.write(job)


def _say(connection: sqlite3.Connection, number: int, release: Release, at: float) -> None:
    connection.execute(
        "INSERT INTO version (plugin, version, document, created) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (plugin, version) DO UPDATE SET document = excluded.document",
        (number, release.version, rows.encode(release), at),
    )


def _sum_up(connection: sqlite3.Connection, number: int) -> None:
    connection.execute(
        "UPDATE plugin SET (stars, reviews) ="
        " (SELECT coalesce(sum(stars), 0), count(*) FROM review WHERE plugin = plugin.number) WHERE number = ?",
        (number,),
    )


@asynccontextmanager
async def open_plugins(storage: Storage) -> AsyncIterator[StoredPlugins]:
    """Open the file of plugins beside the other files of an open store, which closes it.

    No trouble of the disk keeps it from opening: then everything raises ``NotKept`` until the disk is well again.

    Args:
        storage: the store, open for as long as the block.

    Raises:
        NewerSchema: a newer version of the gateway wrote the file.
    """
    database = storage.another_file(PLUGINS_FILE, "plugins", _PAGE)
    await database.open()
    yield StoredPlugins(database)
