"""``ferrule restore``: a backup in the place of what is there."""

from __future__ import annotations

import argparse
import time

from gateway.cli.backup import tell
from gateway.cli.main import FAILED, WRONG, CommandError
from gateway.cli.screen import Progress, Screen
from gateway.field.archive import ArchiveError, verify
from gateway.field.restore import RestoreError, restore
from gateway.field.state_lock import InUseError


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
