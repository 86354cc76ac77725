"""The registry of plugins, whole but for the disk: its tables are in memory."""

from __future__ import annotations

import sqlite3
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import trio

from gateway.api.rest.plugin_parts import PluginParts
from gateway.core.publisher_keys import key_id
from gateway.plugins.registry.registry import Registry
from gateway.plugins.registry.reviews import Reviews
from gateway.plugins.registry.shelf import Shelf
from gateway.settings.plugin_model import PluginSettings, PublisherSettings
from gateway.storage.database import Database
from gateway.storage.migrate import packaged_steps
from gateway.storage.plugin_store import StoredPlugins
from gateway.storage.trouble import StoreTrouble, Trouble
from tests.gateway.api.services import NOON
from tests.gateway.plugins.making import PUBLIC, PUBLIC_TEXT

PUBLISHER = PublisherSettings(name="workshop", key=PUBLIC_TEXT)
KEY_ID = key_id(PUBLIC)


class Tables:
    """What a store needs of a database."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        # It can be read all the same.
        self.full = False
        # Whoever collects what is no more may do so in another thread.
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        # From Python 3.13 on it complains where nobody closes it.
        weakref.finalize(self, self._connection.close)
        for step in packaged_steps("plugins"):
            self._connection.executescript(step.sql)

    async def write(self, job: Callable[[sqlite3.Connection], Any], _part: str) -> Any:
        if self.full:
            raise StoreTrouble(Trouble.FULL, "no room")
        return await self.read(job)

    async def read(self, job: Callable[[sqlite3.Connection], Any]) -> Any:
        await trio.lowlevel.checkpoint()
        if self.trouble is not None:
            raise StoreTrouble(Trouble.FULL, self.trouble)
        self._connection.execute("BEGIN")
        try:
            return job(self._connection)
        finally:
            self._connection.execute("COMMIT")


class Plugins:
    """The registry, and what tests turn at it.

    Args:
        directory: for packages.
    """

    def __init__(self, directory: Path) -> None:
        self.tables = Tables()
        self.settings = PluginSettings(publishers=(PUBLISHER,))
        self.now = NOON
        self.directory = directory / "plugins"
        self.store = StoredPlugins(cast("Database", self.tables))
        self.parts = PluginParts(
            registry=Registry(self.store, Shelf(self.directory), lambda: self.settings, self._wall),
            reviews=Reviews(self.store, self._wall),
        )

    def _wall(self) -> float:
        self.now += 1
        return self.now
