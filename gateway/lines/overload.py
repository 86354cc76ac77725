"""Lines that are asked for more than all of their time: whoever starts or reloads such a configuration is told.

``ferrule check`` calls that an error. A gateway does not refuse it: one that did not start after a change of the plan
would read nothing at all, where this one reads every value late.
"""

from __future__ import annotations

from gateway.lines.feasibility import utilisation
from gateway.settings.line_model import LineSettings
from gateway.settings.model import Settings
from gateway.settings.problems import Place, Problem, Severity


def overloads(settings: Settings, names: frozenset[str] | None = None) -> list[Problem]:
    """A warning for each line that is asked for more than all of its time.

    Args:
        settings: of all lines.
        names: of the lines that are looked at, which takes a plan of each; None: all.
    """
    # What a raw serial line says is not asked for.
    polled = [line for line in settings.lines if line.transport != "serial" and (names is None or line.name in names)]
    return [
        overload(line, share, line.place or Place(str(settings.path), 1, 1), "warning")
        for line in polled
        if (share := utilisation(line)) > 1
    ]


def overload(line: LineSettings, share: float, place: Place, severity: Severity) -> Problem:
    """What is to be said of such a line.

    Args:
        line: that is asked for too much.
        share: of its time, above 1.
        place: where it stands in the file.
        severity: whether that is refused.
    """
    return Problem.at(
        place,
        f"line {line.name} is asked for {share:.0%} of its time: polled as fast as it can be, every value would be "
        f"{share:.1f} times as old as asked. {cure(line)}",
        severity,
    )


def cure(line: LineSettings) -> str:
    """What relieves a line, as a sentence without its full stop."""
    cures = ["poll less often"]
    if line.transport != "tcp":
        cures.append("raise the baud rate")
    cures.append("spread the devices over two lines")
    return f"{cures[0].capitalize()}, {' or '.join(cures[1:])}"
