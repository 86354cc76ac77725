"""The same with pymodbus: ``tcp_pymodbus async|sync PORT COUNT SECONDS``."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence

from pymodbus.client import AsyncModbusTcpClient, ModbusTcpClient

WARM_UP = 200


class Tally:
    """Counts polls from the end of the warm-up on."""

    def __init__(self, count: int, seconds: float) -> None:
        self._count = count
        self._seconds = seconds
        self._number = 0
        self._start = 0.0
        self._used = 0.0
        self.polls = 0
        self.failures = 0

    def goes_on(self) -> bool:
        """Whether to poll once more."""
        if self._number == WARM_UP:
            self._start, self._used = time.perf_counter(), time.process_time()
            self.polls = self.failures = 0
        self._number += 1
        return not self._start or time.perf_counter() - self._start < self._seconds

    def took(self, registers: Sequence[int]) -> None:
        """One answer."""
        if len(registers) == self._count:
            self.polls += 1
        else:
            self.failures += 1

    def result(self) -> dict[str, float]:
        """What came out."""
        cpu, wall = time.process_time() - self._used, time.perf_counter() - self._start
        return {"polls": self.polls, "failures": self.failures, "cpu": cpu, "wall": wall}


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
    counting = Tally(many, float(sys.argv[4]))
    print(
        json.dumps(
            asyncio.run(run_async(where, many, counting)) if kind == "async" else run_sync(where, many, counting)
        )
    )
