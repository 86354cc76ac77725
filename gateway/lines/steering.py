"""The lines as governors see and steer them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import trio

from gateway.core.reading import Quality
from gateway.core.steering import DeviceGlance, FieldGlance, LineGlance
from gateway.core.tags import Cell
from gateway.lines.line import Line
from gateway.lines.lines import Lines
from gateway.lines.report import AnyLine, advice
from gateway.lines.unit import Unit

# How old a glance may be: governors that look at the same moment see the same field, and it is made for all of them.
KEPT_S = 0.5


class LineSteering:
    """Implements ``core.steering.FieldSteering`` on the lines.

    Args:
        lines: of this gateway.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._glance: FieldGlance | None = None

    def glance(self) -> FieldGlance:
        """See ``FieldSteering.glance``: at most half a second old, and made after the last thing that was set."""
        now = trio.current_time()
        if self._glance is None or now - self._glance.at > KEPT_S:
            owners = list(self._lines)
            self._glance = FieldGlance(
                now,
                tuple([_line(line, self._lines.falls(line.settings.name), now) for line in owners]),
                tuple([device for line in owners if isinstance(line, Line) for device in _devices(line, now)]),
            )
        return self._glance

    def stretch(self, line: str, factor: float) -> float | None:
        """See ``FieldSteering.stretch``: what is below 1 or above the most there may be is taken for that."""
        self._glance = None
        owner = self._modbus(line)
        return None if owner is None else owner.stretch(factor)

    def bound_on_demand(self, line: str, share: float | None) -> float | None:
        """See ``FieldSteering.bound_on_demand``: what is below the least there must be is taken for that."""
        self._glance = None
        owner = self._modbus(line)
        return None if owner is None else owner.bound_on_demand(share)

    def reopen(self, line: str) -> bool:
        """See ``FieldSteering.reopen``: not while a tool has the line."""
        self._glance = None
        owner = self._modbus(line)
        return owner is not None and owner.reopen()

    def relearn(self, line: str) -> bool:
        """See ``FieldSteering.relearn``; a line that is lent or down does it when it polls again."""
        self._glance = None
        owner = self._modbus(line)
        if owner is None:
            return False
        owner.relearn()
        return True

    def restart(self, line: str) -> bool:
        """See ``FieldSteering.restart``: not while a tool has the line, and not where it is parked."""
        self._glance = None
        return self._lines.restart(line)

    def _modbus(self, name: str) -> Line | None:
        line = self._lines.get(name)
        return line if isinstance(line, Line) else None


def _line(line: AnyLine, falls: int, now: float) -> LineGlance:
    if not isinstance(line, Line):
        return LineGlance(
            name=line.settings.name,
            modbus=False,
            state=str(line.state),
            reason=line.reason,
            network=line.settings.network,
            place=line.settings.far_end,
            opened=line.opened,
            falls=falls,
            idle=now - line.alive_at,
        )
    polling = line.polling
    units = polling.units.values()
    return LineGlance(
        name=line.settings.name,
        modbus=True,
        state=str(line.state),
        reason=line.reason,
        network=line.settings.network,
        place=line.settings.far_end,
        lent=line.lent,
        utilisation=polling.busy.value(now),
        on_demand=line.on_demand.taken.value(now),
        missed=sum(_missed(unit.cells.values()) for unit in units),
        opened=line.opened,
        falls=falls,
        idle=now - line.alive_at,
        stretch=polling.stretched,
        on_demand_bound=line.on_demand.bound,
        stretchable=sum(
            tag.priority == "low" and tag.poll is not None for device in line.settings.devices for tag in device.tags
        ),
        splits=sum(len(cuts) for unit in units for cuts in unit.splits.values()),
    )


def _devices(line: Line, now: float) -> Iterator[DeviceGlance]:
    for unit in line.polling.units.values():
        if unit.device is not None:
            yield _device(line, unit, now)


def _device(line: Line, unit: Unit, now: float) -> DeviceGlance:
    health = unit.health
    counters, latency = health.counters, health.latency
    cells = unit.cells.values()
    return DeviceGlance(
        line=line.settings.name,
        name=f"{line.settings.name}/{unit.name}",
        unit=unit.number,
        state=str(health.presence) if line.port is not None else "unknown",
        since=now - health.since,
        latency=max(latency.mean, 0.0) if latency.samples else None,
        spread=latency.spread if latency.samples else None,
        timeout=health.timeout,
        bound=health.bound,
        requests=counters.requests,
        answers=counters.answers,
        errors={str(cause): number for cause, number in counters.errors.items()},
        refusals=dict(counters.refusals),
        tags=len(cells),
        good=sum(
            cell.quality is Quality.GOOD
            and cell.sample is not None
            and now - cell.sample.acquired <= cell.tag.stale_after
            for cell in cells
        ),
        missed=_missed(cells),
        advice=tuple(advice(health)),
    )


def _missed(cells: Iterable[Cell]) -> int:
    return sum(cell.missed for cell in cells)
