"""The same with pymodbus: ``tcp_pymodbus async|sync PORT COUNT SECONDS``."""

from __future__ import annotations

import asyncio
import json
import sys

from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient

from benchmarks.clients.tally import Tally

WARM_UP = 200


async def run_async(port: int, count: int, tally: Tally) -> dict[str, float]:
    """Poll with the asyncio client."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    while tally.goes_on():
        tally.took((await client.read_holding_registers(0, count=count)).registers)
    result = tally.result()
    client.close()
    return result


def run_sync(port: int, count: int, tally: Tally) -> dict[str, float]:
    """Poll with the blocking client."""
    client = ModbusTcpClient("127.0.0.1", port=port)
    client.connect()  # type: ignore[no-untyped-call]  # pymodbus leaves it so
    while tally.goes_on():
        tally.took(client.read_holding_registers(0, count=count).registers)
    result = tally.result()
    client.close()  # type: ignore[no-untyped-call]  # pymodbus leaves it so
    return result


if __name__ == "__main__":
    kind, where, many = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    counting = Tally(many, float(sys.argv[4]), WARM_UP)
    print(
        json.dumps(
            asyncio.run(run_async(where, many, counting)) if kind == "async" else run_sync(where, many, counting)
        )
    )
