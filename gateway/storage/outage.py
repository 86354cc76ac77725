"""While the disk takes nothing: when it is tried again, and what people are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.core.ports import Json
from gateway.storage.settings import Announce
from gateway.storage.trouble import CURES, StoreTrouble, Trouble

_RETRY_FIRST_S = 1.0
_RETRY_LAST_S = 60.0
_CALM_S = 30.0


class Outage:
    """The trouble one file of the store is in, or is not in.

    Args:
        path: the file.
        announce: told when the disk gets into trouble and out of it.
        monotonic: seconds, for the pauses between attempts.

    Attributes:
        kind: why the disk takes nothing, None when all is well.
    """

    def __init__(self, path: Path, announce: Announce, monotonic: Callable[[], float]) -> None:
        self.kind: Trouble | None = None
        self._path = path
        self._announce = announce
        self._monotonic = monotonic
        self._announced: Trouble | None = None
        self._fell_at = 0.0
        self._retry_at = 0.0
        self._pause = _RETRY_FIRST_S

    def pausing(self) -> Trouble | None:
        """The trouble after which it is not time yet to try again."""
        return self.kind if self._monotonic() < self._retry_at else None

    def try_now(self) -> None:
        """Let the next attempt come without a pause."""
        self._retry_at = self._monotonic()

    def begin(self, trouble: StoreTrouble) -> None:
        """An attempt failed: each pause is twice as long as the one before, and every kind of trouble is told once."""
        if trouble.kind is Trouble.CORRUPT:
            # The damaged file is out of the way: the next attempt has every reason to succeed.
            self.kind = trouble.kind
            self.try_now()
            return
        if trouble.kind is not self.kind:
            self._pause = _RETRY_FIRST_S
        if trouble.kind is not self._announced:
            self._announced = trouble.kind
            self._announce(
                "storage",
                "critical",
                f"{(trouble.place or self._path).name}: {CURES[trouble.kind]}; everything is kept in memory until then",
                {"state": "firing", "reason": trouble.kind, "file": self._path.name, "error": str(trouble)},
            )
        self.kind = trouble.kind
        self._fell_at = self._monotonic()
        self._retry_at = self._fell_at + self._pause
        self._pause = min(self._pause * 2, _RETRY_LAST_S)

    def end(self) -> None:
        """An attempt succeeded."""
        self.kind = None
        self._pause = _RETRY_FIRST_S
        # A disk on the edge takes one write and refuses the next: that is one trouble, and told once.
        if self._announced is not None and self._monotonic() - self._fell_at >= _CALM_S:
            details: dict[str, Json] = {"state": "resolved", "reason": self._announced, "file": self._path.name}
            self._announced = None
            self._announce("storage", "info", f"{self._path.name}: the disk takes data again", details)
