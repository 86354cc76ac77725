"""Exchange, match and decode over TCP, one request at a time, as a line does it: ``tcp_ours PORT COUNT SECONDS``."""

from __future__ import annotations

import json
import sys
import time
from functools import partial

import trio

from drivers.modbus.pdu import Data, read_registers
from drivers.modbus.tcp import TcpFramer
from drivers.modbus.values import BlockCodec, Field
from drivers.ports.tcp_port import open_tcp
from gateway.lines.exchange import Answer, NetworkTalk, Pace
from gateway.lines.health import Cause
from gateway.lines.wire import Wire

WARM_UP = 200


def _nothing() -> None:
    return


def _count(cause: Cause) -> None:
    raise AssertionError(cause)


async def run(tcp_port: int, count: int, seconds: float) -> dict[str, float]:
    """Poll for some seconds."""
    port = await open_tcp("127.0.0.1", tcp_port)
    talk = NetworkTalk(port, TcpFramer(), Wire(0.0, 0.0, 0.005, 7))
    request = read_registers(1, 3, 0, count)
    codec = BlockCodec(count, [Field(offset, "uint16") for offset in range(count)])
    pace = Pace(0.005)
    polls = failures = number = 0
    start, used = 0.0, 0.0
    while True:
        if number == WARM_UP:
            start, used = time.perf_counter(), time.process_time()
            polls = failures = 0
        if start and time.perf_counter() - start >= seconds:
            break
        number += 1
        result = await talk.exchange(request, 1.0, _count, pace, _nothing)
        if isinstance(result, Answer) and isinstance(result.answer, Data):
            values = codec.decode(result.answer.payload)
            polls += len(values) == count
        else:
            failures += 1
    cpu, wall = time.process_time() - used, time.perf_counter() - start
    await port.aclose()
    return {"polls": polls, "failures": failures, "cpu": cpu, "wall": wall}


if __name__ == "__main__":
    print(json.dumps(trio.run(partial(run, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
