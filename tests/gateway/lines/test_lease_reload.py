"""A lease outlives a change of the configuration: what was promised is kept, or told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from drivers.simulated.device import SimulatedDevice
from drivers.simulated.faults import DeviceFaults
from gateway.core.errors import GatewayError
from gateway.core.ports import Outcome
from gateway.settings.line_model import DeviceSettings
from tests.gateway.lines.bench import Bench, Facts, device, open_bench, tag

SPEED = tag("speed", 0, writable=True, safe=0)
OTHER = tag("other", 9)
LOST = "lease over, but the configuration has no safe value for this tag any more, or has it elsewhere"


async def lend(bench: Bench) -> None:
    await trio.sleep(2)
    assert (await bench.field.write("bus/d1/speed", 900, 30)).outcome is Outcome.CONFIRMED


async def reload(bench: Bench, *devices: DeviceSettings) -> None:
    await bench.lines.reload(["bus"], [replace(bench.settings, devices=devices)])


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(device(1, OTHER), id="the tag is gone"),
        pytest.param(device(1, replace(SPEED, name="renamed")), id="it has another name"),
        pytest.param(device(1, replace(SPEED, safe=None)), id="it has no safe value any more"),
        pytest.param(device(1, replace(SPEED, address=5)), id="its register is another one"),
        pytest.param(device(2, SPEED), id="its device is another one"),
    ],
)
async def test_a_reload_that_takes_a_leased_tag_away_writes_its_safe_value_first(
    after: DeviceSettings, autojump_clock: MockClock
) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 5: 8, 9: 1})
    async with open_bench([device(1, SPEED, OTHER)], [simulated]) as bench:
        await lend(bench)
        await reload(bench, after)
        assert simulated.get("holding", 0) == 0
        assert bench.facts.recall("lease") == {}


async def test_a_reload_that_keeps_the_tag_keeps_its_lease(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 9: 1})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await lend(bench)
        await reload(bench, device(1, replace(SPEED, poll=5.0), OTHER))
        await trio.sleep(20)
        assert simulated.get("holding", 0) == 900
        await trio.sleep(12)
        assert simulated.get("holding", 0) == 0


async def test_a_safe_value_that_cannot_be_written_before_waits_for_the_tag_to_return(
    autojump_clock: MockClock,
) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 9: 1})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await lend(bench)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        await trio.sleep(5)
        with capture_logs() as logs:
            await reload(bench, device(1, OTHER))
            bench.memory.stations.faults.clear()
            await trio.sleep(120)
        assert simulated.get("holding", 0) == 900
        assert [entry["tag"] for entry in logs if entry["event"] == LOST] == ["bus/d1/speed"], "told once"
        await reload(bench, device(1, SPEED, OTHER))
        await trio.sleep(20)
        assert simulated.get("holding", 0) == 0


async def test_a_lease_found_at_the_start_of_a_tag_that_is_not_configured_is_told_and_kept(
    autojump_clock: MockClock,
) -> None:
    simulated = SimulatedDevice(1, holding={0: 900, 9: 1})
    facts = Facts({"lease": {"bus/d1/speed": True}})
    with capture_logs() as logs:
        async with open_bench([device(1, OTHER)], [simulated], facts=facts) as bench:
            await trio.sleep(60)
            assert [entry["log_level"] for entry in logs if entry["event"] == LOST] == ["error"]
            assert facts.recall("lease") == {"bus/d1/speed": True}
            await reload(bench, device(1, SPEED))
            await trio.sleep(20)
            assert simulated.get("holding", 0) == 0
            assert facts.recall("lease") == {}


async def test_no_lease_begins_on_a_tag_that_a_reload_is_taking_away(autojump_clock: MockClock) -> None:
    quick, slow = SimulatedDevice(2, holding={0: 7}), SimulatedDevice(1, holding={0: 7, 9: 1})
    devices = [device(1, SPEED, OTHER), device(2, SPEED)]
    async with open_bench(devices, [slow, quick]) as bench, trio.open_nursery() as nursery:
        await lend(bench)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        await trio.sleep(5)
        nursery.start_soon(reload, bench, device(1, OTHER))
        await trio.sleep(0.5)
        with pytest.raises(GatewayError, match="being reloaded"):
            await bench.field.write("bus/d2/speed", 800, 30)
        await trio.sleep(300)
        assert quick.get("holding", 0) == 7


async def test_two_writes_that_were_never_sent_leave_no_lease(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7})
    async with open_bench([device(1, SPEED)], [simulated]) as bench, trio.open_nursery() as nursery:
        await trio.sleep(2)
        bench.memory.unplug()
        await trio.sleep(2)
        outcomes: list[Outcome] = []

        async def write(value: int) -> None:
            outcomes.append((await bench.field.write("bus/d1/speed", value, 5)).outcome)

        for value in (800, 801):
            nursery.start_soon(write, value)
        await trio.sleep(20)
        assert outcomes == [Outcome.NOT_SENT, Outcome.NOT_SENT]
        bench.memory.replug()
        await trio.sleep(60)
        assert simulated.get("holding", 0) == 7, "nobody wrote, so nothing has to be made safe"
        assert bench.facts.recall("lease") == {}


async def test_a_tag_that_returns_with_another_register_is_not_written(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 5: 8, 9: 1})
    async with open_bench([device(1, SPEED)], [simulated]) as bench:
        await lend(bench)
        bench.memory.stations.faults[1] = DeviceFaults(silent=True)
        await trio.sleep(5)
        await reload(bench, device(1, OTHER))
        bench.memory.stations.faults.clear()
        await reload(bench, device(1, replace(SPEED, address=5)))
        await trio.sleep(60)
        assert (simulated.get("holding", 0), simulated.get("holding", 5)) == (900, 8)
        await reload(bench, device(1, SPEED))
        await trio.sleep(60)
        assert (simulated.get("holding", 0), simulated.get("holding", 5)) == (0, 8)


async def test_a_safe_value_that_cannot_be_written_is_told_and_ends_nothing(autojump_clock: MockClock) -> None:
    simulated = SimulatedDevice(1, holding={0: 7, 9: 1})
    impossible = replace(SPEED, safe=70_000)
    facts = Facts({"lease": {"bus/d1/speed": True}})
    with capture_logs() as logs:
        async with open_bench([device(1, impossible)], [simulated], facts=facts) as bench:
            await trio.sleep(60)
            (told,) = [entry for entry in logs if entry["event"] == LOST]
            assert "70000 does not fit uint16" in told["cure"]
            with pytest.raises(GatewayError, match="safe value that cannot be written: 70000 does not fit"):
                await bench.field.write("bus/d1/speed", 8, 30)
            assert simulated.get("holding", 0) == 7
            await reload(bench, device(1, SPEED))
            await trio.sleep(20)
            assert (simulated.get("holding", 0), facts.recall("lease")) == (0, {})


async def test_two_tries_at_one_safe_value_tell_of_no_renewal(autojump_clock: MockClock) -> None:
    """The lease runs out at the moment at which a reload takes its tag away."""
    simulated = SimulatedDevice(1, holding={0: 7, 9: 1})
    async with open_bench([device(1, SPEED, OTHER)], [simulated], baudrate=1200) as bench:
        await trio.sleep(2)
        assert (await bench.field.write("bus/d1/speed", 900, 5)).outcome is Outcome.CONFIRMED
        with capture_logs() as logs:
            await trio.sleep(bench.field.leases()[0].seconds_left + 0.001)
            await reload(bench, device(1, OTHER))
        told = [entry["event"] for entry in logs if entry["event"].startswith("lease")]
        assert told == ["lease over, safe value written"]
        assert simulated.get("holding", 0) == 0
        assert bench.field.leases() == []
