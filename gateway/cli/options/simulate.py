"""The options of ``ferrule simulate``."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  ferrule simulate config/demo-devices.toml                until Ctrl-C; says where each line is"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule simulate``."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE", help="the devices; config/demo-devices.toml shows how")
    parser.add_argument(
        "--directory",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where the pseudo-terminals appear, under the names the file gives (default .)",
    )
    parser.add_argument(
        "--until-input-ends", action="store_true", help="end when standard input does: with the program that writes it"
    )
