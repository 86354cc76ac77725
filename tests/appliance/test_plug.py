"""The card whose plug is pulled does what a card would: what was flushed stays, of the rest anything may be gone."""

from __future__ import annotations

import random
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from .plug import plugged
from .volatile import SECTOR, Volatile

SECTORS = 12


@dataclass
class Memory:
    """A medium, in memory."""

    held: bytearray = field(default_factory=lambda: bytearray(SECTORS * SECTOR))

    def read(self, at: int, size: int) -> bytes:
        return bytes(self.held[at : at + size])

    def write(self, at: int, data: bytes) -> None:
        self.held[at : at + len(data)] = data

    def sectors(self) -> list[bytes]:
        return [bytes(self.held[at : at + SECTOR]) for at in range(0, len(self.held), SECTOR)]


places = some.tuples(some.integers(0, SECTORS - 1), some.integers(1, 4)).map(
    lambda pair: (pair[0], min(pair[1], SECTORS - pair[0]))
)
steps = some.lists(some.tuples(some.sampled_from(["write", "write", "through", "flush"]), places), max_size=25)


@given(steps, some.integers(0, 2**32), some.sampled_from([3 * SECTOR, 1 << 20]))
def test_what_was_flushed_stays_and_the_rest_is_old_or_new(
    done: list[tuple[str, tuple[int, int]]], seed: int, held_back: int
) -> None:
    medium = Memory()
    card = Volatile(medium, held_back)
    newest = [bytes(SECTOR)] * SECTORS
    # What a cut may leave in each sector.
    allowed = [{bytes(SECTOR)} for _ in range(SECTORS)]
    for number, (step, (first, count)) in enumerate(done, 1):
        if step == "flush":
            card.flush()
            allowed = [{content} for content in newest]
        else:
            content = [struct.pack(">HH", number, place) * (SECTOR // 4) for place in range(count)]
            card.write(first * SECTOR, b"".join(content), through=step == "through")
            for sector, data in enumerate(content, first):
                newest[sector] = data
                allowed[sector] = {data} if step == "through" else allowed[sector] | {data}
        assert card.read(0, SECTORS * SECTOR) == b"".join(newest)
        assert card.read(first * SECTOR, count * SECTOR) == b"".join(newest[first : first + count])
    lost = card.cut(random.Random(seed))
    assert all(found in may for found, may in zip(medium.sectors(), allowed, strict=True))
    assert 0 <= lost.kept <= lost.sectors
    assert card.read(0, SECTORS * SECTOR) == bytes(medium.held)


def test_a_cut_can_take_all_tear_and_swap() -> None:
    """A card that loses nothing would prove nothing."""
    seen = set()
    for seed in range(300):
        medium = Memory()
        card = Volatile(medium)
        card.write(0, b"a" * 2 * SECTOR)
        card.write(4 * SECTOR, b"b" * SECTOR)
        card.cut(random.Random(seed))
        held = medium.sectors()
        seen.add(tuple(held[sector] != bytes(SECTOR) for sector in (0, 1, 4)))
    # All eight: none, all, a torn one, and the later one without the one before it.
    assert len(seen) == 8


class Client:
    """A user of the disk, who speaks NBD as far as it takes."""

    def __init__(self, address: Path) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(str(address))
        assert self._take(18) == b"NBDMAGICIHAVEOPT\x00\x03"
        self.line.sendall(struct.pack(">I", 3))

    def option(self, number: int, data: bytes = b"") -> None:
        self.line.sendall(b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data)

    def answer(self) -> tuple[int, bytes]:
        magic, _, kind, size = struct.unpack(">QIII", self._take(20))
        assert magic == 0x3E889045565A9
        return kind, self._take(size)

    def ask(self, kind: int, at: int = 0, size: int = 0, data: bytes = b"", flags: int = 0) -> tuple[int, bytes]:
        self.line.sendall(struct.pack(">IHHQQI", 0x25609513, flags, kind, 77, at, size) + data)
        magic, error, cookie = struct.unpack(">IIQ", self._take(16))
        assert (magic, cookie) == (0x67446698, 77)
        return error, self._take(size) if kind == 0 and not error else b""

    def _take(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            got = self.line.recv(size - len(found))
            if not got:
                raise ConnectionError
            found += got
        return found


def test_a_disk_over_a_socket(tmp_path: Path) -> None:
    image, address = tmp_path / "card.img", tmp_path / "plug"
    image.write_bytes(bytes(64 * SECTOR))
    with plugged(image, address, random.Random(1)) as plug:
        client = Client(address)
        # What it does not know is refused, as the protocol has it, and the talk goes on.
        client.option(8)
        assert client.answer()[0] == 0x80000001
        client.option(7, struct.pack(">IH", 0, 0))
        kind, about = client.answer()
        assert (kind, struct.unpack(">HQH", about)) == (3, (0, 64 * SECTOR, 0b1101))
        assert client.answer()[1][:6] == struct.pack(">HI", 3, SECTOR)
        assert client.answer() == (1, b"")

        assert client.ask(1, 0, SECTOR, b"f" * SECTOR) == (0, b"")
        assert client.ask(3) == (0, b"")
        assert client.ask(1, SECTOR, SECTOR, b"t" * SECTOR, flags=1) == (0, b"")
        assert client.ask(1, 2 * SECTOR, SECTOR, b"v" * SECTOR) == (0, b"")
        assert client.ask(0, 0, 3 * SECTOR) == (0, b"f" * SECTOR + b"t" * SECTOR + b"v" * SECTOR)
        # The image has what is safe, and not yet the rest.
        assert image.read_bytes()[: 3 * SECTOR] == b"f" * SECTOR + b"t" * SECTOR + bytes(SECTOR)
        # Nothing is read or written beyond the end, nor in the middle of a sector.
        for at, size in ((64 * SECTOR, SECTOR), (1, SECTOR), (0, 100)):
            assert client.ask(0, at, size)[0] == 22

        lost = plug.cut()
        assert (lost.writes, lost.sectors) == (1, 1)
        with pytest.raises(OSError):
            client.ask(3)
        assert plug.cut() is lost
        client.line.close()
    assert image.read_bytes()[: 2 * SECTOR] == b"f" * SECTOR + b"t" * SECTOR
    assert not address.exists()


def test_a_disk_that_nobody_took_ends(tmp_path: Path) -> None:
    image = tmp_path / "card.img"
    image.write_bytes(bytes(SECTOR))
    with plugged(image, tmp_path / "plug", random.Random(1)) as plug:
        pass
    assert plug.lost is not None
    assert plug.lost.writes == 0
