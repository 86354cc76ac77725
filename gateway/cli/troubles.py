"""What is wrong, for ``ferrule status``: each thing once, and first what explains the rest.

Two tell of troubles: the alerts that the governors raised, and what lines and devices say of themselves at this moment,
with advice. Where both tell of the same thing the latter does. A line whose wires are swapped makes all its devices
silent, and two devices with one number spoil the answers of a third: so lines come before devices, and devices that
are silent with their line are not named one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.cli.alarms import in_one_line
from gateway.cli.client import Json
from gateway.cli.screen import say_age

# One or two may be left from before the counters began.
LEAST_SURPLUS = 3
SEVERITIES = {"critical": "red", "warning": "yellow", "info": "dim"}
_HISTORY = {
    "seldom": "history is written less often, to keep the day's write budget",
    "thinned": "history keeps at most one row a minute of each tag, to keep the day's write budget",
    "memory": "history is in memory only: the day's write budget is used up",
}
_SILENT = "silentSeconds"
_OF_A_WHOLE_LINE = ("parked", "downSeconds", _SILENT)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        component: what it is about, as alerts call it: ``store``, ``line:NAME``, ``device:LINE/NAME`` ...
        metric: what is wrong with it.
        words: for people.
        style: how it is shown.
        reason: of a silent device, the same without its name.
    """

    component: str
    metric: str
    words: str
    style: str = "red"
    reason: str = ""

    @property
    def line(self) -> str | None:
        """The line of what it is about; None where it has none."""
        kind, _, name = self.component.partition(":")
        return name.partition("/")[0] if kind in {"line", "device", "tag"} else None


def at_this_moment(health: Json, lines: list[Json], devices: list[Json]) -> list[Trouble]:
    """What the disk, lines and devices say of themselves."""
    found = []
    storage = health["storage"]
    if not storage["durable"]:
        words = "the disk takes no data: everything is in memory only; free space or replace the card (see the log)"
        found.append(Trouble("store", "durable", words))
    if storage["history"] in _HISTORY:
        found.append(Trouble("store", "history", _HISTORY[storage["history"]]))
    for line in lines:
        if line["state"] in {"down", "parked"}:
            words = f"line {line['line']} is {line['state']}: {line['message'] or line['reason'] or 'no reason known'}"
            metric = "parked" if line["state"] == "parked" else "downSeconds"
            found.append(Trouble(f"line:{line['line']}", metric, words))
    found += [
        Trouble(f"line:{line['line']}", "surplus", words)
        for line in lines
        if (words := _surplus(line["line"], devices))
    ]
    for device in devices:
        if device["state"] == "silent":
            advice = f"; {device['advice'][0]}" if device["advice"] else ""
            silence = say_age(device["stateSeconds"])
            words = f"device {device['device']} (unit {device['unit']}) has been silent for {silence}{advice}"
            reason = f"unit {device['unit']}, silent for {silence}{advice}"
            found.append(Trouble(f"device:{device['device']}", _SILENT, words, reason=reason))
    return found


def told_by_alarms(alarms: Iterable[Json], troubles: list[Trouble]) -> tuple[list[tuple[str, str]], list[Trouble]]:
    """Alarms with the words they are shown in and their style, and the troubles that are left then.

    An alarm on a device that is silent says why as well, so that the device needs no line of its own.
    """
    silent = {one.component.removeprefix("device:"): one for one in troubles if one.reason}
    rows = []
    told = []
    for alarm in alarms:
        holds = alarm["condition"] == "device_down" and alarm["state"] in {"raised", "acknowledged"}
        trouble = silent.pop(alarm["device"], None) if holds else None
        rows.append(in_one_line(alarm, "" if trouble is None else trouble.reason))
        if trouble is not None:
            told.append(trouble)
    return rows, [one for one in troubles if one not in told]


def ordered(standing: Iterable[Json], now: list[Trouble]) -> list[Trouble]:
    """Both together: each thing once, what explains others first, then the worst.

    Args:
        standing: alerts that stand, the worst first.
        now: what lines and devices say of themselves.
    """
    told = {(one.component, one.metric) for one in now}
    alerts = [
        Trouble(
            one["component"],
            one["metric"],
            f"{one['severity']}: {one['component']}: {one['summary']} (since {one['since']})",
            SEVERITIES[one["severity"]],
        )
        for one in standing
        if (one["component"], one["metric"]) not in told
    ]
    found = [*(one for one in now if one.metric != _SILENT), *alerts, *(one for one in now if one.metric == _SILENT)]
    whole = {one.line for one in found if one.component == f"line:{one.line}" and one.metric in _OF_A_WHOLE_LINE}
    named = [one for one in found if not (one.component.startswith("device:") and one.line in whole)]
    return sorted(named, key=_rank)


def _rank(trouble: Trouble) -> int:
    if trouble.component == "store":
        return 0
    if trouble.component != f"line:{trouble.line}":
        return 3
    return 1 if trouble.metric in _OF_A_WHOLE_LINE else 2


def _surplus(line: str, devices: list[Json]) -> str:
    """More answers than questions: each question that met no answer explains one late one, and no more."""
    on_it = [device for device in devices if device["line"] == line]
    late = sum(device["errors"].get("late", 0) for device in on_it)
    lost = sum(device["requests"] - device["answers"] for device in on_it)
    if late < lost + LEAST_SURPLUS:
        return ""
    missing = f"only {lost} {'was' if lost == 1 else 'were'}" if lost else "none was"
    return (
        f"line {line}: {late} answers came that nobody waited for, and {missing} missing: two devices may have "
        f"one number, or another master talks. ferrule monitor {line} --errors names the unit"
    )
