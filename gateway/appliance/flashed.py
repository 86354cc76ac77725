"""What an update does to a real board: RAUC writes the slots, systemd tells of the gateway and restarts the board."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.appliance.bundles import PARTS, Bundle, UpdateError, read_manifest
from gateway.appliance.places import FOUND, ON_TRIAL, SLOT, SYSTEM
from gateway.appliance.trial import Seen
from gateway.appliance.update_state import Slot, read_system
from gateway.appliance.updating import Running
from gateway.field.archive import ArchiveError
from gateway.field.backup import Board, make_backup
from gateway.field.restore import DATABASES, RestoreError, restore
from gateway.state_lock import InUseError
from gateway.storage.migrate import packaged_steps

RUN = Path("/run")
_BACKUP = "before-update.backup"
# Have the kernel forget what it holds of a block device: linux/fs.h.
_BLKFLSBUF = 0x1261
_PIECE = 1024 * 1024
_LONGEST_WORDS = 300
# Bytes that stay free for the gateway.
_RESERVE = 64 * _PIECE
_SIGNATURE = re.compile(r"signature|certificate|CMS|Invalid bundle", re.IGNORECASE)
_PROGRESS = re.compile(r"\s*(\d+)% (.*)")


def running(run: Path = RUN, system: Path = SYSTEM) -> Running:
    """What runs on this board.

    Raises:
        UpdateError: it was not flashed.
    """
    found = read_system(system)
    if found is None or not (run / SLOT).exists():
        raise UpdateError(
            "this gateway was not installed by flashing a card. Update the package: apt install ./ferrule_VERSION.deb"
        )
    slot: Slot = "b" if (run / SLOT).read_text().strip() == "b" else "a"
    return Running(slot, found, (run / ON_TRIAL).exists())


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are.

    Attributes:
        state: of the gateway.
        config: of the gateway.
        backups: for the one that is made before an update.
        run: where the initramfs told what it found.
    """

    state: Path
    config: Path
    backups: Path
    run: Path = RUN


