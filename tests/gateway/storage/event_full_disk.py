"""Run as a process of its own in a small file system: fills it, goes on appending, makes room again, and tells all."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from gateway.core.eventlog import KeptWebhook, NotKept
from gateway.storage import StoreSettings, open_storage
from gateway.storage.event_store import EventStore, open_events
from gateway.storage.settings import Announce
from tests.gateway.storage.event_making import attempt, delivery, entry


def fill(directory: Path) -> None:
    with suppress(OSError), (directory / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


async def append_all(store: EventStore, numbers: range, kept: list[int], refused: list[int]) -> None:
    for number in numbers:
        try:
            await store.log.append([entry(number, data={"x": "y" * 600})])
            kept.append(number)
        except NotKept:
            refused.append(number)
        store._file._database._outage.try_now()


@asynccontextmanager
async def opened(directory: Path, announce: Announce) -> AsyncIterator[EventStore]:
    async with (
        open_storage(
            directory,
            settings=StoreSettings(ballast=128 * 1024, write_budget=10**12),
            monotonic=trio.current_time,
            wall=time.time,
            announce=announce,
        ) as storage,
        open_events(storage, wall=time.time) as store,
    ):
        yield store


async def main(directory: Path) -> None:
    kept: list[int] = []
    refused: list[int] = []
    news: list[str] = []
    saw: dict[str, object] = {"kept": kept, "refused": refused, "news": news}

    def announce(_component: str, _severity: str, summary: str, details: object) -> None:
        news.append(summary)

    async with opened(directory, announce) as store:
        await store.outbox.save(KeptWebhook("wh-1", {"url": "https://a.example"}, 0))
        await append_all(store, range(1, 20), kept, refused)
        fill(directory)
        await append_all(store, range(20, 600), kept, refused)
        try:
            await store.outbox.record("wh-1", 5, [delivery(1, 5)], [attempt(1)])
            saw["recorded"] = True
        except NotKept as trouble:
            saw["recorded"] = str(trouble)
        saw["read_when_full"] = [event.sequence for event in await store.log.after(0, 1000)]
        saw["ballast_when_full"] = (directory / "ferrule.ballast").exists()
        (directory / "filler").unlink()
        store._file._database._outage.try_now()
        await append_all(store, range(600, 620), kept, refused)
        await store.outbox.record("wh-1", 6, [delivery(2, 6)], [attempt(2)])
    async with opened(directory, announce) as store:
        saw["found"] = [event.sequence for event in await store.log.after(0, 1000)]
        saw["deliveries"] = [found.id for found in await store.outbox.deliveries("wh-1")]
        saw["cursor"] = [webhook.cursor for webhook in await store.outbox.webhooks()]
    sys.stdout.write(json.dumps(saw) + "\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
