"""Wiring as it goes wrong: A and B swapped, and two devices with one number."""

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Spread, WireFaults
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.plan import read_plan

QUESTION = bytes.fromhex("05 03 00 00 00 01 85 8e")
ANSWER = bytes.fromhex("05 03 02 00 07 08 46")


async def heard(line: MemoryLine) -> bytes:
    port = await line.open()
    await port.send(QUESTION)
    data = b""
    while (more := await port.receive(trio.current_time() + 0.3)) is not None:
        data += more
    return data


def device() -> SimulatedDevice:
    return SimulatedDevice(5, holding={0: 7})


async def test_nobody_understands_swapped_wires_and_a_break_follows(autojump_clock: MockClock) -> None:
    assert await heard(MemoryLine([device()], wire_faults=WireFaults(swapped=True))) == b"\0"


async def test_a_twin_answers_too(autojump_clock: MockClock) -> None:
    line = MemoryLine([device()], faults={5: DeviceFaults(twin=Spread(0.05, 0.05))})

    assert await heard(line) == 2 * ANSWER


async def test_twins_that_answer_at_once_spoil_each_other(autojump_clock: MockClock) -> None:
    line = MemoryLine([device()], faults={5: DeviceFaults(twin=Spread(0.0, 0.0))})

    data = await heard(line)

    assert data
    assert ANSWER not in data


@pytest.mark.parametrize("fault", ["faults = { swapped = true }", ""])
def test_the_file_can_say_so(fault: str) -> None:
    plan = read_plan(
        f'[[line]]\nname = "a"\ntransport = "rtu"\nport = "tty"\n{fault}\n'
        '[[line.device]]\nname = "d"\nunit = 5\nfaults = { twin = { low = 0.01, high = 0.02 } }'
    )

    assert plan.line[0].faults.swapped is bool(fault)
    assert plan.line[0].device_faults[5].twin == Spread(0.01, 0.02)
