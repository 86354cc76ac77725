"""Run as a process of its own, to be killed: on each line of standard input it forks a store that never stops writing.

Speaks on standard output: ``pid N``, then ``had N`` (the highest fact found), then ``ack N`` for every fact settled.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import trio

from gateway.core.tags import Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.storage import StoreSettings, open_storage

# Small slices and short intervals: upkeep, checkpoints and flushes are always under way when the kill comes.
SETTINGS = StoreSettings(ballast=0, flush_interval=0.02, slice_rows=20, last_values_interval=0.05, write_budget=10**12)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _announce(component: str, severity: str, summary: str, details: object) -> None:
    say(f"news {component} {severity} {summary}")


async def write_for_ever(directory: Path) -> None:
    hours = 0.0

    def wall() -> float:
        return time.time() + hours

    timeline = Timeline(trio.current_time, wall, lambda: True)
    tags = TagStore(trio.current_time, timeline)
    cells = tags.add([Tag(f"l/d/{number}", "float32") for number in range(20)])
    async with (
        open_storage(
            directory, settings=SETTINGS, monotonic=trio.current_time, wall=wall, announce=_announce
        ) as storage,
        trio.open_nursery() as nursery,
    ):
        found = storage.facts.recall("k")
        highest = max(map(int, found), default=0)
        missing = [number for number in range(max(1, highest - 400), highest + 1) if str(number) not in found]
        say(f"had {highest} missing {missing}")
        nursery.start_soon(storage.run)
        nursery.start_soon(storage.record, tags, timeline)
        number = highest
        while True:
            number += 1
            storage.facts.remember("k", str(number), "x" * (number % 700))
            if number > 500:
                storage.facts.remember("k", str(number - 500), None)
            tags.apply(cells, [float(number)] * len(cells), trio.current_time())
            hours += 200.0
            await storage.facts.settle()
            say(f"ack {number}")


def main(directory: Path) -> None:
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            trio.run(write_for_ever, directory)
            os._exit(0)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
