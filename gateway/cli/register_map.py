"""``ferrule import``: a register map in CSV becomes a device profile."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.access.files import replace
from gateway.cli.cures import unusable
from gateway.cli.main import FAILED, WRONG, fail
from gateway.settings.document import decoded
from gateway.settings.kinds import Name, UnfitError
from gateway.settings.problems import SettingsError
from gateway.settings.register_map import MapNotation, import_register_map


def run(arguments: argparse.Namespace) -> int:
    """Print the profile, or write it to its file in one step."""
    file: Path = arguments.file
    output: Path | None = arguments.output
    if output and output.suffix != ".toml":
        return fail(f"--output {output}: the file of a profile is called NAME.toml", WRONG)
    name = arguments.name or (output or file).stem
    try:
        Name().read(name)
    except UnfitError as refusal:
        return fail(f"--name: {refusal}", WRONG)
    if output and output.stem != name:
        return fail(f"--output {output}: a profile is found by its name. Write {output.with_name(name)}.toml", WRONG)
    notation = MapNotation(modicon=arguments.modicon, one_based=arguments.one_based, table=arguments.table)
    try:
        text = decoded(file.read_bytes(), str(file), "CSV UTF-8")
        profile = import_register_map(text, str(file), name, arguments.title or name, notation)
    except SettingsError as error:
        for problem in (*error.warnings, *error.problems):
            print(problem, file=sys.stderr)
        return WRONG
    except OSError as error:
        return fail(unusable(file, error), WRONG)
    if output is None:
        sys.stdout.write(profile)
        return 0
    try:
        if output.exists() and output.read_bytes() != profile.encode():
            # Limits, safe values and sources that somebody wrote into it would be lost.
            return fail(f"{output} is there already, and is not written over: name another file, or remove it", WRONG)
        output.parent.mkdir(exist_ok=True)
        replace(output, profile.encode(), 0o644)
    except OSError as error:
        return fail(f"nothing was written: {unusable(output, error)}", FAILED)
    count = profile.count("\n[[tag]]\n")
    print(f"{output}: {count} tag{'' if count == 1 else 's'}")
    return 0
