"""What ``ferrule check`` says, for programs."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.field.check import Report
from gateway.field.check_alarms import Watched
from gateway.lines.feasibility import PlannedBlock, Verdict
from gateway.settings.problems import Problem


def check_json(file: str, problems: Iterable[Problem], judged: Report | None) -> dict[str, object]:
    """The JSON of a check.

    Args:
        file: that was checked.
        problems: everything that was found, errors and warnings.
        judged: what the lines can do; None where the file was refused before that.
    """
    found = [
        {
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
            "message": problem.message,
        }
        for problem in problems
    ]
    return {
        "file": file,
        "runnable": all(problem["severity"] != "error" for problem in found),
        "problems": found,
        "lines": [] if judged is None else [_line(verdict) for verdict in judged.verdicts],
        "alarms": [] if judged is None else [_alarm(one) for one in judged.alarms],
    }


def _alarm(one: Watched) -> dict[str, object]:
    alarm = one.alarm
    return {"alarm": alarm.name, "severity": alarm.severity, "condition": alarm.kind, "on": list(one.on)}


def _line(verdict: Verdict) -> dict[str, object]:
    return {
        "line": verdict.line.name,
        "utilisation": round(verdict.utilisation, 4),
        "silentUtilisation": round(verdict.silent_utilisation, 4),
        "firstLosses": [round(seconds, 4) for seconds in verdict.first_losses],
        "requests": [_request(planned) for planned in verdict.blocks],
    }


def _request(planned: PlannedBlock) -> dict[str, object]:
    block = planned.block
    return {
        "device": planned.device.name,
        "unit": planned.device.unit,
        "table": block.table,
        "address": block.address,
        "count": block.count,
        "poll": block.period,
        "seconds": round(planned.cost, 6),
        "worstAge": _rounded(planned.age(silent=False)),
        "worstAgeSilent": _rounded(planned.age(silent=True)),
        "worstAgeFall": _rounded(planned.fall_age),
        "tags": [place.tag.name for place in block.places],
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
