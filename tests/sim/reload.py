"""Reloads: some lines change their configuration while the others run on."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import trio

from gateway.settings.line_model import DeviceSettings, LineSettings
from tests.sim.site import RECOVERY_S, Site, SiteLine


def changed(line: SiteLine, rng: Random) -> LineSettings:
    """Another configuration of a line: a device without writable tags comes or goes, or polls take longer."""
    devices = line.plan.settings.devices
    optional = [device for device in devices if not any(tag.writable for tag in device.tags)]
    gone = rng.choice(optional)
    kept = [device for device in devices if device is not gone] if rng.random() < 0.5 else list(devices)
    slower = rng.choice(kept)
    return replace(
        line.plan.settings, devices=tuple(_slower(device) if device is slower else device for device in kept)
    )


def _slower(device: DeviceSettings) -> DeviceSettings:
    return replace(
        device, tags=tuple(tag if tag.poll is None else replace(tag, poll=2 * tag.poll) for tag in device.tags)
    )


async def reload_lines(site: Site) -> None:
    """Reload one line or two, again and again; nobody else may notice."""
    rng = Random(f"{site.seed}/reload")
    changing = [line for line in site.site_lines.values() if line.plan.sketch.reloads]
    while True:
        await trio.sleep(rng.uniform(25.0, 70.0))
        lines = rng.sample(changing, rng.randint(1, len(changing)))
        others = [line for line in site.site_lines.values() if line not in lines]
        before = {line.name: (line.line, line.line.opened) for line in others}
        settings = [changed(line, rng) for line in lines]
        for line in lines:
            line.losses[0] = trio.current_time()
            line.excuse(1e9)
        await site.lines.reload([line.name for line in lines], settings)
        now = trio.current_time()
        for line, new in zip(lines, settings, strict=True):
            line.losses[0] = now
            line.expect(new)
            line.excused_until = now + RECOVERY_S if line.plugged else 1e9
        site.tally["reload"] += 1
        for line in others:
            running, opened = before[line.name]
            # Unplugged meanwhile is the only reason to have been opened anew.
            if line.line is not running or (line.line.opened != opened and line.plugged_since < now - 30.0):
                site.broken(f"line {line.name}", f"was touched by the reload of {[line.name for line in lines]}")
