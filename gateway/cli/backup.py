"""``ferrule backup``: one file with everything a gateway needs to be the same on another board."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sqlite3
import sys
import time
from importlib.metadata import version
from pathlib import Path

from gateway.cli.cures import unusable
from gateway.cli.main import AS_WHOM, DEFAULT_CONFIG, WRONG, CommandError
from gateway.cli.screen import Progress, Screen
from gateway.field.archive import ArchiveError, Manifest
from gateway.field.backup import SCRATCH, Board, make_backup
from gateway.state_lock import owner_of


def run(arguments: argparse.Namespace) -> int:
    """Make a backup."""
    config = arguments.config or config_in_use(arguments.state)
    if config is not None and not config.is_file():
        raise CommandError(f"{config}: there is no such file. Name the configuration: --config FILE", WRONG)
    progress = Progress("backup")
    board = Board(version("ferrule"), socket.gethostname(), time.time())
    try:
        manifest = make_backup(arguments.file, arguments.state, config, board, progress.show)
    except ArchiveError as error:
        raise CommandError(str(error), WRONG) from None
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            words = unusable(arguments.file, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            raise CommandError(f"no backup was made: {words}") from None
        raise CommandError(
            f"no backup was made: {arguments.state}: {error}. ferrule doctor looks at the disk"
        ) from None
    except OSError as error:
        raise CommandError(f"no backup was made: {_said(error, arguments.state, arguments.file)}") from None
    finally:
        progress.end()
    if arguments.file.stat().st_mode & 0o077:
        print(f"note: {arguments.file} holds keys, and its medium knows no permissions: lock it away", file=sys.stderr)
    tell(Screen(), manifest, f"{arguments.file} is complete, and was read again", as_json=arguments.json)
    return 0


def _said(error: OSError, state: Path, file: Path) -> str:
    named = Path(error.filename) if isinstance(error.filename, str) else file
    if state in named.parents and not any(part.startswith(SCRATCH) for part in named.parts):
        return f"{named}: {error.strerror}. {AS_WHOM}" if isinstance(error, PermissionError) else unusable(named, error)
    # It is made in a directory of its own beside the file, which means nothing to anybody.
    return unusable(file, OSError(error.errno, error.strerror))


def config_in_use(state: Path) -> Path | None:
    """The configuration of the gateway that runs on a state directory, else the usual one where it is there."""
    try:
        return owner_of(state).config
    except (OSError, ValueError):
        # Where it may not be looked for, pathlib raises.
        return DEFAULT_CONFIG if os.path.isfile(DEFAULT_CONFIG) else None  # noqa: PTH113


def tell(screen: Screen, manifest: Manifest, conclusion: str, *, as_json: bool) -> None:
    """Say what a backup holds."""
    if as_json:
        import msgspec

        screen.json(msgspec.to_builtins(manifest))
        return
    screen.line(f"made {manifest.created} on {manifest.host} by version {manifest.version}")
    screen.table(
        ["file", "bytes", "sha256"],
        [[member.name, str(member.size), member.sha256[:16]] for member in manifest.members],
        right=(1,),
    )
    if manifest.config is None:
        screen.line("without a configuration: there was none", "yellow")
    for name in manifest.left_out:
        screen.line(f"not in it, and named by the configuration: {name}", "yellow")
    screen.line(conclusion, "green")
