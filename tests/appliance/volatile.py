"""What a card was told and may still forget: writes that no flush has followed.

A card answers a write as soon as it has it, and puts it away later, in an order of its own. Only a flush that it
answered says that everything before it is there. When the plug is pulled in between, of each sector that was under way
the old content is found, or one of the new ones. That a card may also harm what it was not asked to write is not shown.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

SECTOR = 512
# What a card holds back at most; what is older it has put away by itself.
HELD_BACK = 32 * 1024 * 1024


class Medium(Protocol):
    """What is left when the power is gone; offsets and sizes in bytes."""

    def read(self, at: int, size: int) -> bytes:
        """What lies there."""
        ...

    def write(self, at: int, data: bytes) -> None:
        """Put it there."""
        ...


@dataclass(frozen=True, slots=True)
class Lost:
    """What a cut did.

    Attributes:
        way: in which it struck.
        writes: how many no flush had followed.
        sectors: that were in them.
        kept: how many of those are on the card all the same.
    """

    way: str
    writes: int
    sectors: int
    kept: int


class Volatile:
    """A card with its memory for writes.

    Args:
        medium: what outlives a cut.
        held_back: bytes that the memory takes.
    """

    def __init__(self, medium: Medium, held_back: int = HELD_BACK) -> None:
        self._medium = medium
        self._most = held_back // SECTOR
        # Each write by its sectors, in the order in which they came.
        self._writes: list[dict[int, bytes]] = []
        self._newest: dict[int, bytes] = {}
        self._held = 0

    def read(self, at: int, size: int) -> bytes:
        """What was written last, flushed or not; whole sectors."""
        data = self._medium.read(at, size)
        sectors = _sectors(at, size)
        fresh = self._newest.keys() & set(sectors) if self._newest else ()
        if not fresh:
            return data
        merged = bytearray(data)
        for sector in fresh:
            begin = sector * SECTOR - at
            merged[begin : begin + SECTOR] = self._newest[sector]
        return bytes(merged)

    def write(self, at: int, data: bytes, *, through: bool = False) -> None:
        """Take a write of whole sectors.

        Args:
            at: offset in bytes.
            data: what comes there.
            through: it is to be safe when this returns (FUA), which says nothing of those before it.
        """
        sectors = {sector: data[place : place + SECTOR] for place, sector in _placed(at, len(data))}
        if through:
            self._medium.write(at, data)
            # What was there before must not come back.
            for write in self._writes:
                for sector in sectors.keys() & write.keys():
                    del write[sector]
                    self._held -= 1
            for sector in sectors.keys() & self._newest.keys():
                del self._newest[sector]
            return
        self._writes.append(sectors)
        self._newest.update(sectors)
        self._held += len(sectors)
        while self._held > self._most:
            self._put_away(self._writes.pop(0))

    def flush(self) -> None:
        """Make safe whatever was written before."""
        for sector, data in sorted(self._newest.items()):
            self._medium.write(sector * SECTOR, data)
        self._forget()

    def cut(self, chance: random.Random) -> Lost:
        """Pull the plug: the medium is then what a card would hold."""
        way = chance.choice(_WAYS)
        writes, held, kept = len(self._writes), self._held, 0
        share, last = chance.random(), chance.randint(0, max(writes - 1, 0))
        for number, write in enumerate(self._writes):
            # Most of a card's cuts are plain; the worst one is that of single sectors in any order.
            match way:
                case "nothing":
                    stays = {}
                case "everything":
                    stays = write
                case "in order, the last one torn":
                    part = len(write) if number < last else chance.randint(0, len(write)) if number == last else 0
                    stays = dict(list(write.items())[:part])
                case "whole writes in any order":
                    stays = write if chance.random() < share else {}
                case _:
                    stays = {sector: data for sector, data in write.items() if chance.random() < share}
            for sector, data in stays.items():
                self._medium.write(sector * SECTOR, data)
            kept += len(stays)
        self._forget()
        return Lost(way, writes, held, kept)

    def _put_away(self, write: dict[int, bytes]) -> None:
        for sector, data in write.items():
            self._medium.write(sector * SECTOR, data)
            if self._newest[sector] is data:
                del self._newest[sector]
        self._held -= len(write)

    def _forget(self) -> None:
        self._writes.clear()
        self._newest.clear()
        self._held = 0


_WAYS = ("nothing", "everything", "in order, the last one torn", "whole writes in any order", "single sectors")


def _sectors(at: int, size: int) -> range:
    return range(at // SECTOR, (at + size) // SECTOR)


def _placed(at: int, size: int) -> list[tuple[int, int]]:
    """Each sector of a write, and where it begins within it."""
    return [(place * SECTOR, sector) for place, sector in enumerate(_sectors(at, size))]
