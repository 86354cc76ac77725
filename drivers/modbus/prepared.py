"""Frames that are computed once: the requests of polls are few, live long, and are sent again and again."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from drivers.modbus.pdu import Request

# More blocks than a line has. Reads on demand and probes pass through too and are forgotten with the rest when it is
# full: to compute all of them anew now and then costs nothing, to keep them all would.
_LIMIT = 256


class _Frame(Protocol):
    @property
    def request(self) -> Request:
        """What it was made of; kept, so that its identity stays taken while it serves as the key."""


F = TypeVar("F", bound=_Frame)


class Prepared(dict[int, F]):
    """What requests mean on one kind of wire, by their identity: ``get(id(request)) or make(request)``.

    Args:
        prepare: computes it.
    """

    def __init__(self, prepare: Callable[[Request], F]) -> None:
        super().__init__()
        self._prepare = prepare

    def make(self, request: Request) -> F:
        """Compute what is not there. Writes are not kept: each is sent once."""
        frame = self._prepare(request)
        if not request.writes:
            if len(self) >= _LIMIT:
                self.clear()
            self[id(request)] = frame
        return frame
