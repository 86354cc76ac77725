"""The options of ``ferrule import``."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  ferrule import acme-m1.csv > profiles/acme-m1.toml       then in the configuration: profile = "acme-m1"
  ferrule import --modicon acme-m1.csv                     where the table counts like 40001"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule import``."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="the map: a header line, then one row a register")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.toml",
        help="write the profile there, when all of it is right; without it, it is printed",
    )
    parser.add_argument("--name", help="of the profile (default: that of the output, or else of the map)")
    parser.add_argument("--title", help="of the device, for people (default: the name)")
    parser.add_argument("--modicon", action="store_true", help="addresses are Modicon numbers: 40108 is holding 107")
    parser.add_argument("--one-based", action="store_true", help="addresses count from one, so 1 is address 0")
    parser.add_argument(
        "--table", choices=("coil", "discrete", "input", "holding"), help="Modbus table of rows that do not say theirs"
    )
