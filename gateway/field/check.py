"""What ``ferrule check`` says of the lines: load, worst ages, and the plan of requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.field.check_alarms import Watched, alarm_text, watched
from gateway.field.check_bind import bind_warning
from gateway.field.check_files import file_problems
from gateway.lines.feasibility import PlannedBlock, Verdict, judge
from gateway.lines.overload import cure, overload
from gateway.lines.plan import Block
from gateway.lines.unit import STALE_LEAST_S, STALE_PERIODS
from gateway.settings.model import Settings
from gateway.settings.problems import Place, Problem

# Above this a line has little left for writes, retries and slow days.
BUSY = 0.8
# So many tags are named in a row of the table; --blocks names them all.
FEW = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        text: for people.
        problems: what is wrong (error) or doubtful (warning), each with its place in the file.
        verdicts: of the lines that are polled.
        alarms: what is watched for what.
    """

    text: str
    problems: tuple[Problem, ...]
    verdicts: tuple[Verdict, ...] = ()
    alarms: tuple[Watched, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the configuration cannot be met."""
        return any(problem.severity == "error" for problem in self.problems)


def report(settings: Settings, *, blocks: bool, interfaces: Mapping[str, Sequence[str]] | None = None) -> Report:
    """Judge all lines of a configuration.

    Args:
        settings: what is asked.
        blocks: list every request of the plan, with all its tags.
        interfaces: the addresses of this machine by interface; None: nothing that belongs to the machine is judged,
            neither where the gateway listens nor the files that are named.
    """
    problems: list[Problem] = []
    if interfaces is not None:
        problems.extend(file_problems(settings.path))
        if warning := bind_warning(settings, interfaces):
            problems.append(warning)
    parts = []
    verdicts = []
    for line in settings.lines:
        if line.transport == "serial":
            parts.append(f"line {line.name}: raw serial, {_count(len(line.tags), 'tag')} cut from its messages\n")
            continue
        verdict = judge(line)
        verdicts.append(verdict)
        problems.extend(_problems(settings, verdict))
        parts.append(_line(verdict))
        parts.extend(_ages(verdict))
        parts.extend(_fall(verdict))
        if blocks:
            parts.extend(_block(planned) for planned in verdict.blocks)
    tags = sum(len(line.tags) + sum(len(device.tags) for device in line.devices) for line in settings.lines)
    alarms = watched(settings)
    parts.append(alarm_text(alarms))
    parts.append(f"{settings.path}: {_count(len(settings.lines), 'line')}, {_count(tags, 'tag')}\n")
    return Report("".join(parts), tuple(problems), tuple(verdicts), alarms)


def _line(verdict: Verdict) -> str:
    line = verdict.line
    tags = sum(len(planned.block.places) for planned in verdict.blocks)
    reads = f"read by {_count(len(verdict.blocks), 'request')}" if verdict.blocks else "so that nothing is polled"
    cost = f"; silent devices may cost {line.silent_share:.0%} more" if len(line.devices) > 1 else ""
    return (
        f"line {line.name}: {_count(len(line.devices), 'device')}, {_count(tags, 'tag')}, {reads}\n"
        f"  utilisation {verdict.utilisation:.1%} with all devices answering{cost}\n"
    )


def _ages(verdict: Verdict) -> list[str]:
    """How old values can get, by request: all tags of a request share its age."""
    if not verdict.blocks:
        return []
    # The only device of a line has no neighbour whose silence could hold it up.
    neighbours = len(verdict.line.devices) > 1
    width = max(len("device"), *(len(planned.device.name) for planned in verdict.blocks))
    silent = f"{'while others are silent':>25}" if neighbours else ""
    rows = [f"  {'device':<{width}} {'poll':>12} {'worst age':>11}{silent}   tags\n"]
    for planned in verdict.blocks:
        period = planned.block.period
        silent = f"{_seconds(planned.age(silent=True)):>25}" if neighbours else ""
        rows.append(
            f"  {planned.device.name:<{width}} {_seconds(period) if period else 'background':>12} "
            f"{_seconds(planned.age(silent=False)):>11}{silent}   {_few(planned.block)}\n"
        )
    return rows


def _fall(verdict: Verdict) -> list[str]:
    """What it costs when devices fall silent together: no share of the time pays for finding that out."""
    others = len(verdict.first_losses) - 1
    if others < 1:
        return []
    each = _seconds(verdict.fall(1))
    together = f", {_seconds(verdict.fall(others))} where {others} do so at one moment" if others > 1 else ""
    rows = [f"  a device that falls silent costs up to {each} before that is known{together}\n"]
    ages = [planned.fall_age for planned in verdict.blocks if planned.block.period is not None]
    known = [age for age in ages if age is not None]
    if known and len(known) == len(ages):
        rows.append(f"  what is left answering is then up to {_seconds(max(known))} old, once\n")
    return rows


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _few(block: Block) -> str:
    """The first tags of a request, and how many more there are."""
    names = [place.tag.name for place in block.places]
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(names[:FEW]) + more


def _seconds(value: float | None) -> str:
    if value is None:
        return "no bound"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _block(planned: PlannedBlock) -> str:
    block = planned.block
    kind = "bit" if block.table in {"coil", "discrete"} else "register"
    names = ", ".join(place.tag.name for place in block.places)
    return (
        f"  unit {planned.device.unit} {block.table} {block.address} to {block.end - 1} "
        f"({_count(block.count, kind)}), {planned.cost * 1000:.1f} ms: {names}\n"
    )


def _problems(settings: Settings, verdict: Verdict) -> list[Problem]:
    line = verdict.line
    place = line.place or Place(str(settings.path), 1, 1)
    if verdict.utilisation > 1:
        return [overload(line, verdict.utilisation, place, "error")]
    if verdict.silent_utilisation > 1:
        return [
            Problem.at(
                place,
                f"line {line.name} is full: with a silent device its deadlines cannot be kept. {cure(line)}",
                severity="warning",
            )
        ]
    problems = []
    if verdict.utilisation > BUSY:
        problems.append(
            Problem.at(
                place, f"line {line.name} is busy {verdict.utilisation:.0%} of its time. {cure(line)}", "warning"
            )
        )
    for planned in verdict.blocks:
        age, period = planned.age(silent=True), planned.block.period
        if age is None or period is None:
            continue
        limits = {
            place_.tag.name: place_.tag.stale_after or max(STALE_PERIODS * period, STALE_LEAST_S)
            for place_ in planned.block.places
        }
        late = [place_.tag for place_ in planned.block.places if age > limits[place_.tag.name]]
        if late:
            # One for each request: what holds for one tag of it holds for all.
            others = f" and {_count(len(late) - 1, 'tag')} beside it" if len(late) > 1 else ""
            problems.append(
                Problem.at(
                    late[0].place or place,
                    f"{line.name}/{planned.device.name}/{late[0].name}{others} may become {_seconds(age)} old while a "
                    f"device is silent, and is called stale after {_seconds(limits[late[0].name])}. Lower the time-out "
                    "of the line, or poll less often",
                    "warning",
                )
            )
    return problems
