"""Reading registers for decoding, without a gateway."""

import pytest
from trio.testing import MockClock

from drivers.ports.port import LinkDown, Port
from drivers.simulated.device import Point, SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.signals import Counter
from drivers.simulated.wire import SerialWire
from gateway.field.address import Address
from gateway.field.decode_read import ReadError, from_hex, read_port
from gateway.settings.line_model import LineSettings

LINE = LineSettings(name="tool", transport="rtu", port="/dev/x", stopbits=2)
FIRST = Address("input", 4)


class Opener:
    def __init__(self, faults: dict[int, DeviceFaults] | None = None) -> None:
        points = [Point("input", 4, Counter(start=10, per_s=2))]
        self.line = MemoryLine([SimulatedDevice(3, points=points)], SerialWire(19200, stopbits=2), faults)

    async def __call__(self, line: LineSettings) -> Port:
        return await self.line.open()


async def test_registers_are_read_again_after_each_pause(autojump_clock: MockClock) -> None:
    shots = await read_port(LINE, 3, FIRST, count=1, repeat=3, every=1.0, opener=Opener())

    assert shots == [(10,), (12,), (14,)]


async def test_a_refusal_is_told_with_place_and_name(autojump_clock: MockClock) -> None:
    with pytest.raises(
        ReadError, match=r"unit 3, 30005 = input, PDU 4, 0x04: the device refused: illegal data address"
    ):
        await read_port(LINE, 3, FIRST, count=2, repeat=1, every=1.0, opener=Opener())


async def test_damage_is_told_with_its_cure(autojump_clock: MockClock) -> None:
    with pytest.raises(ReadError, match="bytes arrive broken: wiring"):
        await read_port(LINE, 3, FIRST, count=1, repeat=1, every=1.0, opener=Opener({3: DeviceFaults(corrupt=1.0)}))


async def test_a_port_of_the_gateway_is_read_through_it(autojump_clock: MockClock) -> None:
    async def busy(line: LineSettings) -> Port:
        raise LinkDown("busy", "/dev/x is in use by another program")

    with pytest.raises(ReadError, match="--line NAME reads through it"):
        await read_port(LINE, 3, FIRST, count=1, repeat=1, every=1.0, opener=busy)


@pytest.mark.parametrize("text", ["4366 199A", "0x4366,0x199a", "4366199A"])
def test_registers_are_taken_as_technicians_write_them(text: str) -> None:
    assert from_hex(text) == (0x4366, 0x199A)


@pytest.mark.parametrize("text", ["", "43", "4366 19", "no"])
def test_half_registers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="four hexadecimal digits"):
        from_hex(text)
