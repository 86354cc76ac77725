"""Everything a gateway needs to be the same on another board, in one file, taken while it runs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.core import rfc3339
from gateway.field.archive import FORMAT, PRODUCT, ArchiveError, Manifest, Tell, describe, write
from gateway.settings.in_force import IN_FORCE_FILE
from gateway.settings.load import load
from gateway.settings.problems import SettingsError

# What the state directory holds that is no state: who owns it, what is in force, space set aside, copies the gateway
# makes by itself, what was damaged, and what an earlier restore put aside.
_NO_STATE = (
    "lock",
    IN_FORCE_FILE,
    "ferrule.ballast",
    "*.backup",
    "*.bad-*",
    "*.schema-*",
    "*-wal",
    "*-shm",
    "*.part",
    ".*",
    "before-restore-*",
)
# Below its top the names are those of plugins and versions, which may be called like any of that: what is half
# written there ends in this, and no package does.
_HALF_WRITTEN = ".part"
# Of the state directory, what plugins write to or are run from: their files are nobody's word on anything, names and
# kinds of them least of all, and packages are unpacked again.
_OF_PLUGINS = frozenset({"instances", "unpacked"})
# A bundle that waits for the update that was asked for: put back later, it would be one that nobody asked for.
_ASKED_FOR = frozenset({"update"})
DATABASE = ".db"
# What a backup is made in, beside where it goes.
SCRATCH = ".ferrule-backup-"


@dataclass(frozen=True, slots=True)
class Board:
    """What a backup says of where it was made.

    Attributes:
        version: of this software.
        host: name of the board.
        now: Unix seconds.
    """

    version: str
    host: str
    now: float


def make_backup(path: Path, state: Path, config: Path | None, board: Board, tell: Tell) -> Manifest:
    """Save state, configuration and profiles; the gateway may run meanwhile.

    Args:
        path: the file to make, with mode 0600: it holds the keys.
        state: the state directory.
        config: the configuration file; None: there is none to save.
        board: where this happens.
        tell: hears how far it is.

    Raises:
        ArchiveError: there is nothing to save, or the file is there already.
        OSError: something cannot be read, or the disk does not take the backup.
        sqlite3.Error: a database is damaged.
    """
    if path.exists():
        raise ArchiveError(f"{path} is there already: name a new file, or move that one away")
    if not (state / "root.key").exists():
        raise ArchiveError(f"{state} is no state directory of a gateway: there is no root.key. Name it: --state DIR")
    # Beside the backup: the medium that takes it has the room, and temporary directories may be memory.
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=path.parent) as scratch:
        place = Path(scratch)
        modes = _copy_state(state, place)
        left_out: list[str] = []
        if config is not None:
            modes |= _copy_config(config, place, left_out)
        schemas = {name: _schema(place / name) for name in modes if name.endswith(DATABASE)}
        manifest = Manifest(
            product=PRODUCT,
            format=FORMAT,
            version=board.version,
            created=rfc3339.text(board.now),
            host=board.host,
            config=None if config is None else f"config/{config.name}",
            schemas=schemas,
            members=[describe(place / name, name, modes[name]) for name in sorted(modes)],
            left_out=left_out,
        )
        write(path, manifest, place, tell)
    return manifest


def _copy_state(state: Path, place: Path) -> dict[str, int]:
    """Copy what is state; the names of the copies, and the permissions of what they are copies of."""
    modes = {}
    # A directory that is a link leads elsewhere, and root may be who follows it.
    places = [
        place for place in state.iterdir() if place.name not in _OF_PLUGINS | _ASKED_FOR and not place.is_symlink()
    ]
    for source in sorted((file for place in places for file in (place, *place.rglob("*"))), key=_first_the_witness):
        inside = source.relative_to(state)
        if any(Path(inside.parts[0]).match(pattern) for pattern in _NO_STATE) or inside.suffix == _HALF_WRITTEN:
            continue
        about = source.lstat()
        if not stat.S_ISREG(about.st_mode):
            # Links to pseudo-terminals and the like; directories come with what is in them.
            continue
        name = f"state/{inside.as_posix()}"
        target = _target(place, name)
        if source.suffix == DATABASE:
            copy_database(source, target)
        else:
            shutil.copyfile(source, target)
        modes[name] = stat.S_IMODE(about.st_mode)
    return modes


def _first_the_witness(path: Path) -> tuple[bool, Path]:
    """The order of copying: ``ferrule.db`` remembers the newest row of the audit log, so the log must not be older."""
    return path.name != "ferrule.db", path


def _copy_config(config: Path, place: Path, left_out: list[str]) -> dict[str, int]:
    """The configuration, the profiles beside it, and the files it names, as far as they lie in its directory."""
    config = config.absolute()
    home = config.parent
    files = [config, *sorted((home / "profiles").glob("*.toml"))]
    try:
        settings = load(config)
    except SettingsError:
        # It is saved as it is: a backup of a broken configuration may be what somebody wants to look at.
        named: list[str | None] = []
    else:
        server = settings.server
        named = [server.certificate, server.key, server.client_ca, *(allow.ca for allow in settings.webhook.allow)]
    for name in filter(None, named):
        file = home / name
        if file.is_relative_to(home) and ".." not in file.parts and file.is_file():
            files.append(file)
        else:
            left_out.append(str(file))
    modes = {}
    for file in dict.fromkeys(files):
        name = f"config/{file.relative_to(home).as_posix()}"
        shutil.copyfile(file, _target(place, name))
        modes[name] = stat.S_IMODE(file.stat().st_mode)
    return modes


def _target(place: Path, name: str) -> Path:
    target = place / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Private from its first byte on.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    return target


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, also while the gateway writes to it.

    Raises:
        sqlite3.Error: it is damaged, or the disk does not take the copy.
    """
    with closing(_read_only(source)) as original, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # In one step: the writer goes on in the log, and no page is of another moment.
        original.backup(copy)
    if not is_sound(target):
        raise sqlite3.DatabaseError(f"{source} is damaged: the gateway sets it aside at its next start")


def is_sound(file: Path) -> bool:
    """Whether a database that nobody uses is sound."""
    try:
        with closing(_immutable(file)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error:
        return False
    return bool(found == "ok")


def _schema(file: Path) -> int:
    with closing(_immutable(file)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _read_only(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        if Path(f"{file}-wal").exists():
            raise
        # No log, so nobody has it open, and on a read-only disk none can be made.
        return _immutable(file)
    return connection


def _immutable(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True, isolation_level=None)
