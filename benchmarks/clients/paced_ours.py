"""Whole lines, one a TCP device, at a steady pace: ``paced_ours PORT DEVICES COUNT PERIOD SECONDS``."""

from __future__ import annotations

import gc
import json
import sys
import time
from functools import partial

import trio

from benchmarks.field import device, running
from gateway.lines.line import Line
from gateway.settings.line_model import LineSettings


async def run(port: int, devices: int, count: int, period: float, seconds: float) -> dict[str, float]:
    """Poll for some seconds."""
    settings = [
        LineSettings(
            name=f"line{number}", transport="tcp", host="127.0.0.1", tcp_port=port, devices=(device(1, count, period),)
        )
        for number in range(devices)
    ]
    async with running(settings) as (lines, _):
        gc.collect()
        gc.freeze()
        await trio.sleep(10 * period)
        counters = [
            unit.health.counters for line in lines if isinstance(line, Line) for unit in line.polling.units.values()
        ]
        before = sum(counter.answers for counter in counters)
        start, used = time.perf_counter(), time.process_time()
        await trio.sleep(seconds)
        cpu, wall = time.process_time() - used, time.perf_counter() - start
        polls = sum(counter.answers for counter in counters) - before
    return {"polls": polls, "failures": 0, "cpu": cpu, "wall": wall}


if __name__ == "__main__":
    port_, devices_, count_ = map(int, sys.argv[1:4])
    print(json.dumps(trio.run(partial(run, port_, devices_, count_, float(sys.argv[4]), float(sys.argv[5])))))
