"""``ferrule reload``: have the running gateway read its configuration anew."""

from __future__ import annotations

import argparse
import os
import signal
from pathlib import Path

from gateway.cli.main import DEFAULT_CONFIG, WRONG, add_state, fail
from gateway.settings.load import load
from gateway.settings.problems import SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule reload``."""
    parser.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"the file the gateway was started with; it is checked first (default {DEFAULT_CONFIG})",
    )
    add_state(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the file, then tell the gateway; a bad file never reaches it."""
    try:
        load(arguments.config)
    except SettingsError as error:
        print(error)
        return WRONG
    except OSError as error:
        return fail(f"{arguments.config}: {error.strerror}", WRONG)
    try:
        pid = int((arguments.state / "lock").read_text())
        os.kill(pid, signal.SIGHUP)
    except (OSError, ValueError):
        return fail(f"no gateway runs on {arguments.state}")
    print(f"told the gateway (process {pid}); its log says what changed")
    return 0
