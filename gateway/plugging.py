"""Plugins are put together: the registry, its store, and the shelf of packages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from gateway.api.rest.plugin_parts import PluginParts
from gateway.plugins.registry.registry import Registry
from gateway.plugins.registry.reviews import Reviews
from gateway.plugins.registry.shelf import Shelf
from gateway.settings.model import Settings
from gateway.storage.database import Database
from gateway.storage.plugin_store import open_plugins
from gateway.storage.storage import Storage

# Of the state directory, where packages lie.
PACKAGES = "plugins"


@dataclass(frozen=True, slots=True)
class Plugged:
    """What plugins are made of.

    Attributes:
        parts: for the API.
        database: the file of plugins, for what else stands in it.
    """

    parts: PluginParts
    database: Database


@asynccontextmanager
async def plugging(
    storage: Storage, state: Path, settings: Callable[[], Settings], wall: Callable[[], float]
) -> AsyncIterator[Plugged]:
    """Open what plugins are made of.

    Args:
        storage: the store, open for as long as the block.
        state: the state directory.
        settings: those in force.
        wall: Unix seconds.

    Raises:
        NewerSchema: a newer version of the gateway wrote the file of plugins.
    """
    shelf = Shelf(state / PACKAGES)
    await trio.to_thread.run_sync(shelf.clear)
    async with open_plugins(storage) as store:
        parts = PluginParts(
            registry=Registry(store, shelf, lambda: settings().plugin, wall), reviews=Reviews(store, wall)
        )
        yield Plugged(parts, store.database)
