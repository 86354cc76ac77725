"""``ferrule update``: brings a flashed board to another system, and tells what became of it."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

import msgspec

from gateway.appliance.bundles import UpdateError, describe
from gateway.appliance.card import CARD_LOCK, Card, CardError, alone
from gateway.appliance.flashed import RUN, Flashed, Places, running
from gateway.appliance.places import FOUND, ON_TRIAL
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
_LOCK = RUN / FOUND / "update.lock"
_LOOK_EVERY_S = 5.0
_RESTART_S = 60.0
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
        # What was sent waits its turn: nobody is there to give it again.
        with ExitStack() as held:
            try:
                held.enter_context(alone(_LOCK, waits=arguments.wanted))
            except BlockingIOError:
                raise CommandError("another update is under way: ferrule update --status", FAILED) from None
            return _act(arguments, now)
    except UpdateError as error:
        raise CommandError(str(error), WRONG) from None
    except CardError as error:
        raise CommandError(str(error)) from None


def _act(arguments: argparse.Namespace, now: Running) -> int:
    machine = _machine(arguments)
    updating = Updating(now, machine, Card(_CARD, lock=RUN / FOUND / CARD_LOCK), PLACE, time.time, _say)
    if arguments.settle or arguments.ended:
        _TAKEN.unlink(missing_ok=True)
        updating.settle() if arguments.settle else updating.ended()
        return 0
    if arguments.prove:
        return _prove(updating, now)
    # A unit that is stopped ends in order, and says so.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(FAILED))
    try:
        if arguments.wanted:
            _install_wanted(updating, arguments.state / INBOX)
        else:
            updating.install(arguments.file, older=arguments.allow_older)
    finally:
        _TAKEN.unlink(missing_ok=True)
    if arguments.later:
        _say("restart the board when it suits: sudo reboot")
        return 0
    _say("restarting the board")
    machine.restart()
    return 0


def _prove(updating: Updating, now: Running) -> int:
    if not now.on_trial:
        return 0
    if updating.prove(time.monotonic, lambda: time.sleep(_LOOK_EVERY_S)):
        # It is over for whoever asks, and not only at the next start.
        (RUN / ON_TRIAL).unlink(missing_ok=True)
        return 0
    # A restart in order ends this; where there is none, the unit's failure restarts the board by force.
    time.sleep(_RESTART_S)
    return FAILED


def _install_wanted(updating: Updating, inbox: Path) -> None:
    try:
        asked_by = take(inbox, _TAKEN)
    except UpdateError as error:
        updating.refuse(str(error))
        raise
    updating.install(_TAKEN, sent=True, asked_by=asked_by)


def _machine(arguments: argparse.Namespace) -> Flashed:
    def glance() -> tuple[frozenset[str], frozenset[str]]:
        with Client(arguments, ("devices:read",)) as client:
            devices = client.call("device.list")["devices"]
        known = frozenset(one["line"] for one in devices)
        return frozenset(one["line"] for one in devices if one["state"] == "online"), known

    places = Places(arguments.state, arguments.config, _BACKUPS)
    board = Board(version("ferrule"), socket.gethostname(), time.time())
    return Flashed(places, board, glance, (CommandError, OSError), _say)


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
