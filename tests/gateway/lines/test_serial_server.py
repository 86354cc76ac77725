"""RTU over TCP: a serial server hands on what it hears on its bus, some characters at a time."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults, Spread
from drivers.simulated.wire import Chunking, SerialWire
from gateway.core.reading import Quality
from gateway.lines.feasibility import judge
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import device, open_bench, tag

REGISTERS = dict.fromkeys(range(125), 7)
SHORT = tag("t", 0, poll=10.0)
# One request: no tag may be divided.
LONG = tag("text", 0, type="string", length=125, poll=10.0)


@pytest.mark.parametrize(
    ("bus", "told", "gap", "bound"),
    [(1200, 1200, None, 0.3), (9600, 9600, None, 0.3), (1200, 19200, 0.05, 1.0), (9600, 19200, 0.01, 0.3)],
)
@pytest.mark.parametrize("piece", [Chunking(8, 0.05), Chunking(64, 0.02)])
async def test_a_long_answer_is_waited_for_while_it_comes(
    autojump_clock: MockClock, *, bus: int, told: int, gap: float | None, bound: float, piece: Chunking
) -> None:
    """As fast as the configuration says or not: who does not say it has 19200 Bd."""
    wire = SerialWire(bus, chunking=piece)
    units = [SimulatedDevice(unit, holding=REGISTERS) for unit in (1, 2)]
    configured = [device(1, SHORT), device(2, LONG)]
    async with open_bench(
        configured, units, transport="rtu-over-tcp", baudrate=told, gap=gap, timeout=bound, wire=wire
    ) as bench:
        await trio.sleep(60)
        assert (bench.read("d1/t").value, bench.read("d2/text").quality) == (7, Quality.GOOD)
        for unit in bench.line.polling.units.values():
            assert unit.health.counters.errors == {}


async def test_a_hole_is_read_only_where_that_is_cheaper_on_the_bus(autojump_clock: MockClock) -> None:
    tags = [tag("a", 0), tag("z", 120)]
    units = [SimulatedDevice(1, holding=REGISTERS)]
    async with open_bench(
        [device(1, *tags)], units, transport="rtu-over-tcp", baudrate=2400, wire=SerialWire(2400)
    ) as bench:
        await trio.sleep(5)
        assert [poll.block.count for poll in bench.line.polling.units[1].polls] == [1, 1]


def test_the_verdict_counts_the_time_on_the_bus() -> None:
    devices = (device(1, tag("text", 0, type="string", length=125, poll=1.0)),)
    behind, own = (
        judge(LineSettings(name="l", transport=transport, baudrate=1200, devices=devices)).utilisation
        for transport in ("rtu-over-tcp", "rtu")
    )
    assert behind > 2.0
    assert behind == pytest.approx(own, rel=0.05)


async def test_what_is_not_the_answer_holds_the_line_no_longer_than_its_time(autojump_clock: MockClock) -> None:
    """Only a reply that goes on is worth waiting for: not one that stopped in its middle."""
    units = [SimulatedDevice(unit, holding=REGISTERS) for unit in (1, 2)]
    async with open_bench(
        [device(1, SHORT), device(2, LONG)],
        units,
        faults={2: DeviceFaults(truncated=1.0)},
        transport="rtu-over-tcp",
        wire=SerialWire(19200, chunking=Chunking(8, 0.02)),
    ) as bench:
        await trio.sleep(60)
        assert bench.read("d1/t").quality is Quality.GOOD
        assert bench.read("d2/text").quality is Quality.BAD
        asked = trio.current_time()
        await bench.field.modbus_read("bus", 2, "holding", 0, 125)
        assert trio.current_time() - asked < 2.5


@pytest.mark.parametrize("baudrate", [1200, 2400, 4800])
async def test_a_late_answer_that_is_long_takes_no_line_down(autojump_clock: MockClock, baudrate: int) -> None:
    """It lasts longer than a line may babble: 255 characters at 1200 Bd are 2.1 s."""
    late = DeviceFaults(late=0.2, late_by=Spread(1.5, 1.5))
    units = [SimulatedDevice(unit, holding=REGISTERS) for unit in (1, 2)]
    async with open_bench(
        [device(1, LONG), device(2, tag("t", 0, poll=5.0))], units, faults={1: late}, baudrate=baudrate
    ) as bench:
        await trio.sleep(600)
        assert bench.line.opened == 1
        assert "line:down" not in [kind for kind, _ in bench.events]


async def test_behind_a_serial_server_unit_0_cannot_be_read(autojump_clock: MockClock) -> None:
    async with open_bench(
        [device(1, SHORT)], [SimulatedDevice(1, holding=REGISTERS)], transport="rtu-over-tcp"
    ) as bench:
        await trio.sleep(1)
        with pytest.raises(Exception, match="from 1 to 247"):
            await bench.field.modbus_read("bus", 0, "holding", 0, 1)
