"""What governors may do to a line, done at random: no promise may be broken beyond what the lever says."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import trio

from gateway.core.steering import LEAST_ON_DEMAND, MOST_STRETCH
from gateway.lines.steering import LineSteering
from gateway.settings.line_model import LineSettings
from tests.sim.site import Site, SiteLine

FACTORS = (1.0, 1.5, 2.0, 4.0, MOST_STRETCH)
BOUNDS = (LEAST_ON_DEMAND, 0.1, 0.2)
# The first leave all promises as they are; after the last two a line has to find its devices again.
LEVERS = ("stretch", "stretch", "bound", "relearn", "reopen", "restart")
LONGEST_READ_S = 15.0


def stretched(settings: LineSettings, factor: float) -> LineSettings:
    """What a line is asked for while the polls of its low-priority tags are stretched."""
    devices = tuple(
        replace(
            device,
            tags=tuple(
                replace(tag, poll=tag.poll * factor) if tag.priority == "low" and tag.poll is not None else tag
                for tag in device.tags
            ),
        )
        for device in settings.devices
    )
    return replace(settings, devices=devices)


async def pull(site: Site, line: SiteLine) -> None:
    """Pull one lever after the other, for ever."""
    rng = Random(f"{site.seed}/levers/{line.name}")
    steering = LineSteering(site.lines)
    # Reads that are not bounded may cost any poll its deadline: that is why there is a bound.
    steering.bound_on_demand(line.name, BOUNDS[0])
    while True:
        await trio.sleep(rng.uniform(10.0, 40.0))
        lever = rng.choice(LEVERS)
        done: object = True
        if lever == "stretch":
            factor = rng.choice(FACTORS)
            done = steering.stretch(line.name, factor) == factor
            line.expect(stretched(line.plan.settings, factor))
        elif lever == "bound":
            done = steering.bound_on_demand(line.name, rng.choice(BOUNDS))
        elif lever == "relearn":
            done = steering.relearn(line.name)
        else:
            line.opened_anew()
            done = steering.reopen(line.name) if lever == "reopen" else steering.restart(line.name)
        if not done:
            site.broken(f"line {line.name}", f"would not {lever}")
        site.note(f"lever {line.name} {lever}")
        site.tally[f"lever:{lever}"] += 1


async def read(site: Site, line: SiteLine) -> None:
    """Read registers of devices on demand, one after the other, in bursts, for ever."""
    rng = Random(f"{site.seed}/reader/{line.name}")
    units = [member.device.unit for member in line.members.values() if member.role != "absent"]
    while True:
        await trio.sleep(rng.uniform(0.5, 10.0))
        for _ in range(rng.randint(1, 30)):
            began = trio.current_time()
            answer = await site.field.modbus_read(line.name, rng.choice(units), "holding", 0, rng.randint(1, 20))
            site.tally[f"read:{answer.reason}"] += 1
            if trio.current_time() - began > LONGEST_READ_S:
                site.broken(f"line {line.name}", f"a read took {trio.current_time() - began:.1f} s to end")
            if answer.reason is not None:
                await trio.sleep(1.0)
