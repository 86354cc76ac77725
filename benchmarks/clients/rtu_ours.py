"""Polls a serial line as the gateway does: ``rtu_ours talk|line PATH BAUD UNITS COUNT SECONDS``.

``talk`` is the exchange and decode alone, ``line`` the whole line with health, schedule and store, polled as fast as
it goes.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial

import trio

from benchmarks.clients.tally import Tally
from benchmarks.field import device, running
from drivers.modbus.pdu import Data, read_registers
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.values import BlockCodec, Field
from drivers.ports.serial_port import SerialSettings, open_serial
from gateway.lines.exchange import Answer, Pace, SerialTalk
from gateway.lines.health import Cause
from gateway.lines.line import Line
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings

WARM_UP = 2
TURNAROUND_S = 0.005
PATIENCE_S = 1.0


def _settings(path: str, baud: int, units: int, count: int) -> LineSettings:
    settings = LineSettings(name="bus", transport="rtu", port=path, baudrate=baud, stopbits=2, turnaround=TURNAROUND_S)
    # A period that no line can keep, and yet long enough for a block to be read whole.
    period = 2.5 * Wire.of(settings).read("holding", count)
    devices = tuple(device(unit, count, period) for unit in range(1, units + 1))
    return LineSettings(
        name="bus", transport="rtu", port=path, baudrate=baud, stopbits=2, turnaround=TURNAROUND_S, devices=devices
    )


def _nothing() -> None:
    return


async def talk(path: str, baud: int, units: int, count: int, seconds: float) -> dict[str, float]:
    """Exchange and decode; the answer is decoded while the next request is on the wire, as lines do it."""
    settings = _settings(path, baud, 1, count)
    port = await open_serial(SerialSettings(path, baud, stopbits=2))
    exchanges = SerialTalk(port, RtuFramer(), Wire.of(settings))
    requests = [read_registers(unit, 3, 0, count) for unit in range(1, units + 1)]
    paces = [Pace(TURNAROUND_S) for _ in requests]
    codec = BlockCodec(count, [Field(offset, "uint16") for offset in range(count)])
    tally = Tally(count, seconds, WARM_UP * units)
    causes: list[Cause] = []
    payloads: list[bytes] = []

    def decode() -> None:
        while payloads:
            tally.took(codec.decode(payloads.pop()))

    number = 0
    while tally.goes_on():
        which = number % units
        number += 1
        result = await exchanges.exchange(requests[which], PATIENCE_S, causes.append, paces[which], decode)
        if isinstance(result, Answer) and isinstance(result.answer, Data):
            payloads.append(result.answer.payload)
        else:
            tally.took(None)
    decode()
    measured = tally.result()
    await port.aclose()
    return {**measured, "causes": len(causes)}


async def line(path: str, baud: int, units: int, count: int, seconds: float) -> dict[str, float]:
    """The whole line."""
    settings = _settings(path, baud, units, count)
    cycle = Wire.of(settings).read("holding", count)
    async with running([settings]) as (lines, _):
        one = lines.get("bus")
        assert isinstance(one, Line)
        counters = [unit.health.counters for unit in one.polling.units.values()]
        await trio.sleep(WARM_UP * units * cycle)
        start, used = time.perf_counter(), time.process_time()
        before = [(counter.answers, counter.requests) for counter in counters]
        await trio.sleep(seconds)
        cpu, wall = time.process_time() - used, time.perf_counter() - start
        polls = sum(counter.answers - answers for counter, (answers, _) in zip(counters, before, strict=True))
        asked = sum(counter.requests - requests for counter, (_, requests) in zip(counters, before, strict=True))
        causes = sum(sum(counter.errors.values()) for counter in counters)
    # One may be under way at either end.
    return {"polls": polls, "failures": max(0, asked - polls - 1), "cpu": cpu, "wall": wall, "causes": causes}


if __name__ == "__main__":
    what, where, *numbers, long = sys.argv[1:]
    baud_, units_, count_ = map(int, numbers)
    print(json.dumps(trio.run(partial(talk if what == "talk" else line, where, baud_, units_, count_, float(long)))))
