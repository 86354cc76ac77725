"""``ferrule reload``: have the running gateway read its configuration anew."""

from __future__ import annotations

import argparse
import errno
import fcntl
import os
import signal
from pathlib import Path

from gateway.cli.main import WRONG, add_state, fail
from gateway.settings.load import load
from gateway.settings.problems import SettingsError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule reload``."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="refuse unless the gateway was started with this file"
    )
    add_state(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check the file the gateway was started with, then tell the gateway; a bad file never reaches it."""
    try:
        pid, config = _owner(arguments.state / "lock")
    except (OSError, ValueError):
        return fail(f"no gateway runs on {arguments.state}; name its state directory: --state DIR")
    if arguments.config is not None and arguments.config.resolve() != config.resolve():
        return fail(f"that gateway was started with {config}, not with {arguments.config}", WRONG)
    try:
        load(config)
    except SettingsError as error:
        print(error)
        return WRONG
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return fail(f"no gateway runs on {arguments.state}: process {pid} is gone")
    except PermissionError:
        return fail(f"process {pid} belongs to another user; use sudo")
    print(f"{config} is right, and the gateway (process {pid}) was told; its log says what changed")
    return 0


def _owner(lock: Path) -> tuple[int, Path]:
    """The process that holds a state directory, and its configuration.

    Raises:
        OSError, ValueError: nobody does.
    """
    with lock.open() as file:
        try:
            # A gateway that was killed leaves its number behind, and by now that may be anybody's.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            first, _, second = file.read().partition("\n")
            return int(first), Path(second.rstrip("\n"))
    raise ProcessLookupError(errno.ESRCH, "nobody holds it", str(lock))
