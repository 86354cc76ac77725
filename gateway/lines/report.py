"""Lines and devices as callers see them: state, load, errors by cause with the words a technician needs."""

from __future__ import annotations

import trio

from gateway.core.ports import Json
from gateway.core.tags import TagStore
from gateway.lines.health import CAUSE_WORDS, Health
from gateway.lines.line import Line
from gateway.lines.raw_line import RawLine
from gateway.lines.unit import Unit

AnyLine = Line | RawLine


def line_report(line: AnyLine) -> dict[str, Json]:
    """A line for ``line.list``."""
    settings = line.settings
    report: dict[str, Json] = {
        "line": settings.name,
        "transport": settings.transport,
        "port": settings.far_end,
        "description": settings.description or None,
        "state": str(line.state),
        "reason": line.reason,
        "message": line.words,
        "opened": line.opened,
        "devices": len(settings.devices),
    }
    if settings.transport in {"rtu", "ascii", "serial"}:
        report["serial"] = {
            "baudrate": settings.baudrate,
            "bytesize": settings.bytesize,
            "parity": settings.parity,
            "stopbits": settings.stopbits,
        }
    faults = line.port.faults() if line.port is not None else None
    report["hardwareErrors"] = (
        None
        if faults is None
        else {
            "parity": faults.parity,
            "framing": faults.framing,
            "overrun": faults.overrun,
            "breaks": faults.breaks,
        }
    )
    if isinstance(line, RawLine):
        report["messages"] = line.messages
        report["errors"] = dict(line.errors)
        return report
    polling = line.polling
    now = trio.current_time()
    utilisation = polling.busy.value(now)
    report["borrowed"] = line.loan is not None and line.loan.lasts
    report["requests"] = sum(unit.health.counters.requests for unit in polling.units.values())
    report["utilisation"] = None if utilisation is None else round(utilisation, 4)
    report["silentShare"] = settings.silent_share
    report["secondsLost"] = round(polling.budget.lost, 3)
    return report


def device_report(line: Line, unit: Unit, store: TagStore) -> dict[str, Json]:
    """A device for ``device.list``."""
    health = unit.health
    readings = [store.read(cell.tag.name) for cell in unit.cells.values()]
    latency = health.latency
    return {
        "device": f"{line.settings.name}/{unit.name}",
        "line": line.settings.name,
        "unit": unit.number,
        "profile": unit.device.profile if unit.device is not None else None,
        "state": str(health.presence) if line.port is not None else "unknown",
        "stateSeconds": round(trio.current_time() - health.since, 3),
        "latencyMs": round(max(latency.mean, 0.0) * 1000, 2) if latency.samples else None,
        "timeoutMs": round(health.timeout * 1000, 1),
        "requests": health.counters.requests,
        "answers": health.counters.answers,
        "errors": {str(cause): number for cause, number in health.counters.errors.items()},
        "refusals": dict(health.counters.refusals),
        "advice": advice(health),
        "blocks": len(unit.polls),
        "tags": len(unit.cells),
        "tagsGood": sum(reading is not None and reading.quality == "good" for reading in readings),
        "missedDeadlines": sum(cell.missed for cell in unit.cells.values()),
    }


def advice(health: Health) -> list[str]:
    """Where a technician should look first, by the most frequent cause; nothing where nothing went wrong."""
    errors = sorted(health.counters.errors.items(), key=lambda item: -item[1])
    return [f"{number} x {CAUSE_WORDS[cause]}" for cause, number in errors[:3]]
