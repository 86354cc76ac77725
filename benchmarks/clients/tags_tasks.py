"""The way it is often written: an asyncio task a tag, a lock a line: ``tags_tasks BLOCKS TAGS PERIOD SECONDS``.

Every task reads its one register once a period through the lock of its line from an instant device, keeps the value in
a dictionary and puts it on a queue that one subscriber reads.
"""

from __future__ import annotations

import asyncio
import gc
import json
import struct
import sys
import time

BLOCKS_A_LINE = 10


class InstantLine:
    """A line of which one task at a time reads one register."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._answers = 0

    async def read(self, unit: int, address: int) -> int:
        """Ask for one register; the answer is always another one."""
        async with self._lock:
            request = struct.pack(">HHHBBHH", self._answers & 0xFFFF, 0, 6, unit, 3, address, 1)
            self._answers += 1
            await asyncio.sleep(0)
            reply = request[:4] + b"\x00\x05" + request[6:8] + b"\x02" + struct.pack(">H", self._answers & 0xFFFF)
            value: int = struct.unpack_from(">H", reply, 9)[0]
            return value


async def _tag(
    name: str, line: InstantLine, place: tuple[int, int], period: float, out: asyncio.Queue[tuple[str, int, float]]
) -> None:
    loop = asyncio.get_running_loop()
    last: dict[str, int] = {}
    due = (loop.time() // period + 1) * period
    while True:
        await asyncio.sleep(due - loop.time())
        value = await line.read(*place)
        if last.get(name) != value:
            last[name] = value
            out.put_nowait((name, value, loop.time()))
        due = max(due + period, loop.time())


async def run(blocks: int, tags: int, period: float, seconds: float) -> dict[str, float]:
    """Poll for some seconds."""
    queue: asyncio.Queue[tuple[str, int, float]] = asyncio.Queue()
    lines = [InstantLine() for _ in range(max(1, blocks // BLOCKS_A_LINE))]
    tasks = [
        asyncio.create_task(
            _tag(
                f"line{block // BLOCKS_A_LINE}/d{block}/t{address}",
                lines[block // BLOCKS_A_LINE],
                (block, address),
                period,
                queue,
            )
        )
        for block in range(blocks)
        for address in range(tags)
    ]
    total = [0]

    async def read_all() -> None:
        while True:
            _, value, _ = await queue.get()
            total[0] += value is not None

    tasks.append(asyncio.create_task(read_all()))
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    await asyncio.sleep((loop.time() // period + 2.5) * period - loop.time())
    start, used, before = time.perf_counter(), time.process_time(), total[0]
    await asyncio.sleep(seconds)
    cpu, wall, updates = time.process_time() - used, time.perf_counter() - start, total[0] - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {"updates": updates, "cpu": cpu, "wall": wall, "us": cpu / max(updates, 1) * 1e6, "core": cpu / wall}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))))
