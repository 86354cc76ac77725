"""Which requests read which tags: neighbours are joined when the hole between them costs less than a second request.

Pure: the same tags, wire and knowledge give the same blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.lines.wire import Wire
from gateway.settings.line_model import DeviceSettings, LineSettings, Table, TagSettings

BIT_TABLES = frozenset({"coil", "discrete"})
# What a background tag's own request would cost is reckoned as if it were sent this often.
BACKGROUND_S = 30.0

# Table -> addresses which no block may cross from below, learned from refusals.
Splits = Mapping[Table, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tag lies: the planner's view of it. ``count`` is in registers or bits."""

    tag: TagSettings
    address: int
    count: int

    @property
    def end(self) -> int:
        """One behind its last register or bit."""
        return self.address + self.count


@dataclass(frozen=True, slots=True)
class Block:
    """One coalesced read request and the tags it serves.

    Attributes:
        period: seconds between two reads; None for background.
        places: in the order of their addresses.
    """

    table: Table
    address: int
    count: int
    period: float | None
    places: tuple[Place, ...]

    @property
    def end(self) -> int:
        """One behind its last register or bit."""
        return self.address + self.count

    def holes(self) -> list[int]:
        """Addresses at which a tag begins after registers that nobody asked for."""
        found = []
        reached = self.address
        for place in self.places:
            if place.address > reached:
                found.append(place.address)
            reached = max(reached, place.end)
        return found

    def cuts(self) -> list[int]:
        """Addresses at which this block can be divided without dividing a tag, in order.

        Where its tags overlap too much for that, those at which they part: what crosses one is read on its own then.
        """
        found = []
        reached = self.address
        for place in self.places:
            if place.address >= reached and place.address > self.address:
                found.append(place.address)
            reached = max(reached, place.end)
        edges = {edge for place in self.places for edge in (place.address, place.end)}
        return found or sorted(edge for edge in edges if self.address < edge < self.end)


def longest_block(line: LineSettings, wire: Wire) -> float | None:
    """Seconds one block of a line may take, so that no other tag's period is used up by waiting for it."""
    periods = [tag.poll for device in line.devices for tag in device.tags if tag.poll is not None]
    return min(periods) / 2 if periods and wire.character else None


def plan(
    device: DeviceSettings, wire: Wire, splits: Splits, longest: float | None = None, stretch: float = 1.0
) -> list[Block]:
    """The blocks that read all tags of a device.

    Args:
        device: with its tags and limits.
        wire: what requests and registers cost there, with the device's own turnaround where it is known.
        splits: where earlier refusals showed that a block must not go on.
        longest: seconds a joined read may take, so that one device's blocks do not hold up the others' deadlines;
            a single tag may take longer.
        stretch: by how much less often tags of low priority need to be read than they ask for. Those that are cheapest
            read with others are so still; those that are not have requests of their own then.
    """
    groups: defaultdict[tuple[Table, float | None], list[Place]] = defaultdict(list)
    for tag in device.tags:
        groups[tag.table, period(tag, stretch)].append(Place(tag, tag.address, tag.length))
    blocks: list[Block] = []
    # The fastest first: slower ones may then ride along with them.
    for (table, seconds), places in sorted(groups.items(), key=lambda group: _seconds(group[0][1])):
        hole = _hole(device, wire, table)
        most = device.max_bits if table in BIT_TABLES else device.max_registers
        barriers = sorted(splits.get(table, frozenset()))
        for run in _runs(sorted(places, key=lambda place: (place.address, place.end)), hole, most, barriers):
            for block in _bounded(table, seconds, run, wire, longest):
                if not _rides_along(block, blocks, _Limits(wire, most, barriers, longest, device.max_hole)):
                    blocks.append(block)
    return blocks


def period(tag: TagSettings, stretch: float) -> float | None:
    """Seconds between two reads of a tag while low priority is stretched; None for background."""
    return tag.poll * stretch if tag.poll is not None and tag.priority == "low" else tag.poll


@dataclass(frozen=True, slots=True)
class _Limits:
    wire: Wire
    most: int
    barriers: Sequence[int]
    longest: float | None
    hole: int | None


def _seconds(period: float | None) -> float:
    return BACKGROUND_S if period is None else period


def _rides_along(slow: Block, blocks: list[Block], limits: _Limits) -> bool:
    """Let a block be read with a faster one, oftener than asked, where that costs less than its own request."""
    own = limits.wire.read(slow.table, slow.count) / _seconds(slow.period)
    for index, fast in enumerate(blocks):
        if fast.table != slow.table or _seconds(fast.period) >= _seconds(slow.period):
            continue
        start, end = min(fast.address, slow.address), max(fast.end, slow.end)
        if limits.hole is not None and end - start - fast.count - slow.count > limits.hole:
            continue
        together = limits.wire.read(fast.table, end - start)
        more = (together - limits.wire.read(fast.table, fast.count)) / _seconds(fast.period)
        if (
            end - start <= limits.most
            and more <= own
            and (limits.longest is None or together <= limits.longest)
            and not _crossed(limits.barriers, start, end)
        ):
            places = sorted((*fast.places, *slow.places), key=lambda place: (place.address, place.end))
            blocks[index] = Block(fast.table, start, end - start, fast.period, tuple(places))
            return True
    return False


def _crossed(barriers: Iterable[int], start: int, end: int) -> bool:
    return any(start < barrier < end for barrier in barriers)


def _hole(device: DeviceSettings, wire: Wire, table: Table) -> int | None:
    if device.max_hole is not None:
        return device.max_hole
    return wire.break_even(table)


def _runs(places: Sequence[Place], hole: int | None, most: int, barriers: Sequence[int]) -> Iterable[list[Place]]:
    """Join places in address order while the hole, the size and the barriers allow it."""
    run: list[Place] = []
    start = end = 0
    for place in places:
        new_end = max(end, place.end)
        if (
            run
            and (hole is None or place.address - end <= hole)
            and new_end - start <= most
            and not _crossed(barriers, start, new_end)
        ):
            run.append(place)
            end = new_end
            continue
        if run:
            yield run
        run, start, end = [place], place.address, place.end
    if run:
        yield run


def _bounded(
    table: Table, period: float | None, run: list[Place], wire: Wire, longest: float | None
) -> Iterable[Block]:
    """Cut a run into blocks that take no longer than ``longest`` each."""
    part: list[Place] = []
    for place in run:
        start = part[0].address if part else place.address
        end = max([place.end, *(other.end for other in part)])
        if part and longest is not None and wire.read(table, end - start) > longest:
            yield _block(table, period, part)
            part = []
        part.append(place)
    if part:
        yield _block(table, period, part)


def _block(table: Table, period: float | None, places: Sequence[Place]) -> Block:
    start = places[0].address
    return Block(table, start, max(place.end for place in places) - start, period, tuple(places))


def divide(block: Block) -> list[int]:
    """Where to divide a block whose addresses were refused, or [] where all its tags lie at the same ones.

    First the holes go: nobody asked for them. A block without holes is divided in the middle, which finds a refused
    tag among n in log2(n) refusals.
    """
    holes = block.holes()
    if holes:
        return holes
    cuts = block.cuts()
    if not cuts:
        return []
    middle = block.address + block.count // 2
    return [min(cuts, key=lambda cut: abs(cut - middle))]
