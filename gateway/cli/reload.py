"""``ferrule reload``: have the running gateway read its configuration anew."""

from __future__ import annotations

import argparse
import os
import signal

from gateway.cli.acts import tell
from gateway.cli.main import AS_WHOM, DENIED, WRONG, fail
from gateway.field.check_files import file_problems
from gateway.lines.overload import overloads
from gateway.settings.compare import marks
from gateway.settings.in_force import WORDS, kept_in_force, marks_in_force, turnover
from gateway.settings.load import load
from gateway.settings.problems import SettingsError
from gateway.state_lock import owner_of

AT_START = "Restart the gateway for that: systemctl restart ferrule"


def run(arguments: argparse.Namespace) -> int:
    """Check the file the gateway was started with, then tell the gateway; a bad file never reaches it."""
    try:
        owner = owner_of(arguments.state)
    except PermissionError as error:
        return fail(f"{error.filename}: {error.strerror}. {AS_WHOM}", DENIED)
    except (OSError, ValueError):
        return fail(f"no gateway runs on {arguments.state}; name its state directory: --state DIR")
    pid, config = owner.pid, owner.config
    if arguments.config is not None and arguments.config.resolve() != config.resolve():
        return fail(f"that gateway was started with {config}, not with {arguments.config}", WRONG)
    try:
        settings = load(config)
    except SettingsError as error:
        print(error)
        return WRONG
    # By the time it is told it may have taken over what it is compared with.
    before = kept_in_force(arguments.state, pid)
    tell(arguments.state, "gateway.reload")
    try:
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return fail(f"no gateway runs on {arguments.state}: process {pid} is gone")
    except PermissionError:
        return fail(f"process {pid} belongs to another user. {AS_WHOM}", DENIED)
    print(f"{config} is right, and the gateway (process {pid}) was told; its log says when it is done")
    if before is not None:
        taken = turnover(before, marks_in_force(settings))
        for kind, done in taken.items():
            print(f"{WORDS[kind]}: {done}")
        if not taken:
            print("lines, alarms and where webhooks may go are as they were")
    # It runs on with what it has, and nothing in its log may say so before the file is wanted.
    for problem in (*settings.warnings, *overloads(settings), *file_problems(config)):
        print(problem)
    now = marks(settings)
    waiting = [f"[{name}]" for name, mark in owner.marks.items() if now.get(name) != mark]
    if waiting:
        print(f"not taken over, since it takes effect at the next start: {', '.join(waiting)}. {AT_START}")
    return 0
