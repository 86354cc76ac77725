"""What instances of plugins keep: values in the file ``plugins.db``."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from gateway.storage.database import Database
from gateway.storage.part import Part

# For the write budget.
_PART = "plugin_values"


class StoredValues:
    """Values by instance and key, as JSON text. Every method raises ``NotKept`` for a disk in trouble.

    Args:
        database: the file of plugins.
    """

    def __init__(self, database: Database) -> None:
        self._part = Part(database, _PART)

    async def get(self, instance: str, key: str) -> str | None:
        """A value; None: there is none."""

        def job(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT value FROM kept_value WHERE instance = ? AND key = ?", (instance, key)
            ).fetchone()
            return None if row is None else str(row[0])

        return await self._part.read(job)

    async def put(self, instance: str, key: str, value: str) -> None:
        """Keep a value; it is on the disk when this returns."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO kept_value VALUES (?, ?, ?)", (instance, key, value))

        await self._part.write(job)

    async def delete(self, instance: str, key: str) -> bool:
        """Forget a value; whether there was one."""

        def job(connection: sqlite3.Connection) -> bool:
            gone = connection.execute("DELETE FROM kept_value WHERE instance = ? AND key = ?", (instance, key))
            return gone.rowcount > 0

        return await self._part.write(job)

    async def sizes(self, instance: str) -> Mapping[str, int]:
        """Bytes of every value and its key, by key."""

        def job(connection: sqlite3.Connection) -> dict[str, int]:
            return dict(
                connection.execute(
                    "SELECT key, length(CAST(key AS BLOB)) + length(CAST(value AS BLOB)) FROM kept_value"
                    " WHERE instance = ?",
                    (instance,),
                )
            )

        return await self._part.read(job)

    async def forget(self, instance: str) -> None:
        """Forget all values of an instance."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM kept_value WHERE instance = ?", (instance,))

        await self._part.write(job)
