"""Registers as a whole: which values lie in them side by side, in which order, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from drivers.modbus.fields import FLOATS
from drivers.modbus.values import Order
from gateway.field.decode import ORDERS, Reading, Shot, guess, is_mark, readings_at

# So many bits apart, one order explains what was read clearly better than another.
CLEAR_BITS = 10.0
LIKELY_BITS = 3.0
# One look at whole numbers compares no more than their sizes, and large ones do occur.
_SIZE_ALONE_BITS = 6.0
# Below this a way to read registers is not worth a line.
_PAIRS = ("float32", "uint32", "int32")
_CHANGE_BITS = 3.0
LEAST_SHARE = 0.01
# The weights are rules of thumb: half a bit of evidence for each that they say.
_TEMPER = 0.5


@dataclass(frozen=True, slots=True)
class Ranked:
    """A reading and its share of all that is plausible at its place, 0 to 1."""

    reading: Reading
    share: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The most plausible way to divide the registers into values.

    Attributes:
        word_order: that it takes; means nothing where no value is longer than a register.
        byte_order: that it takes.
        readings: its values in the order of their addresses.
        margin: bits by which the best layout with the other word order is worse; 0 where order makes no difference.
        pairs: where that says nothing, the word order if every two registers are one value; None: no telling.
        ranked: by offset, every way to read what begins there, the most plausible first.
        reads: how often the registers were read.
        moved: whether any of them changed meanwhile.
    """

    word_order: Order
    byte_order: Order
    readings: tuple[Reading, ...]
    margin: float
    pairs: Order | None
    ranked: tuple[tuple[Ranked, ...], ...]
    reads: int
    moved: bool

    @property
    def verdict(self) -> str:
        """What the order is and how sure that is, in words."""
        if all(one.type == "string" for one in self.readings):
            return "word order: text has none, it reads forward"
        swapped = ' and byte_order = "little"' if self.byte_order == "little" else ""
        order = f'word_order = "{self.word_order}"{swapped}'
        if self.margin >= CLEAR_BITS:
            return f"word order: clearly {order}. In any other these registers make no sense"
        if self.margin >= LIKELY_BITS:
            return f"word order: probably {order}"
        if self.pairs:
            return f'word order: "{self.pairs}" if two registers make one value; that cannot be told from this'
        return "word order: cannot be told from this"

    def advice(self, *, typed: bool) -> str | None:
        """What would tell more; None where nothing is left to tell.

        Args:
            typed: the registers were typed in: they are not read again by an option.
        """
        if all(one.type == "string" for one in self.readings) or self.margin >= CLEAR_BITS:
            return None
        if self.reads == 1:
            again = "add later reads of them, parted by a slash" if typed else "read several times (--repeat 5)"
            again += ", while the values move"
        elif not self.moved:
            again = f"nothing moved in {self.reads} reads: read when the values move"
            again += "" if typed else ", or longer (--every 10)"
        else:
            again = "add more reads" if typed else f"read more often (--repeat {4 * self.reads})"
        count = "more registers at once" + ("" if typed else " (--count)")
        return f"To be sure: {again}; or {count}; or say the type if the manual names it (--type uint32)"


def best_layout(shots: Sequence[Shot], now: float, only: Collection[str] = ()) -> Layout:
    """Divide registers into values.

    Args:
        shots: the same registers, read one or more times in a row.
        now: Unix seconds.
        only: the types to consider, where it is known which they are.

    Raises:
        ValueError: there are no registers, or not the same number each time, or not enough for such a type.
    """
    if not shots or not shots[0] or any(len(shot) != len(shots[0]) for shot in shots):
        raise ValueError("give the same registers each time, one at least")
    ways = {orders: _ways(shots, orders, now, only) for orders in ORDERS}
    paths = {orders: _Path(found) for orders, found in ways.items()}
    best = min(ORDERS, key=lambda orders: paths[orders].total)
    if paths[best].total == math.inf:
        raise ValueError(f"{len(shots[0])} registers cannot be divided into values of type {' or '.join(only)}")
    readings = tuple(paths[best].readings())
    margin = 0.0
    if any(one.length > 1 and one.type != "string" for one in readings):
        margin = min(paths[orders].total for orders in ORDERS if orders[0] != best[0]) - paths[best].total
        if len(shots) == 1 and not any(one.type in FLOATS for one in readings):
            margin = max(margin - _SIZE_ALONE_BITS, 0.0)
    pairs, pairs_margin = best[0], 0.0
    if margin < LIKELY_BITS and not only:
        divided = {orders: _Path(_ways(shots, orders, now, _PAIRS)).total for orders in ORDERS}
        pairs = min(ORDERS, key=lambda orders: divided[orders])[0]
        if min(divided.values()) < math.inf:
            pairs_margin = min(divided[o] for o in ORDERS if o[0] != pairs) - min(divided.values())
    ranked = tuple(_rank(paths, offset, paths[best].total) for offset in range(len(shots[0])))
    named = pairs if pairs_margin >= LIKELY_BITS else None
    moved = any(shot != shots[0] for shot in shots)
    return Layout(best[0], best[1], readings, margin, named, ranked, len(shots), moved)


