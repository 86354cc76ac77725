"""What goes wrong in the plant, and when: each device plays its part from its own stream of chance."""

from __future__ import annotations

from random import Random

import trio

from drivers.simulated.faults import DeviceFaults, Spread
from tests.sim.plant import Member
from tests.sim.site import RECOVERY_S, Site, SiteLine

# Late answers stay within what the product calls possible: four times the configured time-out, two seconds at least.
LATE = Spread(0.1, 1.9)

MILD: dict[str, DeviceFaults] = {
    "noisy": DeviceFaults(corrupt=0.02, truncated=0.02, noise_before=0.02),
    "late": DeviceFaults(late=0.01, late_by=LATE, jitter=Spread(0.0, 0.05, tail=0.005)),
    "twice": DeviceFaults(duplicate=0.02),
    "stranger": DeviceFaults(wrong_unit=0.03, wrong_function=0.02),
    "busy": DeviceFaults(busy=0.1),
    "lossy": DeviceFaults(lost=0.03),
}
WILD: dict[str, DeviceFaults] = {
    "noisy": DeviceFaults(corrupt=0.4, truncated=0.2, corrupt_bytes=3),
    "late": DeviceFaults(late=0.15, late_by=LATE, jitter=Spread(0.01, 0.2, tail=0.05)),
    "twice": DeviceFaults(duplicate=0.3),
    "stranger": DeviceFaults(wrong_unit=0.3, wrong_function=0.3),
    "busy": DeviceFaults(busy=0.9),
    "lossy": DeviceFaults(lost=0.5),
}
SILENT = DeviceFaults(silent=True)


async def play(site: Site, line: SiteLine, member: Member) -> None:
    """One device's part, for ever."""
    role, unit = member.role, member.device.unit
    faults = line.memory.stations.faults
    rng = Random(f"{site.seed}/weather/{line.name}/{unit}")
    if role == "silent":
        faults[unit] = SILENT
        line.troubled(unit)
        return
    if role == "leaver":
        while True:
            await trio.sleep(rng.uniform(15.0, 60.0))
            faults[unit] = SILENT
            line.troubled(unit)
            await trio.sleep(rng.uniform(3.0, 40.0) if rng.random() < 0.6 else rng.uniform(60.0, 120.0))
            del faults[unit]
            line.well(unit)
    if role in MILD:
        line.troubled(unit)
        while True:
            faults[unit] = MILD[role]
            await trio.sleep(rng.uniform(20.0, 60.0))
            faults[unit] = WILD[role]
            wild = rng.uniform(2.0, 8.0)
            if role == "noisy":
                # One answer after the other is lost: its line is late for as long, and is not asked for more.
                line.excuse(wild + RECOVERY_S)
            await trio.sleep(wild)


async def unplug(site: Site, line: SiteLine) -> None:
    """The adapter of a line is pulled and put back, for ever."""
    rng = Random(f"{site.seed}/weather/{line.name}")
    while True:
        await trio.sleep(rng.uniform(40.0, 120.0))
        line.unplug()
        await trio.sleep(rng.uniform(0.2, 25.0))
        line.replug()


async def set_clock(site: Site) -> None:
    """A board without a clock chip: its clock starts in the past, learns the time, and is set now and then."""
    rng = Random(f"{site.seed}/weather/clock")
    await trio.sleep(rng.uniform(30.0, 60.0))
    site.clock.step(0.0, synchronised=True)
    while True:
        await trio.sleep(rng.uniform(60.0, 200.0))
        site.clock.step(rng.choice((-1800.0, -2.0, 2.0, 3600.0)), synchronised=True)
        await trio.sleep(rng.uniform(20.0, 60.0))
        site.clock.step(0.0, synchronised=True)