class Flashed:
    """A board that was flashed; see ``updating.Machine``.

    Args:
        places: where things are.
        board: what a backup says of it.
        glance: lines on which a device answers, and all lines with devices; raises an exception of ``failures`` where
            the gateway does not answer.
        failures: of ``glance``.
        say: told what is being done.
    """

    def __init__(
        self,
        places: Places,
        board: Board,
        glance: Callable[[], tuple[frozenset[str], frozenset[str]]],
        failures: tuple[type[Exception], ...],
        say: Callable[[str], None],
    ) -> None:
        self._places = places
        self._board = board
        self._glance = glance
        self._failures = failures
        self._say = say

    def inspect(self, file: Path) -> Bundle:
        """Hold a bundle against the authority of the image.

        Raises:
            UpdateError: it is not good.
        """
        if not file.is_file():
            raise UpdateError(f"{file}: there is no such file")
        done = _run(["rauc", "info", "--output-format=json", str(file)])
        if done.returncode == 0:
            return read_manifest(json.loads(done.stdout))
        said = done.stderr.strip().rpartition("\n")[2] or f"rauc ended with {done.returncode}"
        if _SIGNATURE.search(said):
            said = f"it is damaged, or not signed by those who made this image ({said}). Fetch it again, from them"
        raise UpdateError(f"{file.name}: {said}")

    def install(self, file: Path) -> None:
        """Write a bundle to the slot that does not run.

        Raises:
            UpdateError: that failed; the slot that runs is as it was.
        """
        Path("/data/update/rauc").mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        with subprocess.Popen(  # noqa: S603 - words of ours
            ["rauc", "install", str(file)],  # noqa: S607 - where the system has it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line.strip())
                if found := _PROGRESS.fullmatch(line.rstrip()):
                    self._say(f"{found[1]:>3} % {found[2]}")
        if process.returncode != 0:
            reason = next((one for one in reversed(lines) if one.startswith("LastError")), lines[-1] if lines else "")
            raise UpdateError(f"the other slot could not be written: {reason}")

    def compare(self, slot: Slot, bundle: Bundle) -> None:
        """Read from the card what was written: a card that is worn out takes everything and keeps nothing.

        Raises:
            UpdateError: it is not what should be there.
        """
        for kind in PARTS:
            part, place = bundle.parts[kind], self._places.run / FOUND / f"{kind}-{slot}"
            if _read_back(place, part.size) != part.sha256:
                raise UpdateError(
                    f"the card did not keep what was written to slot {slot.upper()} ({kind}). It is worn out or "
                    "damaged: replace it soon, after ferrule backup"
                )

    def save(self) -> Path:
        """Save state and configuration; what was saved before an earlier update goes.

        Raises:
            UpdateError: that failed, or there would be no room to put them back.
        """
        target = self._places.backups / _BACKUP
        fresh = target.with_name(f"{_BACKUP}.new")
        try:
            fresh.unlink(missing_ok=True)
            make_backup(fresh, self._places.state, self._places.config, self._board, lambda *_: None)
            fresh.replace(target)
            self._room()
        except (ArchiveError, sqlite3.Error, OSError) as error:
            raise UpdateError(f"state and configuration could not be saved, so nothing was updated: {error}") from None
        return target

    def _room(self) -> None:
        # A newer version copies a database before it changes it, and what is put back lies beside it for a while.
        needed = 2 * sum(file.stat().st_size for file in self._places.state.glob("*.db")) + _RESERVE
        disk = os.statvfs(self._places.state)
        if (free := disk.f_bavail * disk.f_frsize) < needed:
            raise UpdateError(
                f"{free // _PIECE} MiB are free, and {needed // _PIECE} are needed so that the board can go back. Have "
                "history kept for a shorter time, or remove copies of databases: /var/lib/ferrule/*.schema-*, "
                "/var/lib/ferrule/before-restore-*"
            )

    def must_go_back(self) -> bool:
        """Whether a newer version has changed the databases so that this one cannot read them."""
        return any(_is_newer(self._places.state / Path(name).name, steps) for name, steps in DATABASES.items())

    def bring_back(self, backup: Path) -> None:
        """Put a saved state in the place of what is there, which is kept aside.

        Raises:
            UpdateError: it cannot be put back.
        """
        try:
            restore(backup, self._places.state, None, self._board.now, lambda *_: None)
        except (ArchiveError, RestoreError, InUseError, OSError) as error:
            raise UpdateError(f"{backup} cannot be put back: {error}. By hand: ferrule restore {backup}") from error

    def look(self, at: float) -> Seen:
        """See how the gateway fares."""
        restarts = _restarts()
        try:
            answering, known = self._glance()
            return Seen(at, restarts, answering, known=known)
        except self._failures as error:
            # Where it ended by itself, what it said last is nearer to the reason.
            return Seen(at, restarts, None, (_last_words() if restarts else "") or str(error))

    def restart(self) -> None:
        """Restart the board.

        Raises:
            UpdateError: systemd does not do it.
        """
        done = _run(["systemctl", "reboot"])
        if done.returncode != 0:
            raise UpdateError(f"the board did not restart: {done.stderr.strip()}. Do it by hand: sudo reboot")


def _restarts() -> int:
    said = _run(["systemctl", "show", "--value", "--property=NRestarts", "ferrule.service"]).stdout.strip()
    return int(said) if said.isdigit() else 0


def _last_words() -> str:
    said = _run(["journalctl", "--quiet", "--lines=1", "--output=cat", "_SYSTEMD_UNIT=ferrule.service"])
    return said.stdout.strip()[:_LONGEST_WORDS]


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - words of ours


def _read_back(place: Path, size: int) -> str:
    said = hashlib.sha256()
    with place.open("rb", buffering=0) as device:
        fcntl.ioctl(device, _BLKFLSBUF)
        left = size
        while left:
            piece = device.read(min(left, _PIECE))
            if not piece:
                break
            said.update(piece)
            left -= len(piece)
    return said.hexdigest()


def _is_newer(database: Path, steps: str) -> bool:
    if not database.is_file():
        return False
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            # A flipped bit in the header is no newer version: migrations write both (storage.migrate).
            (noted,) = connection.execute("SELECT max(number) FROM schema_step").fetchone()
    except sqlite3.Error:
        # The gateway puts a damaged one right itself.
        return False
    return bool(version == noted and version > len(packaged_steps(steps)))
