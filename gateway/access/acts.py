"""What commands did by the key of the state directory, without the gateway: left there for it to note who did what.

Each act is a file of its own, sealed with a key that follows from the root key. So nobody who cannot read that one has
the audit log say what it should not, and a command needs no gateway that runs.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import msgspec

from gateway.access.files import create_private
from gateway.access.keys import RootKey
from gateway.core.events import uuid7
from gateway.core.ports import Json

ACTS = "acts"
# Taken at a time, and bytes of one: who can seal them can write any number.
_MOST = 1000
_LARGEST = 16 * 1024


@dataclass(frozen=True, slots=True)
class Act:
    """What a command did.

    Attributes:
        action: as the audit log calls it.
        at: Unix seconds, by the clock the command saw.
        by: the name of the system's user who typed it; None where nobody knows.
        target: on what.
        details: what belongs to the action; never a secret.
    """

    action: str
    at: float
    by: str | None = None
    target: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


class _Left(msgspec.Struct, forbid_unknown_fields=True):
    action: str
    at: float
    by: str | None
    target: str | None
    details: dict[str, object]


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    act: msgspec.Raw
    seal: str


def leave(state: Path, root: RootKey, act: Act) -> None:
    """Leave an act for the gateway that runs on a state directory, or will.

    Args:
        state: the state directory.
        root: its key.
        act: what was done.

    Raises:
        OSError: the disk does not take it.
    """
    directory = state / ACTS
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / f"{uuid7(act.at)}.json"
    body = msgspec.json.encode(act)
    create_private(path, msgspec.json.encode(_Sealed(msgspec.Raw(body), _seal(root, body))))
    if os.geteuid() == 0:
        # The gateway runs as another user, and has to read and remove it.
        owner = state.stat()
        for made in (directory, path):
            os.chown(made, owner.st_uid, owner.st_gid)


def left(state: Path, root: RootKey, besides: Collection[str] = ()) -> dict[str, Act | None]:
    """What was left, by the names of the files and in the order in which it was done.

    Args:
        state: the state directory.
        root: its key.
        besides: names of those that need no further look.

    Returns:
        None in the place of what is no act that was sealed with this key.

    Raises:
        OSError: the directory cannot be read.
    """
    directory = state / ACTS
    try:
        names = sorted(entry.name for entry in os.scandir(directory) if not entry.name.startswith("."))
    except FileNotFoundError:
        return {}
    found: dict[str, Act | None] = {}
    for name in [name for name in names if name not in besides][:_MOST]:
        try:
            with (directory / name).open("rb") as file:
                found[name] = _opened(root, file.read(_LARGEST))
        except OSError:
            found[name] = None
    return found


def forget(state: Path, names: Collection[str]) -> None:
    """Remove what was noted.

    Raises:
        OSError: the disk does not take it.
    """
    for name in names:
        (state / ACTS / name).unlink(missing_ok=True)


def _opened(root: RootKey, content: bytes) -> Act | None:
    try:
        sealed = msgspec.json.decode(content, type=_Sealed)
        if not hmac.compare_digest(sealed.seal.encode(), _seal(root, bytes(sealed.act)).encode()):
            return None
        act = msgspec.json.decode(sealed.act, type=_Left)
    except msgspec.DecodeError:
        return None
    return Act(act.action, act.at, act.by, act.target, cast("Mapping[str, Json]", act.details))


def _seal(root: RootKey, body: bytes) -> str:
    return hmac.new(root.key("acts").secret, body, hashlib.sha256).hexdigest()
