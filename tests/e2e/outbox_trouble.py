"""Events on a full disk and in a damaged file: refused in words, or set aside, never lost in silence."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx

from tests.e2e.outbox_ledger import broken
from tests.e2e.outbox_site import Caller, Drill, lacking
from tests.e2e.programs import until

DISK = "24m"
PAGE_BYTES = 4096
FULL, ENOUGH, FEW = 503, 20, 5
LIVES = 3
# For what comes sooner or later, on a machine that does much else.
PATIENCE_S = 120.0


@contextmanager
def small_disk(place: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A small file system in memory, that only a namespace of its own sees.

    Gives the path to it from outside, and what to put before a command that is to see it at ``place``.

    Raises:
        LookupError: there are no user namespaces here.
    """
    place.mkdir(parents=True)
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size={DISK} none {place}"
    if (
        any(shutil.which(word) is None for word in ("unshare", "nsenter", "mount"))
        or subprocess.run([*words, mount], capture_output=True, check=False).returncode
    ):
        raise LookupError("no user namespaces here to mount a small file system in")
    with subprocess.Popen([*words, f"{mount} && echo there && exec cat"], stdin=-1, stdout=-1) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        inside = ("nsenter", "--preserve-credentials", "--user", "--mount", "--target", str(holder.pid))
        try:
            yield Path(f"/proc/{holder.pid}/root{place}"), inside
        finally:
            holder.stdin.close()


def full_disk(lives: int = LIVES, seed: int = 1) -> str:
    """Fill the disk beneath a gateway, kill it, start it on the full disk, make room: so often.

    Raises:
        AssertionError: something that was acknowledged is lost, or something was refused without words.
    """
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "disk"
        try:
            with small_disk(place) as (outside, inside):
                played = Drill(Path(directory), seed, place / "state")
                played.before, played.seen = inside, outside / "state"
                try:
                    return _fill(played, outside / "filler", lives)
                finally:
                    played.close()
        except LookupError as reason:
            return f"not run{lacking(str(reason))}"


def _fill(played: Drill, filler: Path, lives: int) -> str:
    ledger = played.ledger
    played.begin()
    played.receiver.good = True
    callers = [Caller(played, once) for once in (played.publish, played.write, played.read)]
    listener = Caller(played, played.listen)
    try:
        try:
            for number in range(lives):
                _takes_more(played)
                _refuses(played, filler)
                if number % 2 == 0:
                    played.kill()
                    # It starts on a full disk, and says no in words.
                    played.gateway = played.start()
                    _refuses(played, filler)
                filler.unlink()
            _takes_more(played)
        finally:
            for caller in callers:
                caller.end()
        played.device.kill()
        # What the field said while the disk was full was told at once, and only memory knew it when that was killed.
        with played.lock:
            told = ledger.of_the_field()
            for id_ in told:
                del ledger.types[id_]
        played.drain(PATIENCE_S)
    finally:
        played.deaf.set()
        listener.end()
    wordless = [words for words in ledger.refused if not words.startswith(f"{FULL} ") or "disk" not in words]
    assert not wordless, f"refused for another reason: {wordless}"
    refused = ledger.refused.total()
    ledger.refused.clear()
    logged = played.logged()
    found = broken(ledger, played.receiver.received, logged, played.mailbox())
    assert not any(found.values()), f"{found} {ledger.incomplete}"
    return (
        f"a disk filled {lives} times beneath the gateway, killed on it and started on it {-(-lives // 2)} times: "
        f"{len(ledger.acknowledged)} events and {len(ledger.messages)} messages acknowledged, none lost; "
        f"{refused} calls refused with {FULL} and the reason; of {len(told)} events of the field that were heard "
        f"{len(told - logged)} were lost with the killed process"
    )


def _takes_more(played: Drill) -> None:
    enough = len(played.ledger.acknowledged) + ENOUGH
    until(lambda: len(played.ledger.acknowledged) >= enough, "events are taken", seconds=PATIENCE_S)


def _refuses(played: Drill, filler: Path) -> None:
    """Fill the disk again and again: what the gateway had set aside for such a day is used up first."""
    refused = played.ledger.refused
    enough = refused.total() + FEW

    def full() -> bool:
        with suppress(OSError), filler.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(PAGE_BYTES))
        return refused.total() > enough

    until(full, "calls are refused", seconds=PATIENCE_S)


def damaged(seed: int = 1) -> str:
    """Damage the file of events while the gateway is off: it is set aside and begun anew, with the same webhooks.

    Raises:
        AssertionError: it is not, or nobody is told.
    """
    with tempfile.TemporaryDirectory() as directory:
        played = Drill(Path(directory), seed)
        try:
            return _damage(played)
        finally:
            played.close()


def _damage(played: Drill) -> str:
    gateway = played.begin()
    played.receiver.good = True
    with played.client(gateway) as client:
        registered = client.get("/v1/webhooks").json()["data"]
        for _ in range(ENOUGH):
            played.publish(client)
        newest = client.get("/v1/events", params={"limit": 100}).json()["data"][-1]["seq"]
    # The registration is a fact of the other file some moments later.
    until(lambda: len(played.receiver.received.bodies) >= ENOUGH, "events are delivered")
    played.kill()
    file = gateway.state / "events.db"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(file.read_bytes())
    for at in range(len(content) // 8, len(content), len(content) // 8):
        content[at : at + 300] = played.chance.randbytes(min(300, len(content) - at))
    file.write_bytes(content)

    again = played.start()
    aside = [found.name for found in gateway.state.glob("events.db.bad-*")]
    assert aside, f"not set aside: {again.stderr}"
    before = set(played.ledger.acknowledged)
    with played.client(again) as client:
        told = until(lambda: _alert(client), "an alert says so")
        [kept] = client.get("/v1/webhooks").json()["data"]
        same = ("id", "url", "events", "retry_policy", "state", "owner")
        assert [kept[name] for name in same] == [registered[0][name] for name in same]
        for _ in range(ENOUGH):
            played.publish(client)
        rows = client.get("/v1/events", params={"limit": 100}).json()["data"]
        assert min(row["seq"] for row in rows) > newest, "numbers were used again"
        # Who asks for what came before is told that it is gone.
        asked = client.get("/v1/events", params={"after": newest - 1}).json()
        assert asked["meta"]["complete"] is False
    fresh = played.ledger.acknowledged.keys() - before
    until(lambda: fresh <= played.receiver.received.bodies.keys(), "what is new is delivered, signed as before")
    assert not played.receiver.received.forged
    return (
        f"a damaged file of events set aside and begun anew; its webhook kept, {len(fresh)} new events delivered and "
        f"signed as before, no number used again\n    told: {told}"
    )


def _alert(client: httpx.Client) -> str | None:
    rows = client.get("/v1/events", params={"type": "system:alert", "limit": 100}).json()["data"]
    said = [str(row["data"]) for row in rows if "events.db was damaged" in str(row["data"])]
    if not said:
        time.sleep(0.05)
    return said[0] if said else None
