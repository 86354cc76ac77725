"""The one time that a build knows: the same sources give the same bytes on any day."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from systemd.debian.run import run
from systemd.debian.stop import BuildError

VARIABLE = "SOURCE_DATE_EPOCH"


def epoch(project: Path, environment: Mapping[str, str] = os.environ) -> int:
    """Unix seconds: ``$SOURCE_DATE_EPOCH``, or the time of the commit that is built.

    Args:
        project: its directory.
        environment: variables.

    Raises:
        BuildError: nobody says it.
    """
    if said := environment.get(VARIABLE):
        if not said.isdecimal():
            raise BuildError(f'{VARIABLE} is "{said}"; it is a number of seconds since 1970')
        return int(said)
    if not (project / ".git").exists():
        raise BuildError(f"these sources are no clone of git: set {VARIABLE} to the seconds since 1970 they are of")
    return int(run(["git", "-C", project, "log", "-1", "--format=%ct"]))
