"""``ferrule import``: a register map in CSV becomes a device profile."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.cli.main import WRONG, fail
from gateway.settings.problems import SettingsError
from gateway.settings.register_map import MapNotation, import_register_map


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule import``."""
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the map: a header line, then one row a register")
    parser.add_argument("--name", help="of the profile (default: the name of the file)")
    parser.add_argument("--title", help="of the device, for people (default: the name)")
    parser.add_argument("--modicon", action="store_true", help="addresses are Modicon numbers: 40108 is holding 107")
    parser.add_argument("--one-based", action="store_true", help="addresses count from one, so 1 is address 0")
    parser.add_argument(
        "--table", choices=("coil", "discrete", "input", "holding"), help="Modbus table of rows that do not say theirs"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the profile."""
    file: Path = arguments.file
    name = arguments.name or file.stem
    notation = MapNotation(modicon=arguments.modicon, one_based=arguments.one_based, table=arguments.table)
    try:
        text = file.read_text(encoding="utf-8")
        sys.stdout.write(import_register_map(text, str(file), name, arguments.title or name, notation))
    except SettingsError as error:
        for problem in (*error.warnings, *error.problems):
            print(problem, file=sys.stderr)
        return WRONG
    except OSError as error:
        return fail(f"{file}: {error.strerror}", WRONG)
    except UnicodeDecodeError:
        return fail(f"{file}: is not UTF-8; save it as CSV UTF-8", WRONG)
    return 0
