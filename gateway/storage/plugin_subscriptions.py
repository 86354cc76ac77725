"""Subscriptions of plugins: rows of ``plugins.db`` behind the contract of ``core.plugin_subscriptions``."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from gateway.core.plugin_subscriptions import PluginSubscription
from gateway.core.ports import Json
from gateway.storage.database import Database
from gateway.storage.part import Part

_PART = "plugins"
_COLUMNS = "plugin, target, handler, pattern, filter, subscribed_by, created"
_Row = tuple[int, str, str, str, str, bytes, str, float]


class StoredSubscriptions:
    """Implements ``core.plugin_subscriptions.PluginSubscriptionStore``.

    Args:
        database: the file, open.
    """

    def __init__(self, database: Database) -> None:
        self._part = Part(database, _PART)

    async def all(self) -> Sequence[PluginSubscription]:
        """See ``core.plugin_subscriptions.PluginSubscriptionStore``, as for the others."""

        def job(connection: sqlite3.Connection) -> list[PluginSubscription]:
            rows = connection.execute(
                f"SELECT number, {_COLUMNS} FROM subscription"  # noqa: S608 - our columns
                " WHERE NOT EXISTS (SELECT 1 FROM plugin WHERE id = subscription.plugin AND removed IS NOT NULL)"
                " ORDER BY number"
            ).fetchall()
            return [_subscription(row) for row in rows]

        return await self._part.read(job)

    async def add(self, subscriptions: Sequence[PluginSubscription]) -> Sequence[PluginSubscription]:
        """Keep new ones, all or none."""

        def job(connection: sqlite3.Connection) -> list[PluginSubscription]:
            return [replace(one, number=_insert(connection, one)) for one in subscriptions]

        return await self._part.write(job)

    async def remove(self, number: int) -> None:
        """Forget one, and those of plugins that are gone."""

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM subscription WHERE number = ?"
                " OR plugin IN (SELECT id FROM plugin WHERE removed IS NOT NULL)",
                (number,),
            )

        await self._part.write(job)


def _insert(connection: sqlite3.Connection, one: PluginSubscription) -> int:
    made = connection.execute(
        f"INSERT INTO subscription ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our columns
        (one.plugin, one.target, one.handler, one.pattern, msgspec.json.encode(one.filter), one.by, one.created),
    )
    return int(made.lastrowid or 0)


def _subscription(row: _Row) -> PluginSubscription:
    number, plugin, target, handler, pattern, wanted, by, created = row
    found: dict[str, Json] = msgspec.json.decode(wanted)
    return PluginSubscription(
        number=number,
        plugin=plugin,
        target=target,
        handler=handler,
        pattern=pattern,
        filter=found,
        by=by,
        created=created,
    )
