"""What is installed is on the disk when that was said, and nothing of its configuration is once it is removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio

from gateway.core.instances import KeptInstance, Owner, OwnerType
from gateway.core.plugins import Archive, KeptPlugin, KeptVersion, PluginStatus, Release
from gateway.storage.plugin_instances import StoredInstances
from gateway.storage.plugin_store import StoredPlugins, open_plugins
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage

NOON = 1_800_000_000.0


@asynccontextmanager
async def store_in(directory: Path) -> AsyncIterator[StoredPlugins]:
    settings = StoreSettings(write_budget=200_000_000)
    async with (
        open_storage(
            directory, settings=settings, monotonic=trio.current_time, wall=lambda: NOON, inline=True
        ) as storage,
        open_plugins(storage) as store,
    ):
        yield store


def instance(id_: str = "instance-1", at: float = NOON) -> KeptInstance:
    return KeptInstance(
        id=id_,
        plugin="scale",
        version="1.0.0",
        owner=Owner(OwnerType.ORGANIZATION, "acme-corp"),
        installed_by="user:ada",
        permissions=("read-tags:a/*", "use-storage"),
        config={"key": "********", "days": 90, "nested": {"deep": [1, None, True]}},
        sealed="c2VhbGVk",
        wanted=True,
        region="north",
        created=at,
        updated=at + 1,
    )


async def test_what_was_installed_is_there_after_a_restart(tmp_path: Path) -> None:
    second = replace(instance("instance-2", NOON - 5), sealed=None, wanted=False, suspended=True, region=None)
    async with store_in(tmp_path) as store:
        await StoredInstances(store.database).put(instance())
        await StoredInstances(store.database).put(second)
        await StoredInstances(store.database).put(replace(instance(), version="1.1.0"))
    async with store_in(tmp_path) as store:
        assert await StoredInstances(store.database).all() == [second, replace(instance(), version="1.1.0")]


async def test_what_is_given_up_is_out_of_sight_and_has_lost_its_configuration(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await StoredInstances(store.database).put(replace(instance(), sealed="canary-of-the-seal"))
        await StoredInstances(store.database).give_up("instance-1")
    async with store_in(tmp_path) as store:
        assert await StoredInstances(store.database).all() == []
        assert await StoredInstances(store.database).given_up() == ["instance-1"]
        await StoredInstances(store.database).remove("instance-1")
        assert await StoredInstances(store.database).given_up() == []


async def test_the_manifest_of_a_package_is_kept_to_the_byte(tmp_path: Path) -> None:
    release = Release(name="Scale", version="1.0.0", category="test", author="ada")
    plugin = KeptPlugin(
        id="scale",
        release=release,
        publisher="user:ada",
        status=PluginStatus.INACTIVE,
        versions=(KeptVersion(version="1.0.0", created=NOON),),
        created=NOON,
        updated=NOON,
    )
    archive = Archive(sha256="ab" * 32, size=9, key_id="0123456789abcdef", signer="workshop", received=NOON)
    async with store_in(tmp_path) as store:
        await store.add(plugin)
        assert await store.manifest("scale", "1.0.0") is None
        await store.keep_archive("scale", "1.0.0", archive, PluginStatus.ACTIVE, manifest=b'{ "a": 1}', docs=None)
        assert await store.manifest("scale", "1.0.0") == b'{ "a": 1}'
        assert await store.manifest("scale", "9.9.9") is None
        await store.remove("scale", NOON)
        assert await store.manifest("scale", "1.0.0") is None
