"""Requests that may come twice, with their answers: the contract of ``core.replays``."""

from __future__ import annotations

import sqlite3

from gateway.core.replays import KeptRequest
from gateway.storage.database import Database
from gateway.storage.part import Part

# Of each caller, and of all together; of what is more the oldest give way.
MOST_OF_CALLER = 100
MOST = 1000
# For the write budget.
_PART = "replays"


class StoredReplays:
    """Implements ``core.replays.ReplayStore``.

    Args:
        database: the file it stands in.
    """

    def __init__(self, database: Database) -> None:
        self._part = Part(database, _PART)

    async def find(self, name: bytes, since: float) -> KeptRequest | None:
        """See ``core.replays.ReplayStore``, as for the others."""

        def job(connection: sqlite3.Connection) -> KeptRequest | None:
            row = connection.execute(
                "SELECT mark, answer FROM replay WHERE name = ? AND begun > ?", (name, since)
            ).fetchone()
            return None if row is None else KeptRequest(*row)

        return await self._part.read(job)

    async def begin(self, name: bytes, caller: bytes, mark: bytes, at: float, since: float) -> None:
        """Keep that a request is begun."""

        def job(connection: sqlite3.Connection) -> None:
            # A clock that was set back must not keep what is begun tomorrow for longer than a day.
            connection.execute("DELETE FROM replay WHERE begun <= ? OR begun > ?", (since, at + (at - since)))
            connection.execute(
                "DELETE FROM replay WHERE number IN"
                " (SELECT number FROM replay WHERE caller = ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (caller, MOST_OF_CALLER - 1),
            )
            connection.execute(
                "DELETE FROM replay WHERE number IN (SELECT number FROM replay ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (MOST - 1,),
            )
            connection.execute("INSERT INTO replay VALUES (NULL, ?, ?, ?, NULL, ?)", (name, caller, mark, at))

        await self._part.write(job)

    async def finish(self, name: bytes, answer: bytes) -> None:
        """Keep what it was answered."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE replay SET answer = ? WHERE name = ?", (answer, name))

        await self._part.write(job)

    async def forget(self, name: bytes) -> None:
        """Forget that it was begun."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM replay WHERE name = ?", (name,))

        await self._part.write(job)
