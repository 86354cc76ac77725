"""The FAT partition of the card: the one place of the board that people reach with a computer."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal

from gateway.access.files import settle

# Its name is all that counts; the initramfs looks for it.
RESET = "factory-reset"
# Root's alone: nobody else can hold it.
CARD_LOCK = "card.lock"
_SECTOR = 512

Remount = Callable[[Path, Literal["rw", "ro"]], None]


class CardError(Exception):
    """The card cannot be written; the text says why and what to do."""


class Card:
    """Files that people see when they put the card into a computer.

    It is mounted read-only, so that a power cut meets nothing half written; for the moment of a change it is not.

    Args:
        place: where it is mounted.
        remount: makes it writable or read-only.
        lock: held while it is writable, so that nobody makes it read-only under another's hands; None: there is nobody.
    """

    def __init__(self, place: Path, remount: Remount | None = None, lock: Path | None = None) -> None:
        self.place = place
        self._remount = _mount if remount is None else remount
        self._lock = lock

    def read(self, name: str) -> bytes | None:
        """A file; None: it is not there, or cannot be read."""
        try:
            return (self.place / name).read_bytes()
        except OSError:
            return None

    def put(self, files: dict[str, str | bytes | None]) -> bool:
        """Have these files there with this content; None: not there.

        What is as it should be is not written again: cards wear out.

        Returns:
            Whether anything was written.

        Raises:
            CardError: the card does not take it.
        """
        wanted = {name: _bytes(content) for name, content in files.items()}
        changed = {name: content for name, content in wanted.items() if self.read(name) != content}
        if not changed:
            return False
        try:
            with self._writable():
                for name, content in changed.items():
                    self._put(name, content)
        except OSError as error:
            raise self._trouble(error) from None
        return True

    def overwrite(self, name: str, content: bytes) -> None:
        """Have as many other bytes in a file that fits into one sector: after a power cut all of them or none.

        A file of another length, or none, is put there as ``put`` does it.

        Raises:
            CardError: the card does not take it.
        """
        before = self.read(name)
        if before is None or len(before) != len(content) or len(content) > _SECTOR:
            self.put({name: content})
            return
        if before == content:
            return
        try:
            with self._writable():
                file = os.open(self.place / name, os.O_WRONLY | os.O_CLOEXEC)
                try:
                    os.pwrite(file, content, 0)
                    os.fsync(file)
                finally:
                    os.close(file)
        except OSError as error:
            raise self._trouble(error) from None

    def _trouble(self, error: OSError) -> CardError:
        return CardError(
            f"{self.place} cannot be written: {error.strerror or error}. Look at the card in a computer: "
            "is it full, locked or damaged?"
        )

    def _put(self, name: str, content: bytes | None) -> None:
        path = self.place / name
        with ExitStack() as stack:
            # What is open keeps its room on the card. So no block of the old file is free before the directory without
            # it is safe: a power cut in between would leave it there by name, and empty.
            with suppress(FileNotFoundError):
                stack.enter_context(path.open("rb"))
            if content is None:
                path.unlink(missing_ok=True)
            else:
                _replace(path, content)
            settle(self.place)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        with nullcontext() if self._lock is None else alone(self._lock):
            self._remount(self.place, "rw")
            try:
                yield
            finally:
                self._remount(self.place, "ro")


@contextmanager
def alone(lock: Path, *, waits: bool = True) -> Iterator[None]:
    """Keep others away for as long as this lasts. Nobody but its owner may open the lock, and so hold it.

    Args:
        lock: the file; made where it is missing.
        waits: for whoever has it.

    Raises:
        BlockingIOError: somebody has it, and nobody waits.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    # FAT has no other names: the new file lies there whole before it takes the old one's place.
    scratch = path.with_name(f"{path.name}.new")
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            scratch.replace(path)
            # Under its new name it is written by its own number and not with the directory: without this the name
            # leads to blocks of the old file, which are about to be free.
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            scratch.unlink()
        raise


def _bytes(content: str | bytes | None) -> bytes | None:
    """Text as editors of every system show it."""
    return content.replace("\n", "\r\n").encode() if isinstance(content, str) else content


def _mount(place: Path, mode: Literal["rw", "ro"]) -> None:
    done = subprocess.run(  # noqa: S603 - words of ours
        ["mount", "-o", f"remount,{mode}", str(place)],  # noqa: S607 - where the system has it
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise OSError(done.returncode, done.stderr.strip() or "it cannot be mounted anew")
