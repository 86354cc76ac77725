"""``ferrule update``: brings a flashed board to another system, and tells what became of it."""

from __future__ import annotations

import argparse
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import msgspec

from gateway.appliance.bundles import UpdateError, describe
from gateway.appliance.card import Card, CardError
from gateway.appliance.flashed import RUN, Flashed, Places, running
from gateway.appliance.taking import take
from gateway.appliance.update_state import INBOX, PLACE, UpdateState, read_state
from gateway.appliance.updating import Running, Updating
from gateway.cli.client import Client
from gateway.cli.main import DENIED, FAILED, WRONG, CommandError
from gateway.cli.screen import Screen
from gateway.core import rfc3339
from gateway.field.backup import Board

_CARD = Path("/boot/ferrule")
_BACKUPS = Path("/var/lib/ferrule-backups")
# Where what the gateway was sent is put before it is looked at: out of reach of the gateway.
_TAKEN = PLACE.with_name("taken.raucb")
_LOCK = RUN / "update.lock"
_LOOK_EVERY_S = 5.0
_WORDS = {
    "idle": "no update was made yet",
    "installing": "an update is being written to the other slot",
    "restarting": "an update is written; the next start tries it",
    "on_trial": "an update is on trial",
    "kept": "the last update was kept",
    "fell_back": "the last update fell back",
    "refused": "the last update was refused",
}


def run(arguments: argparse.Namespace) -> int:
    """Do what the options say."""
    try:
        now = running()
        if arguments.status:
            return _status(Screen(), now, read_state(), as_json=arguments.json)
        if os.geteuid() != 0:
            raise CommandError("this writes to the card: run it as root (sudo ferrule update ...)", DENIED)
        with _alone():
            return _act(arguments, now)
    except UpdateError as error:
        raise CommandError(str(error), WRONG) from None
    except CardError as error:
        raise CommandError(str(error)) from None


def _act(arguments: argparse.Namespace, now: Running) -> int:
    updating = Updating(now, _machine(arguments), Card(_CARD), PLACE, time.time, _say)
    if arguments.settle:
        updating.settle()
        return 0
    if arguments.prove:
        updating.prove(time.monotonic, lambda: time.sleep(_LOOK_EVERY_S))
        # What is over is over at once for whoever asks, and not at the next start.
        if read_state().phase == "kept":
            (RUN / "on-trial").unlink(missing_ok=True)
        return 0
    try:
        if arguments.wanted:
            asked_by = take(arguments.state / INBOX, _TAKEN)
            updating.install(_TAKEN, asked_by=asked_by)
        else:
            updating.install(arguments.file, older=arguments.allow_older)
    finally:
        _TAKEN.unlink(missing_ok=True)
    if arguments.later:
        _say("restart the board when it suits: sudo reboot")
        return 0
    _say("restarting the board")
    _machine(arguments).restart()
    return 0


def _machine(arguments: argparse.Namespace) -> Flashed:
    def glance() -> frozenset[str]:
        with Client(arguments, ("devices:read",)) as client:
            devices = client.call("device.list")["devices"]
        return frozenset(one["line"] for one in devices if one["state"] == "online")

    places = Places(arguments.state, arguments.config, _BACKUPS)
    board = Board(version("ferrule"), socket.gethostname(), time.time())
    return Flashed(places, board, glance, (CommandError, OSError), _say)


@contextmanager
def _alone() -> Iterator[None]:
    with _LOCK.open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError("another update is under way: ferrule update --status", FAILED) from None
        yield


def _say(text: str) -> None:
    if text:
        print(text, file=sys.stderr, flush=True)


def _status(screen: Screen, now: Running, state: UpdateState, *, as_json: bool) -> int:
    if as_json:
        screen.json(
            {
                "slot": now.slot,
                "onTrial": now.on_trial,
                "running": msgspec.to_builtins(now.system),
                "update": msgspec.to_builtins(state),
            }
        )
        return 0
    screen.line(f"slot {now.slot.upper()} runs {describe(now.system)}{', on trial' if now.on_trial else ''}")
    when = "" if state.since is None else f" ({rfc3339.text(state.since)})"
    what = "" if state.target is None else f": {describe(state.target)}"
    style = "yellow" if state.phase in {"fell_back", "refused"} else ""
    screen.line(f"{_WORDS[state.phase]}{what}{when}", style)
    if state.reason is not None:
        screen.line(state.reason, style)
    return 0
