"""Plugins are on the disk when that was said, over restarts too, and lists come in the order that was asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.eventlog import NotKept
from gateway.core.plugins import ORDERS, Archive, KeptPlugin, KeptVersion, PluginStatus, Release, Wanted
from gateway.storage.plugin_rows import encode, id_of_review, number_of_review
from gateway.storage.plugin_store import StoredPlugins, open_plugins
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage

NOON = 1_800_000_000.0
ARCHIVE = Archive(sha256="ab" * 32, size=1234, key_id="0123456789abcdef", signer="workshop", received=NOON + 9)


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


def plugin(id_: str, at: float = NOON, name: str = "", category: str = "test") -> KeptPlugin:
    release = Release(name=name or id_, version="1.0.0", category=category, author="Agent-6")
    return KeptPlugin(
        id=id_,
        release=release,
        publisher="agent-6",
        status=PluginStatus.INACTIVE,
        versions=(KeptVersion(version=release.version, created=at),),
        created=at,
        updated=at,
    )


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    release = Release(
        name="Ö",
        version="1.0.0",
        description="d",
        category="c",
        author="a",
        license="MIT",
        homepage="https://a.example/",
        tags=("x", "y"),
        config_schema={"type": "object", "properties": {"k": {"secret": True}}},
    )
    kept = replace(plugin("one"), release=release)
    async with store_in(tmp_path) as store:
        await store.add(kept)
        await store.keep_archive("one", "1.0.0", ARCHIVE, PluginStatus.ACTIVE, manifest=b"{}", docs="# One")
        await store.change("one", replace(release, version="1.1.0"), NOON + 20)
        await store.count_download("one")
        review = await store.add_review("one", "agent-7", 4, "fine", NOON + 30)
    async with store_in(tmp_path) as store:
        found = await store.find("one")
        assert found is not None
        assert found.release == replace(release, version="1.1.0")
        assert [version.version for version in found.versions] == ["1.1.0", "1.0.0"]
        assert found.packaged is not None
        assert found.packaged.archive == ARCHIVE
        assert (found.status, found.downloads, found.rating) == (PluginStatus.ACTIVE, 1, 4.0)
        assert (found.created, found.updated) == (NOON, NOON + 20)
        assert found.review_ids == (review.id,)
        assert await store.release("one", "1.0.0") == release
        assert await store.docs("one", "1.0.0") == "# One"
        assert await store.docs("one", "1.1.0") is None
        said = sum(len(encode(replace(release, version=version))) for version in ("1.0.0", "1.1.0"))
        assert await store.space() == said + ARCHIVE.size + len(b"{}") + len("# One")


async def test_what_is_removed_is_out_of_sight_and_its_id_stays_used(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await store.add(plugin("one"))
        review = await store.add_review("one", "agent-7", 4, "", NOON)
        await store.keep_archive("one", "1.0.0", ARCHIVE, PluginStatus.ACTIVE, manifest=b"{}", docs=None)
        await store.remove("one", NOON + 1)
        assert await store.used("one")
        assert not await store.used("two")
        assert await store.find("one") is None
        assert await store.release("one", "1.0.0") is None
        assert await store.review(review.id) is None
        assert await store.list(Wanted()) == ([], 0)
        assert await store.space() == 0


async def test_a_rating_is_the_mean_of_what_is_said_now(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        await store.add(plugin("one"))
        found = await store.find("one")
        assert found is not None
        assert found.rating is None
        made = [await store.add_review("one", f"agent-{n}", stars, "", NOON) for n, stars in enumerate((5, 4, 4, 2))]

        async def rating() -> float | None:
            found = await store.find("one")
            return None if found is None else found.rating

        assert await rating() == 3.8, "3.75, halves up"
        await store.change_review(replace(made[3], stars=5, updated=NOON + 1))
        assert await rating() == 4.5
        await store.remove_review(made[0].id)
        assert await rating() == 4.3
        reviews, total = await store.reviews("one", 1, 1)
        assert ([review.subject for review in reviews], total) == (["agent-2"], 3)
        assert await store.review_of("one", "agent-2") is not None
        assert await store.review_of("one", "agent-9") is None


async def test_lists_are_filtered_sorted_and_cut(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        for number, (name, category) in enumerate([("b", "x"), ("A", "y"), ("c", "x"), ("a2", "x")]):
            await store.add(plugin(f"id{number}", NOON - number, name=name, category=category))
        for _ in range(2):
            await store.count_download("id2")
        await store.add_review("id0", "s", 2, "", NOON)

        async def ids(**wanted: object) -> list[str]:
            found, _ = await store.list(Wanted(**wanted))  # type: ignore[arg-type] # tests know them
            return [one.id for one in found]

        assert await ids() == ["id0", "id1", "id2", "id3"]
        assert await ids(order=(("name", False),)) == ["id1", "id3", "id0", "id2"]
        assert await ids(order=(("downloads", True), ("name", True))) == ["id2", "id0", "id3", "id1"]
        assert await ids(order=(("rating", True),)) == ["id0", "id1", "id2", "id3"], "equal ones by id"
        assert await ids(order=(("updated_at", False),)) == ["id3", "id2", "id1", "id0"]
        assert await ids(category="x", offset=1, limit=1) == ["id2"]
        assert await ids(status=PluginStatus.ACTIVE) == []
        assert await ids(author="Agent-6", category="y") == ["id1"]
        _, total = await store.list(Wanted(category="x", limit=1))
        assert total == 3
        assert set(ORDERS) == {"name", "downloads", "rating", "updated_at"}


async def test_a_disk_that_takes_nothing_says_so(tmp_path: Path) -> None:
    async with store_in(tmp_path) as store:
        (tmp_path / "plugins.db-wal").unlink(missing_ok=True)
    (tmp_path / "plugins.db").unlink()
    (tmp_path / "plugins.db").mkdir()
    async with store_in(tmp_path) as store:
        with pytest.raises(NotKept):
            await store.find("one")
        with pytest.raises(NotKept):
            await store.add(plugin("one"))


@given(st.integers(1, 2**40))
@settings(deadline=None)
def test_ids_of_reviews_are_numbers_in_one_way_of_writing(number: int) -> None:
    assert number_of_review(id_of_review(number)) == number
    for other in (f"review-0{number}", f"review-+{number}", f"{number}", f"review-{number} ", "review-", "review-²"):
        assert number_of_review(other) == -1
