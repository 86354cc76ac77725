"""Which connections there are, and who makes room when there are too many (ruling 18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Generic, Protocol, TypeVar


class Standing(IntEnum):
    """What a connection has been good for."""

    NEW = 0
    # A request on it was answered, be it with an error.
    ANSWERED = 1
    # Somebody with a valid token or key has called on it.
    KNOWN = 2


class Guest(Protocol):
    """A connection, as far as room for it goes."""

    address: str
    standing: Standing

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
        # Those without a request, the longest idle first. New ones are idle since their handshake.
        self._idle: dict[G, None] = {}
        self._of_address: dict[str, dict[G, None]] = {}

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
        if len(own) >= self._most_of_address and not self._clear(own):
            return False
        if len(self._all) >= self._most and not self._clear(self._all):
            return False
        self._all[guest] = None
        self._of_address.setdefault(guest.address, {})[guest] = None
        return True

    def idle(self, guest: G) -> None:
        """A connection has finished its handshake or a request."""
        if guest in self._all:
            self._idle[guest] = None

    def busy(self, guest: G) -> None:
        """A request begins on it."""
        self._idle.pop(guest, None)

    def leave(self, guest: G) -> None:
        """A connection is over."""
        if guest in self._all:
            del self._all[guest]
            _remove(self._of_address, guest)
            self.busy(guest)

    def _clear(self, among: dict[G, None]) -> bool:
        """Make room for one, where somebody waits for nothing but its caller.

        Whoever rests between two requests is closed when it has just sent the next one, as likely as not, so it is
        spared as long as others can go: those that have not come to an answer yet, or keep us waiting. But only while
        there are as many of these. Else newcomers would have a few places among them, and push out each other.
        """
        resting = [guest for guest in self._idle if guest in among and guest.standing > Standing.NEW]
        spared = frozenset(resting)
        others = [guest for guest in among if guest not in spared and (guest in self._idle or guest.held_up)]
        if len(resting) > len(others):
            # The one that has been idle longest, of those on which nobody has proven who he is, if there are such.
            leaving = min(resting, key=lambda guest: guest.standing)
        elif others:
            leaving = _dawdler(others)
        else:
            return False
        self.leave(leaving)
        leaving.make_room()
        return True


def _dawdler(waiting: Sequence[G]) -> G:
    """The first to have come, of the address that has most of them: who has few does not pay for who has many.

    An honest caller is done with its part within moments. Who holds all places by dawdling gives them up in turn, and a
    newcomer keeps its own until as many others have come.
    """
    lowest = min(guest.standing for guest in waiting)
    found = [guest for guest in waiting if guest.standing is lowest]
    of_address = Counter(guest.address for guest in found)
    most = max(of_address.values())
    return next(guest for guest in found if of_address[guest.address] == most)


def _remove(by_address: dict[str, dict[G, None]], guest: G) -> None:
    there = by_address[guest.address]
    del there[guest]
    if not there:
        del by_address[guest.address]
