"""Puts a backup in the place of what a state directory holds; what was there is kept aside."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.access.files import replace
from gateway.field.archive import Manifest, Tell, extract, verify
from gateway.field.backup import is_sound
from gateway.settings.load import load
from gateway.settings.problems import SettingsError
from gateway.state_lock import LOCK_FILE, held
from gateway.storage.migrate import packaged_steps

ASIDE = "before-restore-"
_STAGING = ".restore-"
# Who owns the directory, and space that is set aside: neither is state.
_STAYS = frozenset({LOCK_FILE, "ferrule.ballast"})
# Databases of this version, and where the steps of their schema come from.
DATABASES = {
    "state/ferrule.db": "control",
    "state/history.db": "history",
    "state/audit.db": "audit",
    "state/events.db": "events",
    "state/plugins.db": "plugins",
}


class RestoreError(Exception):
    """The backup cannot be restored here; nothing has changed. The text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done.

    Attributes:
        manifest: of the backup.
        aside: directory with the state that was there before; None where there was none.
        replaced: files of the configuration that were there and differed, under the names they are kept by.
    """

    manifest: Manifest
    aside: Path | None
    replaced: tuple[Path, ...]


def restore(archive: Path, state: Path, config: Path | None, now: float, tell: Tell) -> Restored:
    """Restore a backup.

    Everything is unpacked and checked beside the old state before the first file of that is moved.

    Args:
        archive: the backup.
        state: the state directory; made where it is missing.
        config: where the configuration goes; None: it stays as it is.
        now: Unix seconds, for the names of what is kept aside.
        tell: hears how far it is.

    Raises:
        InUseError: a gateway runs on the state directory.
        ArchiveError: the backup is damaged.
        RestoreError: it is of a newer version, or its configuration is refused by this one.
        OSError: the disk does not take it; what was there is there again.
    """
    verify(archive, lambda done, note: tell(done / 2, note))
    with held(state):
        for stale in state.glob(f"{_STAGING}*"):
            # Of a restore that was killed; it holds keys.
            shutil.rmtree(stale, ignore_errors=True)
        staging = state / f"{_STAGING}{secrets.token_hex(4)}"
        staging.mkdir(mode=0o700)
        try:
            manifest = extract(archive, staging, lambda done, note: tell(0.5 + done / 2, note))
            _check(manifest, staging, config)
            stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
            aside = _fresh(state / f"{ASIDE}{stamp}")
            _own(staging / "state", state)
            _own(aside, state)
            undo = _exchange(state, staging / "state", aside)
            try:
                replaced = () if config is None else _put_config(manifest, staging / "config", config, stamp)
            except OSError:
                undo()
                raise
            with suppress(OSError):
                # On a new board nothing was there.
                aside.rmdir()
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Restored(manifest, aside if aside.exists() else None, replaced)


def _check(manifest: Manifest, staging: Path, config: Path | None) -> None:
    for name, schema in manifest.schemas.items():
        known = len(packaged_steps(DATABASES[name])) if name in DATABASES else schema
        if schema > known:
            raise RestoreError(
                f"the backup was made by version {manifest.version}, which is newer: its {name} has schema {schema}, "
                f"and this version knows {known}. Install that version first"
            )
        if not is_sound(staging / name):
            raise RestoreError(f"{name} in the backup is damaged. Take another backup")
    if config is not None and manifest.config is not None:
        try:
            load(staging / manifest.config)
        except SettingsError as error:
            problems = str(error).replace(f"{staging}/config/", "")
            raise RestoreError(
                f"this version refuses the configuration in the backup. Restore the state alone (--keep-config), and "
                f"take the configuration over by hand:\n{problems}"
            ) from None


def _fresh(path: Path) -> Path:
    number = 1
    fresh = path
    while fresh.exists():
        number += 1
        fresh = path.with_name(f"{path.name}-{number}")
    fresh.mkdir(mode=0o700)
    return fresh


def _own(made: Path, like: Path) -> None:
    """Root restores for the gateway's user, who must be able to read what is his."""
    owner = like.stat()
    if os.geteuid() == 0:
        for place in (made, *made.rglob("*")):
            os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _exchange(state: Path, fresh: Path, aside: Path) -> Callable[[], None]:
    """Move the old state aside and the new one in; what is returned moves everything back."""
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        source.rename(target)
        moved.append((source, target))

    def undo() -> None:
        for source, target in reversed(moved):
            target.rename(source)
        with suppress(OSError):
            aside.rmdir()

    try:
        for old in sorted(state.iterdir()):
            if old.name not in _STAYS and not old.name.startswith((_STAGING, ASIDE)):
                move(old, aside / old.name)
        for new in sorted(fresh.iterdir()):
            move(new, state / new.name)
    except OSError:
        undo()
        raise
    descriptor = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return undo


def _put_config(manifest: Manifest, staged: Path, config: Path, stamp: str) -> tuple[Path, ...]:
    kept = []
    for member in manifest.members:
        if not member.name.startswith("config/"):
            continue
        source = staged.parent / member.name
        target = config if member.name == manifest.config else config.parent / source.relative_to(staged)
        if not target.parent.exists():
            target.parent.mkdir(parents=True)
            _own(target.parent, target.parent.parent)
        content, mode = source.read_bytes(), member.mode & 0o777
        if target.exists():
            if target.read_bytes() == content:
                continue
            before = target.stat()
            mode = stat.S_IMODE(before.st_mode)
            aside = target.with_name(f"{target.name}.{ASIDE}{stamp}")
            # A copy, not a second name: the FAT partition of an image knows none.
            shutil.copyfile(target, aside)
            kept.append(aside)
            replace(target, content, mode)
            with suppress(PermissionError):
                os.chown(target, before.st_uid, before.st_gid)
        else:
            # FAT has no permissions to set, and refuses others than those it shows.
            target.touch(mode)
            replace(target, content, stat.S_IMODE(target.stat().st_mode))
            _own(target, target.parent)
    return tuple(kept)
