"""``ferrule restore``: a backup in the place of what is there."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from gateway.cli.backup import tell
from gateway.cli.main import DEFAULT_CONFIG, FAILED, WRONG, CommandError, add_state
from gateway.cli.screen import Progress, Screen
from gateway.field.archive import ArchiveError, verify
from gateway.field.restore import RestoreError, restore
from gateway.field.state_lock import InUseError

EXAMPLES = """\
examples:
  ferrule restore boiler-room.backup --check               only say what it holds, and whether it is sound
  systemctl stop ferrule && ferrule restore boiler-room.backup && systemctl start ferrule
  ferrule restore before-update.backup --state state --config ferrule.toml

What was there is kept: the state in before-restore-DATE of the state directory, each file of the configuration that
differs beside the new one. A backup of an older version is taken over when the gateway starts; one of a newer version
is refused."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``ferrule restore``."""
    parser.epilog = EXAMPLES
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup")
    parser.add_argument("--check", action="store_true", help="compare it with its manifest, and change nothing")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help=f"where the configuration goes; profiles go beside it (default {DEFAULT_CONFIG})",
    )
    where.add_argument("--keep-config", action="store_true", help="leave the configuration as it is")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    add_state(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check a backup, or restore it."""
    screen, progress = Screen(), Progress("restore")
    try:
        if arguments.check:
            manifest = verify(arguments.file, progress.show)
            progress.end()
            tell(screen, manifest, f"{arguments.file} is sound", as_json=arguments.json)
            return 0
        config = None if arguments.keep_config else arguments.config
        done = restore(arguments.file, arguments.state, config, time.time(), progress.show)
    except ArchiveError as error:
        raise CommandError(str(error), WRONG) from None
    except (RestoreError, InUseError) as error:
        raise CommandError(f"nothing was changed: {error}", FAILED) from None
    except OSError as error:
        raise CommandError(f"{error.filename or arguments.state}: {error.strerror}", FAILED) from None
    finally:
        progress.end()
    before = "" if done.aside is None else f"; what was there before is in {done.aside}"
    tell(screen, done.manifest, f"restored{before}", as_json=arguments.json)
    if not arguments.json:
        for kept in done.replaced:
            screen.line(f"the configuration that was there is {kept}")
        screen.line("start the gateway: systemctl start ferrule", "dim")
    return 0
