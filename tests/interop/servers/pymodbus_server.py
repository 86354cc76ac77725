"""A Modbus device made by pymodbus: tcp PORT, rtu-over-tcp PORT, rtu PATH or ascii PATH.

Prints ``serving`` when it listens, ``connect`` and ``disconnect``, and a line for each write it carries out.
"""

from __future__ import annotations

import asyncio
import signal
import sys

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a program of its own, read by the test


async def tell_of_writes(
    function: int, _start: int, address: int, _count: int, _now: list[int], written: list[int] | list[bool] | None
) -> ExcCodes | None:
    if written is not None:
        say(f"write {function} {address} {','.join(str(int(value)) for value in written)}")
    return None


def device() -> SimDevice:
    """The device of this folder's tests, unit 1. Registers 12 to 15 do not exist."""
    coils = [address in {0, 3, 5} for address in range(16)]
    discretes = [address in {1, 2} for address in range(16)]
    return SimDevice(
        1,
        (
            [SimData(0, values=coils, datatype=DataType.BITS)],
            [SimData(0, values=discretes, datatype=DataType.BITS)],
            [
                SimData(0, values=[1234, 0xFF85], datatype=DataType.REGISTERS),
                SimData(2, values=230.5, datatype=DataType.FLOAT32),
                SimData(4, values=[2, 1], datatype=DataType.REGISTERS),
                SimData(6, values=[0] * 6, datatype=DataType.REGISTERS),
                SimData(16, values=[99], datatype=DataType.REGISTERS),
            ],
            [
                SimData(0, values=-40.25, datatype=DataType.FLOAT32),
                SimData(2, values=[777], datatype=DataType.REGISTERS),
            ],
        ),
        action=tell_of_writes,
    )


async def serve(transport: str, place: str) -> None:
    """Serve until SIGTERM."""

    def connection(there: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        say("connect" if there else "disconnect")

    server: ModbusTcpServer | ModbusSerialServer
    if transport in {"tcp", "rtu-over-tcp"}:
        server = ModbusTcpServer(
            device(),
            framer=FramerType.SOCKET if transport == "tcp" else FramerType.RTU,
            address=("127.0.0.1", int(place)),
            ignore_missing_devices=True,
            trace_connect=connection,
        )
    else:
        server = ModbusSerialServer(
            device(),
            framer=FramerType.ASCII if transport == "ascii" else FramerType.RTU,
            port=place,
            baudrate=19200,
            ignore_missing_devices=True,
        )
    await server.serve_forever(background=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    say("serving")
    await stop.wait()
    await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus left it untyped


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
