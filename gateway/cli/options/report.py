"""The options of ``ferrule report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from gateway.cli.options.connection import add_connection

EXAMPLES = """\
examples:
  ferrule report boiler-room.zip
  ferrule report boiler-room.zip --state state --config ferrule.toml

The gateway need not run: then the report says so, and has the rest. It holds no keys, tokens or passwords; it does
hold names of lines, devices and tags and their last readings. CONTENTS.txt in it lists everything."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule report``."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE", help="the zip file to make; nothing may be there")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the configuration (default: that of the gateway)")
    parser.add_argument("--json", action="store_true", help="print the list of contents as JSON")
    add_connection(parser)
