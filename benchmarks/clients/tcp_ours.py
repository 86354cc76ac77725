"""Exchange, match and decode over TCP, one request at a time, as a line does it: ``tcp_ours PORT COUNT SECONDS``."""

from __future__ import annotations

import json
import sys
from functools import partial

import trio

from benchmarks.clients.tally import Tally
from drivers.modbus.pdu import Data, read_registers
from drivers.modbus.tcp import TcpFramer
from drivers.modbus.values import BlockCodec, Field
from drivers.ports.port import Port
from drivers.ports.tcp_port import open_tcp
from gateway.lines.exchange import Answer, NetworkTalk, Pace
from gateway.lines.health import Cause
from gateway.lines.wakeups import Wakeups
from gateway.lines.wire import Wire

WARM_UP = 200


def _nothing() -> None:
    return


def _count(cause: Cause) -> None:
    raise AssertionError(cause)


async def run(tcp_port: int, count: int, seconds: float) -> dict[str, float]:
    """Poll for some seconds."""
    async with trio.open_nursery() as nursery:
        wakeups = Wakeups()
        nursery.start_soon(wakeups.run)
        measured = await _poll(await open_tcp("127.0.0.1", tcp_port, alarm=wakeups.alarm), count, seconds)
        nursery.cancel_scope.cancel()
    return measured


async def _poll(port: Port, count: int, seconds: float) -> dict[str, float]:
    talk = NetworkTalk(port, TcpFramer(), Wire(0.0, 0.0, 0.005, 7))
    request = read_registers(1, 3, 0, count)
    codec = BlockCodec(count, [Field(offset, "uint16") for offset in range(count)])
    pace = Pace(0.005)
    tally = Tally(count, seconds, WARM_UP)
    while tally.goes_on():
        result = await talk.exchange(request, 1.0, _count, pace, _nothing)
        if isinstance(result, Answer) and isinstance(result.answer, Data):
            tally.took(codec.decode(result.answer.payload))
        else:
            tally.took(None)
    measured = tally.result()
    await port.aclose()
    return measured


if __name__ == "__main__":
    print(json.dumps(trio.run(partial(run, int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
