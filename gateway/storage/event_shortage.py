"""Says once that events go before their time, and when they no longer have to."""

from __future__ import annotations

from collections.abc import Callable

from gateway.storage.settings import DAY, Announce


class Shortage:
    """Whether the file of events is too small for what happens.

    Args:
        announce: told when events of normal or higher priority begin to give way, and after a day without.
        monotonic: seconds of the run loop's clock.
        size: what the file may take, in bytes.
    """

    def __init__(self, announce: Announce, monotonic: Callable[[], float], size: int) -> None:
        self._announce = announce
        self._monotonic = monotonic
        self._size = size
        self._last: float | None = None

    def gave_way(self) -> None:
        """Some gave way for room now."""
        begins, self._last = self._last is None, self._monotonic()
        if begins:
            self._announce(
                "events",
                "warning",
                "events.db is full: events go before they are as old as [events] retention says; raise [events] size",
                {"state": "firing", "limit": self._size},
            )

    def look(self) -> None:
        """Say that it is over when it is; call it now and then."""
        if self._last is not None and self._monotonic() - self._last > DAY:
            self._last = None
            self._announce(
                "events", "info", "events.db has room again for a day", {"state": "resolved", "limit": self._size}
            )
