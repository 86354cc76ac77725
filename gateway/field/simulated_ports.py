"""Where the serial lines of a simulation are, for a gateway that polls it and no other devices."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from drivers.simulated.plan import read_plan
from gateway.field.plan_problems import refused
from gateway.settings.model import Settings


def simulated_ports(path: Path, directory: Path) -> dict[str, str]:
    """Where ``ferrule simulate`` puts the serial lines of a devices file, by their names.

    Args:
        path: of the devices file.
        directory: the one that its terminals are put into.

    Raises:
        SettingsError: the file cannot be read or says something wrong; each problem with its place and cure.
    """
    try:
        plan = read_plan(path.read_bytes().removeprefix(codecs.BOM_UTF8))
    except (OSError, ValueError, RecursionError) as error:
        raise refused(path, error) from error
    return {line.name: str(directory / (line.port or line.name)) for line in plan.line if line.is_serial}


def plugged_into(ports: Mapping[str, str], settings: Settings) -> Settings:
    """The same settings, in which each line that is simulated has the port where that is; the others stay."""
    lines = tuple(
        replace(line, port=ports[line.name]) if line.port is not None and line.name in ports else line
        for line in settings.lines
    )
    return replace(settings, lines=lines)
