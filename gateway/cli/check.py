"""``ferrule check``: is a configuration right, and can its lines do what it asks?"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

from gateway.api.server.sockets import local_addresses
from gateway.cli.main import WRONG
from gateway.field.check import report
from gateway.settings.load import load
from gateway.settings.problems import SettingsError

EXAMPLES = """\
examples:
  ferrule check ferrule.toml
  ferrule check --blocks ferrule.toml                      every request, what it costs, and all its tags

exit codes: 0 it can be run, 2 it cannot, with FILE:LINE:COLUMN of every mistake"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule check``."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="the configuration; docs/configuration.md says its keys"
    )
    parser.add_argument("--blocks", action="store_true", help="also show every request, what it costs and all its tags")
    parser.add_argument("--quiet", action="store_true", help="only say what is wrong")


def run(arguments: argparse.Namespace) -> int:
    """Check a file; exit 0 when it can be run, 2 when not."""
    try:
        settings = load(arguments.file)
    except SettingsError as error:
        print(error)
        return WRONG
    for warning in settings.warnings:
        print(warning)
    # The kernel lists addresses, and so no interface without one.
    interfaces: dict[str, list[str]] = {name: [] for _, name in socket.if_nameindex()} | local_addresses()
    judged = report(settings, blocks=arguments.blocks, interfaces=interfaces)
    if not arguments.quiet:
        sys.stdout.write(judged.text)
    for problem in judged.problems:
        print(problem)
    return WRONG if judged.refused else 0
