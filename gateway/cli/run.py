"""``ferrule run``: the gateway itself."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import trio

from gateway import logs
from gateway.access.keys import KeyFileError
from gateway.api.server.sockets import BindError
from gateway.app import SIGNALS, Gateway
from gateway.cli.main import FAILED, WRONG, fail
from gateway.cli.streams import tell
from gateway.settings.problems import SettingsError
from gateway.start import CutShort, StartError, owned
from gateway.storage import NewerSchema
from gateway.systemd import Notifier

# What keeps a gateway from starting; each text says what to do about it.
REFUSALS = (StartError, BindError, KeyFileError, NewerSchema)

# What to do about a file of the state directory that cannot be used.
CURES = {
    errno.ENOSPC: "Free some space",
    errno.EISDIR: "A file belongs there: move the directory away",
    errno.EIO: "The disk reports errors: replace the card",
}


def say_ready(urls: list[str]) -> None:
    """Tell whoever started us that the gateway serves."""
    tell(*ready(urls))


def ready(urls: list[str]) -> list[str]:
    """The lines that say so."""
    return [f"ready {url}" for url in urls or ["no address yet"]]


def load(config: Path, state: Path) -> Gateway | int:
    """A gateway ready to run, or the exit code for a configuration that is refused."""
    try:
        return Gateway(config, state, Notifier.from_environment(), say_ready)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return WRONG


async def hold(
    state: Path, config: Path, marks: Mapping[str, str], work: Callable[[CutShort | None], Awaitable[int]]
) -> int:
    """Do the work with the state directory in our hands; what keeps it from starting is said in one line."""
    try:
        with owned(state, config, marks) as cut_short:
            return await work(cut_short)
    except REFUSALS as error:
        return fail(str(error))
    except OSError as error:
        return _unusable(error, state)
    except BaseExceptionGroup as group:
        known, others = group.split((*REFUSALS, OSError))
        if known is None or others is not None:
            raise
        leaf: BaseException = known
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        return _unusable(leaf, state) if isinstance(leaf, OSError) else fail(str(leaf))


def _unusable(error: OSError, state: Path) -> int:
    """A file of the state directory cannot be read or written: the disk is full, or somebody has put his own there.

    Raises:
        OSError: the error is about something else, so that it is a fault of ours.
    """
    named = error.filename2 or error.filename
    # What fails on an open file comes without its name, or with its number; no socket fails in these ways.
    nameless = state if error.errno in CURES else None
    file = Path(os.fsdecode(named)) if isinstance(named, str | bytes) else nameless
    if file is None or state not in (file, *file.parents):
        raise error
    cure = CURES.get(error.errno or 0, "Let this user read and write there, or name another directory: --state DIR")
    return fail(f"{file}: {error.strerror}. {cure}")


async def serve(gateway: Gateway, cut_short: CutShort | None) -> int:
    """Run a gateway to its end."""
    await gateway.run(cut_short)
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Run the gateway until it is told to stop."""
    logs.set_up()
    gateway = load(arguments.config, arguments.state)
    if isinstance(gateway, int):
        return gateway
    # From here on they wait for the gateway to take them: it ends in order, and a reload does not end it.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        return trio.run(hold, arguments.state, arguments.config, gateway.marks, partial(serve, gateway))
    except KeyboardInterrupt:
        return FAILED
