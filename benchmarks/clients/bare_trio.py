"""The least that a program on trio can do: the system calls of a poll, and nothing else.

``bare_trio tcp PORT COUNT SECONDS``, ``... paced PORT DEVICES COUNT PERIOD SECONDS`` or
``... rtu PATH BAUD UNITS COUNT SECONDS``.
Nothing is checked, decoded, kept or timed out. What is above these figures is ours; what is below them, nobody on trio
can have.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import sys
import time
from functools import partial

import trio

from benchmarks.clients.tally import Tally
from drivers.modbus.framing import Framer
from drivers.modbus.pdu import read_registers
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from drivers.ports.serial_port import SerialSettings, open_serial
from drivers.ports.timer import sleeper
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings

WARM_UP = 200
# What the slave of the timed line takes.
TURNAROUND_S = 0.002


def _frame(framer: Framer, unit: int, count: int) -> bytes:
    return framer.begin(read_registers(unit, 3, 0, count))


def _connected(tcp_port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", tcp_port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return connection


async def tcp(tcp_port: int, count: int, seconds: float) -> dict[str, float]:
    """One exchange after the other."""
    tally = Tally(0, seconds, WARM_UP)
    frame = _frame(TcpFramer(), 1, count)
    with _connected(tcp_port) as connection:
        fd = connection.fileno()
        while tally.goes_on():
            os.write(fd, frame)
            await trio.lowlevel.wait_readable(fd)
            os.read(fd, 4096)
            tally.took(())
    return tally.result()


async def paced(tcp_port: int, devices: int, count: int, period: float, seconds: float) -> dict[str, float]:
    """A task a device, all woken by one."""
    idle = trio.lowlevel.ParkingLot()
    answers = 0

    async def poll(fd: int, frame: bytes) -> None:
        nonlocal answers
        while True:
            await idle.park()
            os.write(fd, frame)
            await trio.lowlevel.wait_readable(fd)
            os.read(fd, 4096)
            answers += 1

    async def wake() -> None:
        due = trio.current_time()
        while True:
            due += period
            await trio.sleep_until(due)
            idle.unpark_all()

    connections = [_connected(tcp_port) for _ in range(devices)]
    async with trio.open_nursery() as nursery:
        for connection in connections:
            nursery.start_soon(poll, connection.fileno(), _frame(TcpFramer(), 1, count))
        nursery.start_soon(wake)
        gc.collect()
        gc.freeze()
        await trio.sleep(10 * period)
        before = answers
        start, used = time.perf_counter(), time.process_time()
        await trio.sleep(seconds)
        cpu, wall = time.process_time() - used, time.perf_counter() - start
        polls = answers - before
        nursery.cancel_scope.cancel()
    for connection in connections:
        connection.close()
    return {"polls": polls, "failures": 0, "cpu": cpu, "wall": wall}


async def rtu(path: str, baud: int, units: int, count: int, seconds: float) -> dict[str, float]:
    """The silent interval, the request, one sleep until the reply must be there, and what is missing then."""
    wire = Wire.of(LineSettings(name="bus", transport="rtu", port=path, baudrate=baud, stopbits=2))
    port = await open_serial(SerialSettings(path, baud, stopbits=2))
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    timer = sleeper()
    frames = [_frame(RtuFramer(), unit, count) for unit in range(1, units + 1)]
    size = 5 + 2 * count
    takes = (len(frames[0]) + size) * wire.character + wire.gap + TURNAROUND_S
    tally = Tally(0, seconds, 2 * units)
    number = 0
    while tally.goes_on():
        await timer.sleep_until(trio.current_time() + wire.gap)
        sent = trio.current_time()
        os.write(fd, frames[number % units])
        await timer.sleep_until(sent + takes)
        left = size
        while left > 0:
            try:
                left -= len(os.read(fd, 4096))
            except BlockingIOError:
                await trio.lowlevel.wait_readable(fd)
        number += 1
        tally.took(())
    measured = tally.result()
    os.close(fd)
    timer.close()
    await port.aclose()
    return measured


if __name__ == "__main__":
    what, where, *numbers, long = sys.argv[1:]
    if what == "tcp":
        run = partial(tcp, int(where), int(numbers[0]), float(long))
    elif what == "paced":
        run = partial(paced, int(where), int(numbers[0]), int(numbers[1]), float(numbers[2]), float(long))
    else:
        run = partial(rtu, where, int(numbers[0]), int(numbers[1]), int(numbers[2]), float(long))
    print(json.dumps(trio.run(run)))
