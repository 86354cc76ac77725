"""kill -9 at any moment, under load: nothing that was acknowledged is lost, and no cursor is ahead of what is recorded.

Run as a process of its own, to be killed, it writes for ever: on each line of standard input it forks a store with
events, messages and deliveries. It says ``pid N``, then ``state`` with all it found as JSON, then ``ack`` and what is
on the disk.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import trio

from gateway.core.eventlog import KeptWebhook, Priority
from gateway.storage import StoreSettings, open_storage
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.event_store import EVENTS_FILE, EventStore, open_events
from tests.gateway.storage.event_making import attempt, delivery, entry, message
from tests.gateway.storage.killing import Dead, Patience, Said, lives, sound

WEBHOOKS = ("wh-1", "wh-2")
# Bytes there are for events of low priority: more than all others grow in one life, even where the reader is slow.
_LOW = 3_000_000
_FILL = {"x": "y" * 3000}
_FAR = 4e9


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def announce(component: str, severity: str, summary: str, details: object) -> None:
    say(f"news {component} {severity} {summary}")


async def state(store: EventStore) -> dict[str, object]:
    """All that is in the file."""
    numbers: list[int] = []
    while events := await store.log.after(numbers[-1] if numbers else 0, 1000):
        numbers += [event.sequence for event in events]
    messages = await store.mailbox.fetch(None, waiting_only=False, after=0, limit=1_000_000)
    kept = set(numbers) - {message.sequence for message in messages}
    cursors = {webhook.id: webhook.cursor for webhook in await store.outbox.webhooks()}
    deliveries: dict[str, tuple[str, int]] = {}
    unrecorded = 0
    for webhook, cursor in cursors.items():
        for found in await store.outbox.deliveries(webhook, limit=1_000_000):
            deliveries[found.id] = (found.status, found.attempts)
        begun = await store.outbox.begun(webhook, 0)
        unrecorded += len([number for number in kept if number % 4 == 0 and number <= cursor and number not in begun])
    return {
        "numbers": numbers,
        "messages": {message.id: message.acknowledged is not None for message in messages},
        "cursors": cursors,
        "deliveries": deliveries,
        "unrecorded": unrecorded,
    }


async def append_for_ever(store: EventStore, numbers: Iterator[int]) -> None:
    while True:
        # Every fourth is of high priority and wanted by the webhooks.
        taken = [next(numbers) for _ in range(random.choice((1, 2, 4, 8)))]
        await store.log.append(
            [
                entry(number, priority=Priority.LOW if number % 4 else Priority.HIGH, data={"x": "y" * (number % 3000)})
                for number in taken
            ]
        )
        for number in taken:
            if number % 4 == 0:
                say(f"ack event {number}")


async def send_for_ever(store: EventStore, numbers: Iterator[int]) -> None:
    while True:
        number = next(numbers)
        await store.log.append([message(number, expires=_FAR)])
        say(f"ack message m-{number}")
        if number % 2:
            await store.mailbox.acknowledge(f"m-{number}", time.time())
            say(f"ack read m-{number}")


async def deliver_for_ever(store: EventStore, webhook: str, cursor: int, numbers: Iterator[int]) -> None:
    while True:
        events = await store.log.after(cursor, 50)
        if not events:
            await trio.sleep(0.001)
            continue
        cursor = events[-1].sequence
        made = []
        for event in events:
            if event.sequence % 4 == 0 and event.type != "message:received":
                number = next(numbers)
                made.append((number, delivery(number, event.sequence, webhook=webhook)))
        await store.outbox.record(webhook, cursor, [done for _, done in made], [attempt(number) for number, _ in made])
        say(f"ack cursor {webhook} {cursor}")
        for number, _ in made:
            say(f"ack delivery d-{number}")


async def live(directory: Path, size: int) -> None:
    async with (
        open_storage(
            directory,
            settings=StoreSettings(ballast=0, flush_interval=0.02, write_budget=10**12),
            monotonic=trio.current_time,
            wall=time.time,
            announce=announce,
        ) as storage,
        open_events(
            storage,
            settings=EventStoreSettings(size=size, upkeep=0.02, patience=0.002, slice_rows=20, spare_deliveries=10**9),
            wall=time.time,
        ) as store,
        trio.open_nursery() as nursery,
    ):
        found = await state(store)
        say(f"state {json.dumps(found)}")
        for webhook in WEBHOOKS:
            await store.outbox.save(KeptWebhook(webhook, {"url": "https://a.example"}, 0))
        # As the gateway does it: each start goes on at a number that none before has reached.
        start = int(time.time() * 1000) * 4
        numbers, calls = count(start), count(start)
        store.log.dropping.append(lambda events: say(f"drop {sum(event.sequence % 4 == 0 for event in events)}"))
        while await store._file.used() < 0.9 * size:
            filling = [next(numbers) for _ in range(60)]
            await store.log.append(
                [entry(number, priority=Priority.LOW, data=_FILL) for number in filling if number % 4]
            )
        nursery.start_soon(storage.run)
        nursery.start_soon(store.run)
        for _ in range(2):
            nursery.start_soon(append_for_ever, store, numbers)
        # A message's number is odd or even as it comes, and never one of the others'.
        nursery.start_soon(send_for_ever, store, numbers)
        for kept in await store.outbox.webhooks():
            nursery.start_soon(deliver_for_ever, store, kept.id, kept.cursor, calls)


def precious(file: Path) -> int:
    """Bytes of a file that are not events of low priority; looking does not change what the kill left."""
    if not file.exists():
        return 0
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as found:
        size, pages, free = (
            found.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        if not found.execute("SELECT count(*) FROM sqlite_master WHERE name = 'event_low'").fetchone()[0]:
            return 0
        (low,) = found.execute("SELECT coalesce(sum(length(data)), 0) FROM event_low").fetchone()
    return int(size * (pages - free) - low)


def main(directory: Path) -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            random.seed(os.getpid())
            trio.run(live, directory, precious(directory / EVENTS_FILE) + _LOW)
            os._exit(0)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("gone")


@dataclass
class Drilled:
    """What a drill found.

    Attributes:
        kills: how many there were.
        acknowledged: events, messages, readings of messages, deliveries and cursors that were on the disk.
        lost: what of them was missing after the next start, in words.
        ahead: events before a cursor without a record of their delivery.
        corrupt: how many times the file contradicted itself, or was set aside.
        dropped: steps in which events of low priority made room.
        news: what was announced.
    """

    kills: int = 0
    acknowledged: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    ahead: int = 0
    corrupt: int = 0
    dropped: int = 0
    news: list[str] = field(default_factory=list)


@dataclass
class _Promised:
    """What was acknowledged so far."""

    events: set[int] = field(default_factory=set)
    messages: dict[str, bool] = field(default_factory=dict)
    deliveries: set[str] = field(default_factory=set)
    cursors: dict[str, int] = field(default_factory=dict)

    def take(self, kind: str, rest: str) -> None:
        match kind:
            case "event":
                self.events.add(int(rest))
            case "message":
                self.messages[rest] = False
            case "read":
                self.messages[rest] = True
            case "delivery":
                self.deliveries.add(rest)
            case "cursor":
                webhook, _, cursor = rest.partition(" ")
                self.cursors[webhook] = int(cursor)

    def missing_in(self, found: dict[str, dict[str, int]]) -> Iterator[str]:
        yield from (f"event {number}" for number in self.events - set(found["numbers"]))
        for id_, was_read in self.messages.items():
            if id_ not in found["messages"] or (was_read and not found["messages"][id_]):
                yield f"message {id_}"
        yield from (f"delivery {id_}" for id_ in self.deliveries - set(found["deliveries"]))
        for webhook, cursor in self.cursors.items():
            if found["cursors"].get(webhook, -1) < cursor:
                yield f"cursor of {webhook}"


def drill(kills: int, directory: Path | None = None, seed: int = 1) -> Drilled:
    """Kill a writing store so many times, each time after a random number of acknowledgements.

    Args:
        kills: how many.
        directory: where the files lie; a temporary one without it.
        seed: of the moments.
    """
    if directory is None:
        with tempfile.TemporaryDirectory() as made:
            return drill(kills, Path(made), seed)
    found, promised = Drilled(), _Promised()
    for told in lives(Path(__file__), directory, kills, Patience(random.Random(seed), short=60, long=400, early=0.3)):
        match told:
            case Said("state", rest):
                state_ = json.loads(rest)
                found.lost += promised.missing_in(state_)
                found.ahead += state_["unrecorded"]
            case Said("ack", rest):
                kind, _, what = rest.partition(" ")
                promised.take(kind, what)
                found.acknowledged[kind] = found.acknowledged.get(kind, 0) + 1
            case Said("drop", rest):
                found.dropped += 1
                found.lost += ["an event of high priority, for room"] * int(rest)
            case Said("news", rest):
                found.news.append(rest)
            case Dead(life, killed):
                found.kills += killed
                # It takes longer the more there is.
                if life % 10 == 9 or life == kills - 1:
                    found.corrupt += not sound(directory, EVENTS_FILE)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
