"""Tags through schedule, store and bus on instant ports: ``tags_ours BLOCKS TAGS PERIOD SECONDS``.

Every block is read once a period, every value is another one each time, and one subscriber reads every change.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from functools import partial

import trio

from benchmarks.field import device, running
from drivers.ports.port import LineFaults, Port
from gateway.core.bus import Subscription
from gateway.core.tags import Changes
from gateway.lines.exchange import Talk
from gateway.lines.line import Opener
from gateway.lines.opener import talk_on
from gateway.settings.line_model import LineSettings

BLOCKS_A_LINE = 10


class InstantPort:
    """A Modbus TCP server in memory: the answer is there when it is asked for, and always another one."""

    name = "instant"

    def __init__(self, registers: int) -> None:
        size = 2 * registers
        tail = (3 + size).to_bytes(4, "big")
        self._tails = [tail, tail]
        self._payloads = [bytes((3, size)) + bytes((high, 7)) * registers for high in (1, 2)]
        self._reply = b""
        self._turn = 0
        self._rounds = 0

    async def send(self, data: bytes) -> None:
        """Have the answer ready; units are read in turn, so each gets both payloads in turn."""
        self._turn += 1
        if data[6] == 1:
            self._rounds ^= 1
        self._reply = data[:2] + self._tails[0] + data[6:7] + self._payloads[self._rounds]

    async def receive(self, deadline: float) -> bytes | None:
        """Cost one pass of the loop, as a real port does."""
        del deadline
        await trio.lowlevel.checkpoint()
        return self._reply

    def drain(self) -> bytes:
        """There is never anything left."""
        return b""

    async def pause_until(self, moment: float) -> None:
        """Sleep."""
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        """There is no hardware."""
        return None

    async def aclose(self) -> None:
        """Hold nothing."""
        await trio.lowlevel.checkpoint()


async def _read_all(subscription: Subscription[Changes], total: list[int]) -> None:
    while True:
        for reading in (await subscription.receive()).readings:
            if reading.value is not None:
                total[0] += 1


async def run(blocks: int, tags: int, period: float, seconds: float) -> dict[str, float]:
    """Poll for some seconds."""
    settings = [
        LineSettings(
            name=f"line{number}",
            transport="tcp",
            host="memory",
            devices=tuple(device(unit, tags, period) for unit in range(1, min(BLOCKS_A_LINE, blocks) + 1)),
        )
        for number in range(max(1, blocks // BLOCKS_A_LINE))
    ]

    def make_opener(line: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            await trio.lowlevel.checkpoint()
            port = InstantPort(tags)
            return port, talk_on(line, port)

        return open_line

    total = [0]
    async with running(settings, make_opener) as (_, store):
        with store.changes.subscribe(1000) as subscription:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_read_all, subscription, total)
                gc.collect()
                gc.freeze()
                # Half way between two slots of the grid, so that whole rounds are measured.
                await trio.sleep_until((trio.current_time() // period + 1.5) * period)
                start, used, before = time.perf_counter(), time.process_time(), total[0]
                await trio.sleep(seconds)
                cpu, wall, updates = time.process_time() - used, time.perf_counter() - start, total[0] - before
                nursery.cancel_scope.cancel()
    return {"updates": updates, "cpu": cpu, "wall": wall, "us": cpu / max(updates, 1) * 1e6, "core": cpu / wall}


if __name__ == "__main__":
    print(
        json.dumps(trio.run(partial(run, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))))
    )
