"""The same with pymodbus: ``paced_pymodbus spread|together PORT DEVICES COUNT PERIOD SECONDS``.

A task a device with a client of its own, due times without drift; ``spread`` over the period, or all ``together``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time

from pymodbus.client import AsyncModbusTcpClient


class Tally:
    """What all tasks count, and when they end."""

    def __init__(self) -> None:
        self.answers = 0
        self.over = False


async def _poll(port: int, count: int, period: float, phase: float, tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    due = (loop.time() // period + 1 + phase) * period
    # A client that is cancelled while it waits takes that for a lost answer and asks again: it has to end by itself.
    while not tally.over:
        await asyncio.sleep(due - loop.time())
        reply = await client.read_holding_registers(0, count=count)
        tally.answers += len(reply.registers) == count
        due += period
    client.close()


async def run(*, spread: bool, port: int, devices: int, count: int, period: float, seconds: float) -> dict[str, float]:
    """Poll for some seconds."""
    tally = Tally()
    tasks = [
        asyncio.create_task(_poll(port, count, period, number / devices if spread else 0.0, tally))
        for number in range(devices)
    ]
    gc.collect()
    gc.freeze()
    await asyncio.sleep(10 * period)
    before = tally.answers
    start, used = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    cpu, wall = time.process_time() - used, time.perf_counter() - start
    polls = tally.answers - before
    tally.over = True
    await asyncio.gather(*tasks)
    return {"polls": polls, "failures": 0, "cpu": cpu, "wall": wall}


if __name__ == "__main__":
    port_, devices_, count_ = map(int, sys.argv[2:5])
    period_, seconds_ = map(float, sys.argv[5:7])
    print(
        json.dumps(
            asyncio.run(
                run(
                    spread=sys.argv[1] == "spread",
                    port=port_,
                    devices=devices_,
                    count=count_,
                    period=period_,
                    seconds=seconds_,
                )
            )
        )
    )
