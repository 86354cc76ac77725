"""The options of ``ferrule demo``."""

from __future__ import annotations

import argparse
from pathlib import Path

EXAMPLES = """\
examples:
  ferrule demo                                             what make run does, in the directory of the project"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule demo``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("config/demo.toml"),
        metavar="FILE",
        help="configuration (default config/demo.toml)",
    )
    parser.add_argument(
        "--devices",
        type=Path,
        default=Path("config/demo-devices.toml"),
        metavar="FILE",
        help="the simulated devices (default config/demo-devices.toml)",
    )
    parser.add_argument(
        "--state", type=Path, default=Path("var/demo"), metavar="DIR", help="state directory (default var/demo)"
    )
