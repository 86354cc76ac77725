"""Run as a process of its own, to be killed: a gateway that never stops noting.

Speaks on standard output: ``pid N``, then ``ack N`` with the highest note that is on disk.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import trio

from gateway.core.audit import AuditOutcome
from gateway.core.timeline import Timeline
from gateway.storage import StoreSettings, open_storage
from gateway.storage.audit import open_audit
from gateway.storage.audit_rows import Head
from gateway.storage.audit_settings import AuditSettings

KEY = b"k" * 32
# Old rows go all the time, and a kill may come in between; many more fit than go at once, so the newest are among them.
SETTINGS = AuditSettings(batch=0.002, slow_batch=0.002, upkeep=0.02, limit=220_000)

# After so many notes it waits until all are on disk: on a busy machine the writer would never catch up by itself.
BREATHER = 50


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def announce(component: str, severity: str, summary: str, details: object) -> None:
    if "audit log is full" not in summary:
        say(f"news {component} {severity} {summary}")


def keep(head: Head) -> None:
    say(f"head {head}")


async def note_for_ever(directory: Path, number: int) -> None:
    timeline = Timeline(trio.current_time, time.time, lambda: True)
    async with (
        open_storage(
            directory,
            settings=StoreSettings(ballast=0, flush_interval=0.02),
            monotonic=trio.current_time,
            wall=time.time,
            announce=announce,
        ) as storage,
        open_audit(
            storage,
            key=KEY,
            timeline=timeline,
            monotonic=trio.current_time,
            announce=announce,
            settings=SETTINGS,
            tell_head=keep,
        ) as audit,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(storage.run)
        nursery.start_soon(audit.run)
        while True:
            if number % BREATHER or audit.waiting_rows == 0:
                number += 1
                audit.note("tag.write", target=f"l/d/{number}", details={"value": number})
                audit.note("auth.token", AuditOutcome.DENIED, peer=f"10.0.0.{number % 250}")
            await trio.sleep(0.001)
            if audit.waiting_rows == 0:
                say(f"ack {number}")


if __name__ == "__main__":
    say(f"pid {os.getpid()}")
    trio.run(note_for_ever, Path(sys.argv[1]), int(sys.argv[2]))
