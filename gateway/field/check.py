"""What ``ferrule check`` says of the lines: load, worst ages, and the plan of requests."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.lines.feasibility import PlannedBlock, Verdict, judge
from gateway.lines.unit import STALE_LEAST_S, STALE_PERIODS
from gateway.settings.model import LineSettings, Settings
from gateway.settings.problems import Place, Problem

# Above this a line has little left for writes, retries and slow days.
BUSY = 0.8


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        text: for people.
        problems: what is wrong (error) or doubtful (warning), each with its place in the file.
    """

    text: str
    problems: tuple[Problem, ...]

    @property
    def refused(self) -> bool:
        """Whether the configuration cannot be met."""
        return any(problem.severity == "error" for problem in self.problems)


def report(settings: Settings, *, blocks: bool) -> Report:
    """Judge all lines of a configuration.

    Args:
        settings: what is asked.
        blocks: list every request of the plan.
    """
    problems: list[Problem] = []
    parts = []
    for line in settings.lines:
        if line.transport == "serial":
            parts.append(f"line {line.name}: raw serial, {len(line.tags)} tags cut from its messages\n")
            continue
        verdict = judge(line)
        problems.extend(_problems(settings, verdict))
        parts.append(_line(verdict))
        parts.extend(_tags(verdict))
        if blocks:
            parts.extend(_block(planned) for planned in verdict.blocks)
    tags = sum(len(device.tags) for line in settings.lines for device in line.devices)
    parts.append(f"{settings.path}: {len(settings.lines)} lines, {tags} tags\n")
    return Report("".join(parts), tuple(problems))


def _line(verdict: Verdict) -> str:
    line = verdict.line
    registers = sum(planned.block.count for planned in verdict.blocks)
    wanted = sum(len(planned.block.places) for planned in verdict.blocks)
    return (
        f"line {line.name}: {len(verdict.blocks)} requests touching {registers} registers or bits for {wanted} tags, "
        f"{len(line.devices)} devices\n"
        f"  utilisation {verdict.utilisation:.1%}, and {verdict.silent_utilisation:.1%} of what is left when silent "
        f"devices use up their share ({line.silent_share:.0%})\n"
    )


def _tags(verdict: Verdict) -> list[str]:
    """Worst ages by device and period: every tag of a block shares its block's."""
    rows = [f"  {'device':<20} {'poll':>8} {'worst age':>12} {'1 or more silent':>18}   tags\n"]
    for planned in verdict.blocks:
        period = planned.block.period
        names = ", ".join(place.tag.name for place in planned.block.places)
        rows.append(
            f"  {planned.device.name:<20} {_seconds(period) if period else 'backgr.':>8} "
            f"{_seconds(verdict.age(planned, silent=False)):>12} {_seconds(verdict.age(planned, silent=True)):>18}"
            f"   {names}\n"
        )
    return rows


def _seconds(value: float | None) -> str:
    if value is None:
        return "no bound"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _block(planned: PlannedBlock) -> str:
    block = planned.block
    return (
        f"  unit {planned.device.unit} {block.table} {block.address}..{block.end - 1} ({block.count}), "
        f"{len(block.places)} tags, {planned.cost * 1000:.1f} ms\n"
    )


def _problems(settings: Settings, verdict: Verdict) -> list[Problem]:
    line = verdict.line
    place = line.place or Place(str(settings.path), 1, 1)
    if verdict.utilisation > 1:
        return [
            Problem.at(
                place,
                f"line {line.name} is asked for {verdict.utilisation:.0%} of its time: every value would be "
                f"{verdict.utilisation:.1f} times as old as asked. {_cure(line)}",
            )
        ]
    if verdict.silent_utilisation > 1:
        return [
            Problem.at(
                place,
                f"line {line.name} is full: with a silent device its deadlines cannot be kept. {_cure(line)}",
                severity="warning",
            )
        ]
    problems = []
    if verdict.utilisation > BUSY:
        problems.append(
            Problem.at(
                place, f"line {line.name} is busy {verdict.utilisation:.0%} of its time. {_cure(line)}", "warning"
            )
        )
    for planned in verdict.blocks:
        age, period = verdict.age(planned, silent=True), planned.block.period
        if age is None or period is None:
            continue
        for place_ in planned.block.places:
            limit = place_.tag.stale_after or max(STALE_PERIODS * period, STALE_LEAST_S)
            if age > limit:
                problems.append(
                    Problem.at(
                        place_.tag.place or place,
                        f"{line.name}/{planned.device.name}/{place_.tag.name} may become {_seconds(age)} old while a "
                        f"device is silent, and is called stale after {_seconds(limit)}. Lower the time-out of the "
                        "line, or poll less often",
                        "warning",
                    )
                )
    return problems


def _cure(line: LineSettings) -> str:
    cures = ["poll less often"]
    if line.transport in {"rtu", "ascii"}:
        cures.append("raise the baud rate")
    cures.append("spread the devices over two lines")
    return f"{cures[0].capitalize()}, {' or '.join(cures[1:])}"
