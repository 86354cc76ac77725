"""Which connections there are, and who makes room when there are too many (ruling 18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Guest(Protocol):
    """A connection, as far as room for it goes."""

    address: str

    @property
    def held_up(self) -> bool:
        """Whether it waits for its caller: for the handshake, the rest of a request, or an answer to be taken."""

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
        self.limit(most, most_of_address)
        self._all: dict[G, None] = {}
        # Those without a request, the longest idle first; the same by address. New ones are idle since they came.
        self._idle: dict[G, None] = {}
        self._of_address: dict[str, dict[G, None]] = {}
        self._idle_of_address: dict[str, dict[G, None]] = {}

    def limit(self, most: int, most_of_address: int) -> None:
        """Take over other numbers; who is in stays."""
        self._most = most
        self._most_of_address = most_of_address

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def __iter__(self) -> Iterator[G]:
        """All there are, in the order in which they came."""
        return iter(list(self._all))

    def enter(self, guest: G) -> bool:
        """Let a connection in that begins its handshake, or tell that there is no room for it."""
        own = self._of_address.get(guest.address, {})
        if len(own) >= self._most_of_address and not self._clear(self._idle_of_address.get(guest.address, {}), own):
            return False
        if len(self._all) >= self._most and not self._clear(self._idle, self._all):
            return False
        self._all[guest] = None
        self._of_address.setdefault(guest.address, {})[guest] = None
        return True

    def idle(self, guest: G) -> None:
        """A connection has finished its handshake or a request."""
        if guest in self._all:
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

    def _clear(self, idle: dict[G, None], others: dict[G, None]) -> bool:
        """Make room for one: the longest idle goes, else the one that is held up by its caller for longest.

        An honest caller is done with its part within moments. Who holds all places by dawdling gives them up in turn,
        and a newcomer keeps its own until as many others have come.
        """
        leaving = next(iter(idle), None) or _dawdler(others)
        if leaving is None:
            return False
        self.leave(leaving)
        leaving.make_room()
        return True


def _dawdler(all_: dict[G, None]) -> G | None:
    """The first that is held up, of the address that has most of them: who has few does not pay for who has many."""
    held_up = [guest for guest in all_ if guest.held_up]
    of_address = Counter(guest.address for guest in held_up)
    most = max(of_address.values(), default=0)
    return next((guest for guest in held_up if of_address[guest.address] == most), None)


def _remove(by_address: dict[str, dict[G, None]], guest: G) -> None:
    there = by_address[guest.address]
    del there[guest]
    if not there:
        del by_address[guest.address]
