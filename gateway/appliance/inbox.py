"""Where the gateway, which may not write to the card, leaves a bundle for the update that may."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import trio

from gateway.access.files import replace, settle
from gateway.appliance.update_state import INBOX, NOTE, WANTED
from gateway.core.errors import Code, GatewayError

_PREFIX, _SUFFIX = "incoming-", ".part"
# What a bundle begins with: it is a squashfs, with its signature behind it.
_MAGIC = b"hsqs"
# Bytes of the disk that stay free, beside a bundle and the copy the update makes of it: history goes on meanwhile.
_RESERVE = 64 * 1024 * 1024
# So much is written to the card at a time: all of it at the end would hold up everybody else who writes.
_STRIDE = 4 * 1024 * 1024


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside a bundle that was sent.

    Attributes:
        asked_by: who sent it.
        at: Unix seconds.
        sha256: of it, in hex.
        size: bytes of it.
    """

    asked_by: str
    at: int
    sha256: str
    size: int


class Inbox:
    """The place below the state directory. One bundle comes at a time.

    Args:
        state: the state directory.
        wall: Unix seconds.
        free: bytes that may still be written there; None: what the disk says.
    """

    def __init__(self, state: Path, wall: Callable[[], float], free: Callable[[Path], int] | None = None) -> None:
        self._place = state / INBOX
        self._wall = wall
        self._free = free or _free
        self._coming = False

    def clear(self) -> None:
        """Remove what was coming in when the gateway ended."""
        for left in self._place.glob(f"{_PREFIX}*{_SUFFIX}"):
            with suppress(OSError):
                left.unlink()

    def waiting(self) -> tuple[bool, Wanted | None]:
        """Whether there is a bundle that nobody has taken yet, and what is known of it."""
        try:
            return self._wanted.exists(), msgspec.json.decode(self._about.read_bytes(), type=Wanted)
        except (OSError, msgspec.DecodeError):
            return self._wanted.exists(), None

    async def take(
        self,
        by: str,
        piece: Callable[[], Awaitable[bytes]],
        *,
        size: int | None,
        said: str | None,
        check: Callable[[], None],
    ) -> str:
        """Take a bundle; when this returns it is on the disk, for the update to find. See ``api.rest.updates.Board``.

        Args:
            by: who sends it.
            piece: the next bytes, none at the end.
            size: bytes that will come; None: nobody knows.
            said: the SHA-256 it is to have; None: nobody says.
            check: raises GatewayError where this is no time for it. Called in a thread, before and after.

        Returns:
            Its SHA-256, in hex.

        Raises:
            GatewayError: CONFLICT, INVALID, UNAVAILABLE.
        """
        with self._one_at_a_time():
            await trio.to_thread.run_sync(check)
            descriptor, path = await trio.to_thread.run_sync(self._begin, size or 0)
            try:
                try:
                    coming = _Coming(descriptor, self._room)
                    while data := await piece():
                        await trio.to_thread.run_sync(coming.write, data)
                    sha256 = coming.end(said)
                    await trio.to_thread.run_sync(os.fsync, descriptor)
                finally:
                    os.close(descriptor)

                # Asked for here: the gateway's clock is that of its loop, and threads have none.
                about = Wanted(asked_by=by, at=int(self._wall()), sha256=sha256, size=coming.size)

                def keep() -> None:
                    check()
                    replace(self._about, msgspec.json.encode(about))
                    path.replace(self._wanted)
                    settle(self._place)

                await trio.to_thread.run_sync(keep)
                return sha256
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        if self._coming:
            raise GatewayError(Code.CONFLICT, "another bundle is being sent just now: wait for what becomes of it")
        self._coming = True
        try:
            yield
        except OSError as error:
            raise GatewayError(
                Code.UNAVAILABLE, f"the disk does not take the bundle: {error.strerror}", details={"retryAfter": 60}
            ) from None
        finally:
            self._coming = False

    @property
    def _wanted(self) -> Path:
        return self._place / WANTED

    @property
    def _about(self) -> Path:
        return self._place / NOTE

    def _begin(self, size: int) -> tuple[int, Path]:
        self._place.mkdir(mode=0o700, exist_ok=True)
        # The update makes a copy: what lies here is the gateway's to change.
        self._room(2 * size)
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=self._place)
        return descriptor, Path(name)

    def _room(self, size: int) -> None:
        free = self._free(self._place)
        if free - size < _RESERVE:
            short = -(-(size + _RESERVE - free) // 2**20)
            raise GatewayError(
                Code.UNAVAILABLE,
                f"there is no room for the bundle: {short} MiB are missing. Remove plugins that are not used, or have "
                "history kept for a shorter time",
                details={"retryAfter": 60},
            )


class _Coming:
    """A bundle while it comes.

    Args:
        descriptor: of its file.
        room: raises GatewayError where so many bytes have no room.

    Attributes:
        size: bytes that were written.
    """

    def __init__(self, descriptor: int, room: Callable[[int], None]) -> None:
        self._descriptor = descriptor
        self._room = room
        self._first = b""
        self._digest = hashlib.sha256()
        self._behind = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write the next bytes. Call it in a thread.

        Raises:
            GatewayError: INVALID, this is no bundle; UNAVAILABLE, there is no room for it.
        """
        if len(self._first) < len(_MAGIC):
            # Whoever mistook the file is told before he has sent all of it.
            self._first = (self._first + data)[: len(_MAGIC)]
            if not _MAGIC.startswith(self._first):
                raise _no_bundle()
        # These, and a copy of all there is then.
        self._room(2 * len(data) + self.size)
        self._digest.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size += len(data)
        self._behind += len(data)
        if self._behind >= _STRIDE:
            os.fdatasync(self._descriptor)
            self._behind = 0

    def end(self, said: str | None) -> str:
        """That was all.

        Args:
            said: the SHA-256 it is to have; None: nobody says.

        Returns:
            The SHA-256 it has, in hex.

        Raises:
            GatewayError: INVALID, it is none, or another one.
        """
        sha256 = self._digest.hexdigest()
        if self.size <= len(_MAGIC):
            raise _no_bundle()
        if said not in {None, sha256}:
            raise GatewayError(
                Code.INVALID,
                f"what came has the SHA-256 {sha256}, and not that of Content-Digest: it was changed on its way. Send "
                "it again",
            )
        return sha256


def _no_bundle() -> GatewayError:
    return GatewayError(Code.INVALID, "this is no bundle: send the file that ends in .raucb, as it was released")


def _free(place: Path) -> int:
    disk = os.statvfs(place)
    return disk.f_bavail * disk.f_frsize
