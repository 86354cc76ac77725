"""``ferrule card``: what lies on the card of a flashed board comes into force, and what people need goes there."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from gateway.access.files import replace
from gateway.appliance.card import CARD_LOCK, RESET, Card, CardError
from gateway.appliance.network import Network, read_network
from gateway.appliance.places import FOUND, ON_TRIAL, SLOT
from gateway.appliance.rendering import AUTHORIZED_KEYS, announced, render
from gateway.appliance.takeover import CONFIG, ERRORS, NETWORK, PROFILES, Shelf, Taken, errors_text, take_over
from gateway.cli.main import AS_WHOM, FAILED, WRONG, fail
from gateway.settings.document import read_document
from gateway.settings.load import load
from gateway.settings.model import ServerSettings
from gateway.settings.problems import Problem, SettingsError

# Of the image: what holds until there was a file on the card that was right.
_SHIPPED = Path("/usr/share/ferrule/ferrule.toml")
_KEPT, _TRIED = ".kept", "on-trial"


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three."""
    # Where a board was flashed, updates write to the card as well.
    found = arguments.run / FOUND
    card = Card(arguments.card, lock=found / CARD_LOCK if found.is_dir() else None)
    act = {"take": take, "tell": tell, "reset": reset}[arguments.action]
    try:
        return act(card, arguments)
    except CardError as error:
        return fail(str(error))
    except PermissionError as error:
        return fail(f"{error.filename}: {error.strerror}. {AS_WHOM}")
    except OSError as error:
        return fail(f"{error.filename}: {error.strerror}", FAILED)


def take(card: Card, arguments: argparse.Namespace) -> int:
    """Take over configuration and network, and say on the card what is wrong with them."""
    config: Path = arguments.config
    on_trial = (arguments.run / ON_TRIAL).exists()
    taken = [
        take_over(card, CONFIG, _shelf(config, "config", on_trial=on_trial), _check_config),
        take_over(card, NETWORK, _shelf(config, "network", on_trial=on_trial), _check_network),
    ]
    _put_in_force(taken[0], config)
    network = Network() if taken[1].path is None else read_network(read_document(taken[1].path))
    for name, file in {**render(network), **announced(_server(config).port)}.items():
        path = arguments.run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, file.content.encode(), file.mode)
    for one in taken:
        for problem in (*one.problems, *one.warnings):
            print(problem, file=sys.stderr)
    card.put({ERRORS: errors_text(taken)})
    return WRONG if any(one.problems for one in taken) else 0


def tell(card: Card, arguments: argparse.Namespace) -> int:
    """Write what people need to know to the card, and show it on the console."""
    # Not for `take`, for which the network and the gateway wait.
    import socket
    from importlib.metadata import version

    from gateway.access.users.first_admin import CODE_FILE
    from gateway.api.server.sockets import local_addresses
    from gateway.appliance.info import AUTHORITY, INFO, Board, info_text

    state: Path = arguments.state
    authority = _content(state / "ca.pem")
    code = _content(state / CODE_FILE)
    slot = _content(arguments.run / SLOT)
    text = info_text(
        Board(
            host=socket.gethostname(),
            port=_server(arguments.config).port,
            addresses=local_addresses(),
            authority=authority,
            code=None if code is None else code.decode().strip(),
            version=version("ferrule"),
            slot="" if slot is None else slot.decode().strip(),
            ssh=(arguments.run / AUTHORIZED_KEYS).exists(),
        )
    )
    if card.put({INFO: text, AUTHORITY: authority}):
        # Whoever stands before the board with a screen sees the same, but for the code: that is for who holds the card.
        print(text.partition("First administrator")[0])
    return 0


def reset(card: Card, arguments: argparse.Namespace) -> int:
    """Ask for a factory reset: the file that asks for it on the card, which the next start finds."""
    if not arguments.yes:
        return fail(
            "the next start would overwrite keys, users, plugins, history and backups of this board; what is on the "
            "card stays. If that is meant: ferrule card reset --yes",
            WRONG,
        )
    card.put({RESET: b"The next start overwrites all that is this board's own. Delete this file to keep it.\r\n"})
    print("asked for: the next start overwrites all that is this board's own, which takes minutes. Now: sudo reboot")
    return 0


def _shelf(config: Path, name: str, *, on_trial: bool) -> Shelf:
    kept = config.parent / _KEPT
    if not on_trial:
        return Shelf(kept / name)
    # What is right for a system on trial may be wrong for the one that follows if it fails: that finds its own.
    tried = kept / _TRIED / name
    shutil.rmtree(tried, ignore_errors=True)
    return Shelf(tried, behind=Shelf(kept / name))


def _check_config(path: Path) -> tuple[Problem, ...]:
    return load(path).warnings


def _check_network(path: Path) -> tuple[Problem, ...]:
    return read_network(read_document(path)).warnings


def _put_in_force(taken: Taken, config: Path) -> None:
    """Have the usual names of configuration and profiles lead to those that are good."""
    source = _SHIPPED if taken.path is None else taken.path
    _lead(config, source)
    _lead(config.parent / PROFILES, source.parent / PROFILES)


def _lead(link: Path, target: Path) -> None:
    if not target.exists():
        # Those of a version before this one.
        if link.is_symlink():
            link.unlink()
        return
    if link.is_symlink() and link.readlink() == target:
        return
    if link.is_dir() and not link.is_symlink():
        # An empty one, as the package makes it for those who have no card.
        link.rmdir()
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _server(config: Path) -> ServerSettings:
    try:
        return load(config).server
    except SettingsError:
        return ServerSettings()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
