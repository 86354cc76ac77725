"""What the simulated devices hold, as a pure function of place and time, so that a value proves where it came from.

Every register counts generations: its word is another one in each, and differs from the words of other registers,
devices and lines. What callers write is kept with the moment it was executed.
"""

from __future__ import annotations

import math
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from zlib import crc32

from drivers.simulated.device import AddressRange, SimulatedDevice, Table
from gateway.core.reading import Value
from gateway.settings.line_model import TagSettings

# Executed writes kept for each register: the last one stays in force, the others are needed for some seconds.
WRITES_KEPT = 32
STRUCTS = {
    "uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q",
    "float16": ">e", "float32": ">f", "float64": ">d",
}  # fmt: skip
SPANS = {"uint32": 2, "int32": 2, "float32": 2, "uint64": 4, "int64": 4, "float64": 4}
FLOATS = frozenset({"float16", "float32", "float64"})
BITS = frozenset({"coil", "discrete"})


class Cell(NamedTuple):
    """How the word of one register follows from the generation."""

    base: int
    stride: int
    mask: int = 0xFFFF
    fill: int = 0

    def word(self, generation: int) -> int:
        return (self.base + generation * self.stride) & self.mask | self.fill


def cell_at(key: str, mask: int = 0xFFFF, fill: int = 0) -> Cell:
    """The cell of a place, named by line, unit, table and address."""
    mixed = crc32(key.encode())
    # An odd stride runs through all words before it repeats one; a large one moves the upper bits as well.
    return Cell(mixed & 0xFFFF, (mixed >> 16) | 0x4001, mask, fill)


def span(tag: TagSettings) -> int:
    """Registers or bits a tag takes."""
    if tag.table in BITS:
        return 1
    return tag.length if tag.type == "string" else SPANS.get(tag.type, 1)


def decode(tag: TagSettings, words: Sequence[int]) -> Value:
    """What registers say, read by rules that share nothing with the codec of the product."""
    if tag.table in BITS:
        return words[0] != 0
    ordered = list(words) if tag.word_order == "big" else list(reversed(words))
    data = b"".join(word.to_bytes(2, tag.byte_order) for word in ordered)
    if tag.type == "string":
        return data.decode("ascii").strip(" \0")
    if tag.type == "bcd16":
        return scaled(tag, int(data.hex()))
    whole = int.from_bytes(data, "big")
    if tag.type == "bool":
        return whole != 0 if tag.bit is None else bool(whole >> tag.bit & 1)
    if tag.bit is not None:
        return scaled(tag, whole >> tag.bit & (1 << tag.width) - 1)
    return scaled(tag, struct.unpack(STRUCTS[tag.type], data)[0])


def scaled(tag: TagSettings, raw: float) -> float:
    return raw if (tag.scale, tag.offset) == (1.0, 0.0) else raw * tag.scale + tag.offset


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same but for the rounding of a scale."""
    if isinstance(one, str | bool) or isinstance(other, str | bool):
        return type(one) is type(other) and one == other
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-9)


class TruthDevice(SimulatedDevice):
    """A device whose registers follow the time.

    Args:
        cells: the moving registers and bits, by table and address.
        held: what may be written, with what it holds at the start.
        step: seconds a generation lasts.
    """

    def __init__(
        self,
        unit: int,
        cells: Mapping[Table, Mapping[int, Cell]],
        held: Mapping[Table, Mapping[int, int]],
        *,
        step: float,
        turnaround: float,
        refused: Sequence[AddressRange] = (),
        refused_functions: Sequence[int] = (),
    ) -> None:

        def words(table: Table) -> dict[int, int]:
            return dict.fromkeys(cells.get(table, {}), 0) | dict(held.get(table, {}))

        super().__init__(
            unit,
            coil=words("coil"),
            discrete=words("discrete"),
            input=words("input"),
            holding=words("holding"),
            read_only=[AddressRange(table, address) for table in cells for address in cells[table]],
            refused=refused,
            refused_functions=refused_functions,
            turnaround_s=turnaround,
        )
        self.cells = cells
        self.step = step
        self.log: dict[tuple[Table, int], deque[tuple[float, int]]] = {
            (table, address): deque([(-1.0, word)], maxlen=WRITES_KEPT)
            for table, words in held.items()
            for address, word in words.items()
        }

    def generation(self, now: float) -> int:
        return math.floor(now / self.step)

    def _read(self, table: Table, first: int, count: int, limit: int, now: float) -> list[int]:
        words = super()._read(table, first, count, limit, now)
        moving = self.cells.get(table)
        if moving:
            generation = self.generation(now)
            for index in range(count):
                cell = moving.get(first + index)
                if cell is not None:
                    words[index] = (cell.base + generation * cell.stride) & cell.mask | cell.fill
            if table in BITS:
                words = [int(word != 0) for word in words]
        return words

    def _write(self, table: Table, first: int, raws: Sequence[int], now: float) -> None:
        super()._write(table, first, raws, now)
        for address, raw in enumerate(raws, first):
            self.log[table, address].append((now, raw))

    # The oracle

    def candidates(self, tag: TagSettings, start: float, end: float) -> list[Value]:
        """All values the tag had at any moment from ``start`` to ``end``."""
        addresses = range(tag.address, tag.address + span(tag))
        moving = self.cells.get(tag.table, {})
        if tag.address in moving:
            generations = range(self.generation(start), self.generation(end) + 1)
            return [decode(tag, [moving[address].word(g) for address in addresses]) for g in generations]
        moments = {start}
        for address in addresses:
            moments.update(at for at, _ in self.log[tag.table, address] if start < at <= end)
        return [decode(tag, [self.word_at(tag.table, a, moment) for a in addresses]) for moment in sorted(moments)]

    def word_at(self, table: Table, address: int, moment: float) -> int:
        """What stood at an address that can be written."""
        log = self.log[table, address]
        return next((word for at, word in reversed(log) if at <= moment), log[0][1])

    def writes(self, tag: TagSettings, start: float, end: float) -> list[Value]:
        """What a tag was made by each write that touched its first register from ``start`` to ``end``."""
        addresses = range(tag.address, tag.address + span(tag))
        moments = [at for at, _ in self.log[tag.table, tag.address] if start <= at <= end]
        return [decode(tag, [self.word_at(tag.table, a, at) for a in addresses]) for at in moments]


@dataclass(frozen=True, slots=True)
class Point:
    """A tag of the plant, and the device that has it."""

    name: str
    line: str
    tag: TagSettings
    device: TruthDevice

    def could_be(self, value: Value, start: float, end: float) -> bool:
        """Whether the device held this value at any moment from ``start`` to ``end``."""
        return any(same(value, candidate) for candidate in self.device.candidates(self.tag, start, end))
