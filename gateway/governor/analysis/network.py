"""The field side examined: two glances some seconds apart show what goes on now, the counters what went on so far."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from statistics import median

from gateway.core.alerts import Severity
from gateway.core.steering import DeviceGlance, FieldGlance, LineGlance
from gateway.governor.analysis.finding import Finding, Report
from gateway.governor.down import advice, why

BUSY = 0.9
# Exchanges within the window from which shares of errors say something; and over the whole run.
ENOUGH = 20
MANY_ERRORS = 0.02
# A device that takes so much of its line and so many times the usual turnaround holds the others up.
HOG_SHARE = 0.3
HOG_TIMES = 3.0
# Devices that fell silent within so many seconds of each other did so for one reason.
TOGETHER_S = 5.0
PRESENT = frozenset({"online", "doubtful"})


def examine_network(before: FieldGlance, after: FieldGlance) -> Report:
    """What two glances of the field show."""
    findings: list[Finding] = []
    patterns: list[str] = []
    old = {device.name: device for device in before.devices}
    judged = 0
    for line in after.lines:
        devices = [device for device in after.devices if device.line == line.name]
        findings += _line(line, before.line(line.name), devices, after.at - before.at)
        if line.state == "up" and not line.lent:
            for device in devices:
                judged += device.requests >= ENOUGH
                findings += _device(device, old.get(device.name), after.at - before.at, devices)
            patterns += _patterns(line, devices)
    return Report(tuple(findings), tuple(patterns), judged / len(after.devices) if after.devices else 1.0)


def _line(
    line: LineGlance, before: LineGlance | None, devices: list[DeviceGlance], seconds: float
) -> Iterable[Finding]:
    component = f"line:{line.name}"
    if line.state == "parked":
        yield Finding(
            "parked-line",
            Severity.CRITICAL,
            component,
            f"{line.name} was stopped by a fault of the gateway itself",
            "Send a report (ferrule report) to whoever maintains the gateway; it is tried again every ten minutes.",
            {"falls": line.falls},
        )
    elif line.state != "up":
        yield Finding(
            "line-down",
            Severity.CRITICAL,
            component,
            f"{line.name} is {line.state} ({why(line)})",
            f"Line {line.name}: {advice(line)}.",
            {"state": line.state, "reason": line.reason, "opened": line.opened},
        )
    elif line.lent:
        yield Finding(
            "lent-line",
            Severity.INFO,
            component,
            f"{line.name} is lent to a technician's tool: nothing is polled on it meanwhile",
            "",
        )
    elif len(devices) > 1 and all(device.state == "silent" for device in devices):
        yield Finding(
            "silent-line",
            Severity.CRITICAL,
            component,
            f"nobody answers on {line.name}, {_counted(len(devices), 'device')} in all",
            f"Check on {line.name}: cable, A and B swapped, power of the devices, baud rate and parity (ferrule scan).",
            {"devices": len(devices)},
        )
    missed = line.missed - (before.missed if before is not None else line.missed)
    if line.utilisation is not None and line.utilisation >= BUSY and missed:
        yield Finding(
            "overloaded-line",
            Severity.WARNING,
            component,
            f"{line.name} is busy {line.utilisation:.0%} of its time and missed "
            f"{_counted(missed, 'deadline')} in {seconds:.0f} s",
            'Poll less often, give unimportant tags priority = "low", raise the baud rate, or use a second line '
            "(ferrule check shows the load of each tag).",
            {"utilisation": line.utilisation, "missed": missed, "stretch": line.stretch},
        )
    if line.splits:
        yield Finding(
            "cut-blocks",
            Severity.INFO,
            component,
            f"{_counted(line.splits, 'block')} of {line.name} {'is' if line.splits == 1 else 'are'} read in pieces, "
            f"since the device refused an address in {'it' if line.splits == 1 else 'them'}",
            f"Compare the register addresses of {line.name} with the manual: some may not exist.",
            {"splits": line.splits},
        )


def _device(
    device: DeviceGlance, before: DeviceGlance | None, seconds: float, all_of_line: list[DeviceGlance]
) -> Iterable[Finding]:
    component = f"device:{device.name}"
    if device.state == "silent":
        never = not device.answers
        yield Finding(
            "silent-device",
            Severity.WARNING,
            component,
            f"{device.name} (unit {device.unit}) has not answered for {device.since:.0f} s"
            + (", and never did since its line was started" if never else ""),
            f"Check {device.name}: power, wiring, unit number {device.unit}"
            + (f"; ferrule scan {device.line} shows who is there." if never else "."),
            {"unit": device.unit, "seconds": round(device.since), "requests": device.requests, "tags": device.tags},
        )
        return
    if device.state not in PRESENT:
        return
    errors = sum(device.errors.values())
    if device.requests >= ENOUGH and errors / device.requests >= MANY_ERRORS:
        lately = errors - (sum(before.errors.values()) if before is not None else errors)
        yield Finding(
            "errors",
            Severity.WARNING,
            component,
            f"{errors} of {device.requests} exchanges with {device.name} went wrong, {lately} in the last "
            f"{seconds:.0f} s",
            f"{device.name}: " + "; ".join(device.advice) if device.advice else "",
            {"errors": dict(device.errors), "requests": device.requests, "lately": lately},
        )
    refused = sum(device.refusals.values())
    if refused:
        most = max(device.refusals, key=lambda name: device.refusals[name])
        yield Finding(
            "refusals",
            Severity.INFO,
            component,
            f"{device.name} refused {_counted(refused, 'request')}, {'' if refused == 1 else 'most '}with "
            f"{most.replace('_', ' ')}",
            f"Compare the registers and functions configured for {device.name} with its manual.",
            {"refusals": dict(device.refusals)},
        )
    bad = device.tags - device.good
    if device.state == "online" and device.tags and bad:
        yield Finding(
            "tags-not-good",
            Severity.WARNING if bad == device.tags else Severity.INFO,
            component,
            f"{device.name} answers, but {bad} of its {_counted(device.tags, 'tag')} "
            f"{'is' if bad == 1 else 'are'} not good",
            f"tag.read tells the reason of each tag of {device.name}.",
            {"tags": device.tags, "good": device.good},
        )
    yield from _hog(device, before, seconds, all_of_line)


def _hog(
    device: DeviceGlance, before: DeviceGlance | None, seconds: float, all_of_line: list[DeviceGlance]
) -> Iterable[Finding]:
    """A device that is so slow that the others wait for it."""
    others = [other.latency for other in all_of_line if other.latency is not None and other is not device]
    if before is None or device.latency is None or not others or seconds <= 0:
        return
    share = (device.answers - before.answers) * device.latency / seconds
    usual = median(others)
    if share >= HOG_SHARE and device.latency >= HOG_TIMES * usual:
        yield Finding(
            "slow-device",
            Severity.WARNING,
            f"device:{device.name}",
            f"waiting for {device.name} takes {share:.0%} of the time of {device.line}: it answers after "
            f"{device.latency * 1000:.0f} ms, others after {usual * 1000:.0f} ms",
            f"Poll {device.name} less often, or give it a line of its own.",
            {"share": round(share, 3), "latencyMs": round(device.latency * 1000, 1), "usualMs": round(usual * 1000, 1)},
        )


def _patterns(line: LineGlance, devices: list[DeviceGlance]) -> Iterable[str]:
    silent = [device for device in devices if device.state == "silent" and device.answers]
    together = {
        device.name
        for one, other in combinations(silent, 2)
        if abs(one.since - other.since) <= TOGETHER_S
        for device in (one, other)
    }
    if together:
        yield (
            f"{', '.join(sorted(together))} fell silent at the same moment: look for what they share on {line.name}, a "
            "power supply or a stretch of cable"
        )
    broken = [device for device in devices if device.requests >= ENOUGH]
    noisy = [
        device
        for device in broken
        if (device.errors.get("crc", 0) + device.errors.get("short", 0)) / device.requests >= MANY_ERRORS
    ]
    if len(noisy) > 1 and len(noisy) == len(broken):
        yield (
            f"all devices on {line.name} have damaged answers: it is the line and not the devices; look at "
            "termination, earthing, bias resistors and cable length"
        )
    elif len(noisy) == 1 and len(broken) > 2:
        yield f"only {noisy[0].name} has damaged answers on {line.name}: look at its own plug and branch of the cable"


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