def _ways(shots: Sequence[Shot], orders: tuple[Order, Order], now: float, only: Collection[str]) -> list[list[Reading]]:
    return [list(readings_at(shots, offset, orders, now, only)) for offset in range(len(shots[0]))]


class _Path:
    """The cheapest division in one order: costs up to each offset, and from it on.

    Neighbours of one kind are the rule in register maps, so each change of type costs something. Without that, floats
    that are read one register off look as good as those that are not.
    """

    def __init__(self, ways: list[list[Reading]]) -> None:
        size = len(ways)
        self.ways = ways
        self.before: list[dict[str, float]] = [{} for _ in range(size + 1)]
        self.after: list[dict[str, float]] = [{} for _ in range(size + 1)]
        for offset, readings in enumerate(ways):
            if offset and not self.before[offset]:
                continue
            for one in readings:
                ends = self.before[offset + one.length]
                cost = self._until(offset, one.type) + one.bits
                ends[one.type] = min(ends.get(one.type, math.inf), cost)
        for offset in reversed(range(size)):
            for one in ways[offset]:
                cost = one.bits + self._from(offset + one.length, one.type)
                if cost < math.inf:
                    self.after[offset][one.type] = min(self.after[offset].get(one.type, math.inf), cost)
        self.total = min(self.after[0].values(), default=math.inf)

    def _until(self, offset: int, type_: str) -> float:
        """The cost of all before an offset where a value of a type begins."""
        costs = self.before[offset]
        if offset == 0:
            return 0.0
        return min(costs.get(type_, math.inf), min(costs.values(), default=math.inf) + _CHANGE_BITS)

    def _from(self, offset: int, type_: str) -> float:
        """The cost of all behind a value of a type that ends at an offset."""
        costs = self.after[offset]
        if offset == len(self.ways):
            return 0.0
        return min(costs.get(type_, math.inf), min(costs.values(), default=math.inf) + _CHANGE_BITS)

    def through(self, one: Reading) -> float:
        """The cost of the cheapest division that has this reading in it."""
        return self._until(one.offset, one.type) + one.bits + self._from(one.offset + one.length, one.type)

    def readings(self) -> list[Reading]:
        """The cheapest division."""
        found: list[Reading] = []
        offset = 0
        while offset < len(self.ways):
            before = found[-1].type if found else None

            def cost(way: Reading, before: str | None = before) -> float:
                change = 0.0 if before in {None, way.type} else _CHANGE_BITS
                return change + way.bits + self._from(way.offset + way.length, way.type)

            one = min(self.ways[offset], key=cost)
            found.append(one)
            offset += one.length
        return found


def _rank(paths: dict[tuple[Order, Order], _Path], offset: int, least: float) -> tuple[Ranked, ...]:
    """All that may begin at an offset, each weighed with the best that can be made of the other registers."""
    totals: dict[tuple[str, Order, Order, int], tuple[float, Reading]] = {}
    for path in paths.values():
        for one in path.ways[offset]:
            key = (one.type, one.word_order, one.byte_order, one.length)
            total = path.through(one)
            if key not in totals or total < totals[key][0]:
                totals[key] = total, one
    weights = {key: 2.0 ** (_TEMPER * max(least - total, -2000.0)) for key, (total, _) in totals.items()}
    whole = sum(weights.values()) or 1.0
    order = sorted(totals, key=lambda key: totals[key][0])
    return tuple(Ranked(totals[key][1], weights[key] / whole) for key in order)


def toml_line(reading: Reading, table: str, address: int, name: str | None = None) -> str:
    """The tag as an element of ``tag = [ … ]`` of a device.

    Args:
        reading: how the registers are to be read.
        table: holding or input.
        address: zero-based, of the first register of all that were read.
        name: of the tag; made of what it may be where it is not given.
    """
    place = address + reading.offset
    guessed = guess(reading.type, reading.values)
    words = (guessed[0].replace(" ", "_") if guessed else "tag", str(place))
    parts = [
        f'name = "{name or "_".join(words)}"',
        f'table = "{table}"',
        f"address = {place}",
        f'type = "{reading.type}"',
    ]
    if reading.type == "string":
        parts.append(f"length = {reading.length}")
    if reading.word_order == "little":
        parts.append('word_order = "little"')
    if reading.byte_order == "little":
        parts.append('byte_order = "little"')
    if guessed and guessed[2] != 1.0:
        parts.append(f"scale = {guessed[2]:g}")
    if is_mark(reading.type, reading.values):
        parts.append(f"sentinels = [{reading.values[0]}]")
    if guessed and guessed[1]:
        parts.append(f'units = "{guessed[1]}"')
    return "{ " + ", ".join(parts) + " }"
