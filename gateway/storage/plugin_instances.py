"""Installed plugins: rows of ``plugins.db`` behind the contract of ``core.instances``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from gateway.core.instances import KeptInstance, Owner, OwnerType
from gateway.core.ports import Json
from gateway.storage.database import Database
from gateway.storage.part import Part

_PART = "plugins"
_COLUMNS = (
    "id, plugin, version, owner_type, owner, installed_by, permissions, config, sealed, wanted, suspended, region,"
    " created, updated"
)
_Row = tuple[str, str, str, str, str, str, bytes, bytes, str | None, int, int, str | None, float, float]


class StoredInstances:
    """Implements ``core.instances.InstanceStore``.

    Args:
        database: the file, open.
    """

    def __init__(self, database: Database) -> None:
        self._part = Part(database, _PART)

    async def all(self) -> Sequence[KeptInstance]:
        """See ``core.instances.InstanceStore``, as for the others."""

        def job(connection: sqlite3.Connection) -> list[KeptInstance]:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM instance WHERE given_up = 0 ORDER BY created, id"  # noqa: S608 - our columns
            ).fetchall()
            return [_instance(row) for row in rows]

        return await self._part.read(job)

    async def put(self, instance: KeptInstance) -> None:
        """Keep one."""
        row: _Row = (
            instance.id,
            instance.plugin,
            instance.version,
            instance.owner.type.value,
            instance.owner.id,
            instance.installed_by,
            msgspec.json.encode(instance.permissions),
            msgspec.json.encode(instance.config),
            instance.sealed,
            int(instance.wanted),
            int(instance.suspended),
            instance.region,
            instance.created,
            instance.updated,
        )

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"INSERT OR REPLACE INTO instance ({_COLUMNS}, given_up)"  # noqa: S608 - our columns
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                row,
            )

        await self._part.write(job)

    async def give_up(self, id_: str) -> None:
        """Note that one is being removed."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE instance SET given_up = 1, wanted = 0, config = ?, sealed = NULL WHERE id = ?", (b"{}", id_)
            )

        await self._part.write(job)

    async def given_up(self) -> Sequence[str]:
        """Ids of those whose removal did not come to its end."""

        def job(connection: sqlite3.Connection) -> list[str]:
            return [id_ for (id_,) in connection.execute("SELECT id FROM instance WHERE given_up = 1 ORDER BY id")]

        return await self._part.read(job)

    async def remove(self, id_: str) -> None:
        """Forget one."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM instance WHERE id = ?", (id_,))

        await self._part.write(job)


def _instance(row: _Row) -> KeptInstance:
    (
        id_,
        plugin,
        version,
        owner_type,
        owner,
        installed_by,
        permissions,
        config,
        sealed,
        wanted,
        suspended,
        region,
        created,
        updated,
    ) = row
    found: dict[str, Json] = msgspec.json.decode(config)
    return KeptInstance(
        id=id_,
        plugin=plugin,
        version=version,
        owner=Owner(OwnerType(owner_type), owner),
        installed_by=installed_by,
        permissions=msgspec.json.decode(permissions, type=tuple[str, ...]),
        config=found,
        sealed=sealed,
        wanted=bool(wanted),
        suspended=bool(suspended),
        region=region,
        created=created,
        updated=updated,
    )
