"""Run as a process of its own: the disk gets full under a store, and has space again later.

``limit DIRECTORY`` makes writing fail with a limit on the size of files, ``fill DIRECTORY`` by filling the file system,
which has to be a small one. ``start DIRECTORY FREE`` fills it before the first start, but for so many KiB. Prints what
it saw as one line of JSON.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

import trio
import trio.testing

from gateway.core.ports import Json
from gateway.core.tags import Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.storage import StoreSettings, open_storage

SETTINGS = StoreSettings(ballast=256 * 1024, write_budget=10**12, memory_rows=5000, flush_interval=5.0)


def fill(directory: Path, *, full: bool) -> None:
    filler = directory / "filler"
    if not full:
        filler.unlink()
        return
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


def limit(directory: Path, *, full: bool) -> None:
    largest = max(file.stat().st_size for file in directory.glob("*.db*"))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest if full else hard, hard))


async def main(make: str, directory: Path) -> None:
    news: list[tuple[str, str]] = []

    def wall() -> float:
        return 1_779_444_000.0 + trio.current_time()

    def announce(component: str, severity: str, summary: str, details: dict[str, Json]) -> None:
        news.append((summary, str(details["state"])))

    timeline = Timeline(trio.current_time, wall, lambda: True)
    tags = TagStore(trio.current_time, timeline)
    (cell,) = tags.add([Tag("l/d/t", "float32")])
    saw: dict[str, object] = {}
    change = fill if make == "fill" else limit
    async with (
        open_storage(
            directory, settings=SETTINGS, monotonic=trio.current_time, wall=wall, announce=announce, inline=True
        ) as storage,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(storage.run)
        nursery.start_soon(storage.record, tags, timeline)
        storage.facts.remember("k", "before", 1)
        await storage.facts.settle()
        change(directory, full=True)
        for number in range(400):
            await trio.sleep(0.5)
            tags.apply([cell], [float(number)], trio.current_time())
            storage.facts.remember("k", str(number), "x" * 500, urgent=True)
        await storage.facts.settle()
        saw["durable_when_full"] = storage.facts.durable
        saw["in_memory"] = storage.status()["history"]
        saw["readable"] = len(await storage.history.samples("l/d/t", 0.0, wall() + 1, None, 10_000))
        saw["facts_known"] = len(storage.facts.recall("k"))
        saw["news_when_full"] = list(news)
        change(directory, full=False)
        await trio.sleep(130.0)
        storage.facts.remember("k", "after", 1)
        await trio.sleep(10.0)
        saw["durable_after"] = storage.facts.durable
        saw["trouble_after"] = storage.status()["trouble"]
        saw["ballast_after"] = storage.status()["ballast"]
        saw["waiting_after"] = storage.status()["history"]
        saw["news"] = list(news)
        nursery.cancel_scope.cancel()
    async with open_storage(
        directory, settings=SETTINGS, monotonic=trio.current_time, wall=wall, announce=announce, inline=True
    ) as storage:
        saw["facts_kept"] = len(storage.facts.recall("k"))
        rows = await storage.history.samples("l/d/t", 0.0, wall() + 1, None, 10_000)
        saw["values_kept"] = len({row.value for row in rows if row.value is not None})
    sys.stdout.write(json.dumps(saw) + "\n")
    sys.stdout.flush()


async def start(directory: Path, free: int) -> None:
    fill(directory, full=True)
    filler = directory / "filler"
    os.truncate(filler, filler.stat().st_size - free * 1024)
    news: list[str] = []

    def announce(_component: str, _severity: str, summary: str, _details: dict[str, Json]) -> None:
        news.append(summary)

    async with open_storage(
        directory, settings=SETTINGS, monotonic=trio.current_time, wall=lambda: 0.0, announce=announce
    ) as storage:
        storage.facts.remember("k", "1", 1)
        await storage.facts.settle()
        sys.stdout.write(json.dumps({"known": storage.facts.recall("k"), "news": news}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "start":
        trio.run(start, Path(sys.argv[2]), int(sys.argv[3]))
        sys.exit()
    trio.run(main, sys.argv[1], Path(sys.argv[2]), clock=trio.testing.MockClock(autojump_threshold=0))
    os._exit(0)
