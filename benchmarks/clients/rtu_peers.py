"""The same with its peers: ``rtu_peers async|sync|minimalmodbus PATH BAUD UNITS COUNT SECONDS``."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence

import minimalmodbus
from pymodbus.client import AsyncModbusSerialClient, ModbusSerialClient

from benchmarks.clients.tally import Tally

WARM_UP = 2


async def run_async(path: str, baud: int, units: int, count: int, tally: Tally) -> dict[str, float]:
    """Pymodbus on asyncio."""
    client = AsyncModbusSerialClient(path, baudrate=baud, stopbits=2, parity="N")
    await client.connect()
    number = 0
    while tally.goes_on():
        reply = await client.read_holding_registers(0, count=count, device_id=1 + number % units)
        tally.took(reply.registers)
        number += 1
    measured = tally.result()
    client.close()
    return measured


def _sync(path: str, baud: int, count: int) -> Callable[[int], Sequence[int]]:
    client = ModbusSerialClient(path, baudrate=baud, stopbits=2, parity="N")
    client.connect()
    return lambda unit: client.read_holding_registers(0, count=count, device_id=unit).registers


def _minimalmodbus(path: str, baud: int, units: int, count: int) -> Callable[[int], Sequence[int]]:
    instruments = [minimalmodbus.Instrument(path, unit) for unit in range(1, units + 1)]
    for instrument in instruments:
        instrument.serial.baudrate = baud
        instrument.serial.stopbits = 2
        instrument.serial.timeout = 1.0

    def read(unit: int) -> Sequence[int]:
        registers: Sequence[int] = instruments[unit - 1].read_registers(0, count)
        return registers

    return read


def run_blocking(read: Callable[[int], Sequence[int]], units: int, tally: Tally) -> dict[str, float]:
    """Any blocking client."""
    number = 0
    while tally.goes_on():
        tally.took(read(1 + number % units))
        number += 1
    return tally.result()


if __name__ == "__main__":
    what, where, *numbers, long = sys.argv[1:]
    baud_, units_, count_ = map(int, numbers)
    counting = Tally(count_, float(long), WARM_UP * units_)
    if what == "async":
        result = asyncio.run(run_async(where, baud_, units_, count_, counting))
    elif what == "sync":
        result = run_blocking(_sync(where, baud_, count_), units_, counting)
    else:
        result = run_blocking(_minimalmodbus(where, baud_, units_, count_), units_, counting)
    print(json.dumps(result))
