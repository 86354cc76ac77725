"""Which connections there are, and who makes room when there are too many (ruling 18)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

# An unfinished handshake is left alone so long: a crowd that connects at once must not push itself out.
HANDSHAKE_GRACE = 3.0


class Guest(Protocol):
    """A connection, as far as room for it goes."""

    address: str

    def make_room(self) -> None:
        """End now. It must not wait, and its place is taken already."""

    def stop(self) -> None:
        """End as soon as the answer under way is sent."""


G = TypeVar("G", bound=Guest)


class Admission(Generic[G]):
    """Counts connections, in total and by peer address.

    Args:
        most: connections in total.
        most_of_address: connections of one peer address.
    """

    def __init__(self, most: int, most_of_address: int) -> None:
        self._most = most
        self._most_of_address = most_of_address
        self._all: dict[G, None] = {}
        # Those without a request, the longest idle first; the same by address. New ones are idle since they came.
        self._idle: dict[G, None] = {}
        self._of_address: dict[str, dict[G, None]] = {}
        self._idle_of_address: dict[str, dict[G, None]] = {}
        self._shaking: dict[G, float] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def __iter__(self) -> Iterator[G]:
        """All there are, in the order in which they came."""
        return iter(list(self._all))

    def enter(self, guest: G, now: float) -> bool:
        """Let a connection in that begins its handshake, or tell that there is no room for it."""
        if len(self._of_address.get(guest.address, ())) >= self._most_of_address and not self._clear(
            self._idle_of_address.get(guest.address, {}), self._of_address[guest.address], now
        ):
            return False
        if len(self._all) >= self._most and not self._clear(self._idle, self._shaking, now):
            return False
        self._all[guest] = None
        self._of_address.setdefault(guest.address, {})[guest] = None
        self._shaking[guest] = now
        return True

    def idle(self, guest: G) -> None:
        """A connection has finished its handshake or a request."""
        if guest in self._all:
            self._shaking.pop(guest, None)
            self._idle[guest] = None
            self._idle_of_address.setdefault(guest.address, {})[guest] = None

    def busy(self, guest: G) -> None:
        """A request begins on it."""
        if guest in self._idle:
            del self._idle[guest]
            _remove(self._idle_of_address, guest)

    def leave(self, guest: G) -> None:
        """A connection is over."""
        if guest in self._all:
            del self._all[guest]
            _remove(self._of_address, guest)
            self.busy(guest)
            self._shaking.pop(guest, None)

    def _clear(self, idle: dict[G, None], others: dict[G, float] | dict[G, None], now: float) -> bool:
        """Make room for one: the longest idle goes, else the oldest whose handshake does not come to an end."""
        leaving = next(iter(idle), None)
        if leaving is None:
            shaking = (guest for guest in others if now - self._shaking.get(guest, now) >= HANDSHAKE_GRACE)
            leaving = next(shaking, None)
        if leaving is None:
            return False
        self.leave(leaving)
        leaving.make_room()
        return True


def _remove(by_address: dict[str, dict[G, None]], guest: G) -> None:
    there = by_address[guest.address]
    del there[guest]
    if not there:
        del by_address[guest.address]
