"""Power cuts after every write, with what was not synced lost, torn and reordered: what was acknowledged stands."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gateway.core.eventlog import KeptWebhook, Priority
from gateway.storage import outbox_rows
from gateway.storage.event_rows import gateways_of, read, rows_between
from gateway.storage.event_settings import EventStoreSettings
from gateway.storage.event_store import EVENTS_FILE, EventStore
from tests.gateway.storage.conftest import TEN
from tests.gateway.storage.event_disk import Disk, after_power_cut, disk_beneath
from tests.gateway.storage.event_making import attempt, delivery, entry, message, store_in

Check = Callable[[sqlite3.Connection], bool]


@dataclass
class Promises:
    """What was acknowledged, and after how many operations of the disk."""

    disk: Disk
    made: list[tuple[int, str, Check]] = field(default_factory=list)

    def add(self, words: str, holds: Check) -> None:
        self.made.append((len(self.disk.done), words, holds))

    def events(self, *numbers: int) -> None:
        for number in numbers:
            self.add(f"event {number}", partial(has_event, number=number))

    def cursor(self, webhook: str, cursor: int) -> None:
        self.add(f"cursor {cursor}", partial(has_reached, webhook=webhook, cursor=cursor))

    def broken_by(self, found: sqlite3.Connection, operations: int) -> list[str]:
        return [words for at, words, holds in self.made if at <= operations and not holds(found)]


def events_in_file(found: sqlite3.Connection) -> set[int]:
    gateways = gateways_of(found)
    return {event.sequence for row in rows_between(found, 0, 1 << 60) if (event := read(row, gateways)) is not None}


def cursors(found: sqlite3.Connection) -> dict[str, int]:
    return {webhook.id: webhook.cursor for webhook in outbox_rows.webhooks(found)}


def has_event(found: sqlite3.Connection, number: int) -> bool:
    return number in events_in_file(found)


def has_reached(found: sqlite3.Connection, webhook: str, cursor: int) -> bool:
    return cursors(found).get(webhook, -1) >= cursor


def was_read(found: sqlite3.Connection, id_: str) -> bool:
    return bool(found.execute("SELECT waiting FROM message WHERE message_id = ?", (id_,)).fetchone() == (0,))


def delivered(found: sqlite3.Connection, number: int) -> bool:
    row = outbox_rows.delivery(found, f"d-{number}")
    return row is not None and len(row[1]) == 1


async def work(store: EventStore, promises: Promises, rounds: int) -> None:
    """A little of everything, over several checkpoints."""
    big = {"x": "y" * 3000}
    await store.outbox.save(KeptWebhook("wh-1", {"url": "https://a.example"}, 0))
    promises.cursor("wh-1", 0)
    for round_ in range(rounds):
        first = 100 * round_
        await store.log.append([entry(first + 1, priority=Priority.HIGH)])
        promises.events(first + 1)
        together = [entry(first + number, priority=Priority(number % 4)) for number in range(2, 12)]
        await store.log.append([*together, entry(first + 12, data=big), message(first + 13)])
        promises.events(*range(first + 2, first + 14))
        await store.mailbox.acknowledge(f"m-{first + 13}", TEN)
        promises.add(f"message {first + 13}", partial(was_read, id_=f"m-{first + 13}"))
        for number in range(first + 1, first + 5):
            await store.outbox.record("wh-1", number, [delivery(number, number)], [attempt(number)])
            promises.cursor("wh-1", number)
            promises.add(f"delivery {number}", partial(delivered, number=number))
        if round_ != 1:
            await store._file._database.checkpoint()


def found_after(files: dict[str, bytes], directory: Path) -> sqlite3.Connection:
    for name in (EVENTS_FILE, f"{EVENTS_FILE}-wal"):
        (directory / name).write_bytes(files.get(name, b""))
    (directory / f"{EVENTS_FILE}-shm").unlink(missing_ok=True)
    found = sqlite3.connect(directory / EVENTS_FILE)
    found.execute("PRAGMA synchronous = OFF")
    return found


@dataclass
class Survived:
    """What came of the cuts.

    Attributes:
        cuts: power cuts that were looked at.
        acknowledged: promises that had been made at the end.
        broken: what of them a cut had taken, in words.
        ahead: cuts after which a cursor was ahead of what is recorded.
        corrupt: cuts after which the file contradicted itself.
        careless: promises that would have been broken had nothing been synced.
    """

    cuts: int = 0
    acknowledged: int = 0
    broken: list[str] = field(default_factory=list)
    ahead: int = 0
    corrupt: int = 0
    careless: int = 0


async def cut_everywhere(directory: Path, rounds: int, seed: int = 4) -> Survived:
    """Work for some rounds, and look at what a power cut after any of the writes leaves.

    Args:
        directory: an empty one.
        rounds: of work; each is some forty writes, and some three cuts each.
        seed: of what is lost of that which was not synced.
    """
    survived = Survived()
    with disk_beneath(EVENTS_FILE) as disk:
        promises = Promises(disk)
        async with store_in(directory, EventStoreSettings(patience=0.0)) as store:
            begun = len(disk.done)
            await work(store, promises, rounds)
            done = list(disk.done)
    survived.acknowledged = len(promises.made)
    copy = directory / "copy"
    copy.mkdir()
    chance = random.Random(seed)
    for cut in range(begun, len(done) + 1):
        before = done[:cut]
        ways = [after_power_cut(before, None, 0.0), after_power_cut(before, None, 1.0)]
        ways += [after_power_cut(before, chance, chance.random())]
        for files in ways:
            _look(survived, promises, files, copy, cut)
    careless = done[:begun] + [operation for operation in done[begun:] if operation.kind != "sync"]
    with closing(found_after(after_power_cut(careless, None, 0.0), copy)) as found:
        survived.careless = len(promises.broken_by(found, len(done)))
    return survived


def _look(survived: Survived, promises: Promises, files: dict[str, bytes], copy: Path, cut: int) -> None:
    with closing(found_after(files, copy)) as found:
        survived.cuts += 1
        survived.corrupt += found.execute("PRAGMA integrity_check").fetchone() != ("ok",)
        survived.broken += promises.broken_by(found, cut)
        cursor = cursors(found).get("wh-1", 0)
        recorded = outbox_rows.begun(found, "wh-1", 0)
        survived.ahead += not {number for number in range(1, cursor + 1) if number % 100 in range(1, 5)} <= recorded
