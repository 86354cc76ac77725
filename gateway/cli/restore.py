"""``ferrule restore``: a backup in the place of what is there."""

from __future__ import annotations

import argparse
import shlex
import time

import msgspec

from gateway.cli.backup import tell
from gateway.cli.cures import unusable
from gateway.cli.main import DEFAULT_STATE, FAILED, WRONG, CommandError
from gateway.cli.screen import Progress, Screen
from gateway.field.archive import ArchiveError, verify
from gateway.field.restore import RestoreError, restore
from gateway.state_lock import InUseError

COUNTS_AGAIN = (
    "what was revoked, unregistered, used up or rotated after the backup was made counts again: tokens, enrolments, "
    "agents"
)
ENROL = "then enrol the agents again: ferrule agents enrol"


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
        asked = error.filename == str(arguments.file)
        raise CommandError(unusable(arguments.state, error), WRONG if asked else FAILED) from None
    finally:
        progress.end()
    cure = "ferrule keys rotate --end-all"
    if arguments.state != DEFAULT_STATE:
        cure += f" --state {shlex.quote(str(arguments.state))}"
    placed = None if done.manifest.config is None else config
    if arguments.json:
        report = {
            "config": None if placed is None else str(placed),
            "replaced": [str(kept) for kept in done.replaced],
            "aside": None if done.aside is None else str(done.aside),
            "warning": COUNTS_AGAIN,
            "cure": f"{cure}; {ENROL}",
        }
        screen.json({**msgspec.to_builtins(done.manifest), "restored": report})
        return 0
    before = "" if done.aside is None else f"; what was there before is in {done.aside}"
    tell(screen, done.manifest, f"restored{before}", as_json=False)
    if placed is not None:
        screen.line(f"the configuration is {placed}")
    elif arguments.keep_config:
        screen.line("the configuration was left as it is")
    for kept in done.replaced:
        screen.line(f"what was there of the configuration is {kept}")
    screen.line(f"{COUNTS_AGAIN}. To end all of it, before the start: {cure}; {ENROL}", "yellow")
    screen.line("start the gateway: systemctl start ferrule", "dim")
    return 0
