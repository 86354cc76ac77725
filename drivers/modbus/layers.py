"""Which bytes of a block which struct unpacks.

A struct knows two byte orders and its items cannot overlap. So the fields of a block are dealt out to as few
structs as hold them: one for each order, floats apart, and another where fields overlap. All four orders of
the field become two by looking at the block as it is or with the bytes of each register swapped:

======== ======== ============ ======== ========
word     byte     on the wire  block    struct
======== ======== ============ ======== ========
big      big      A B C D      as it is ``>``
little   little   D C B A      as it is ``<``
little   big      C D A B      swapped  ``<``
big      little   B A D C      swapped  ``>``
======== ======== ============ ======== ========
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct, calcsize

from drivers.modbus.fields import BYTES, FLOATS, STRUCT_CODES, Field

_Span = tuple[int, str]  # first byte, struct code


@dataclass(slots=True)
class Layer:
    """One struct over the whole block.

    Attributes:
        swapped: It reads the block with the bytes of each register swapped.
        little: It reads little-endian.
        floats: It holds floats, and nothing else.
        spans: What it unpacks, by place.
    """

    swapped: bool
    little: bool
    floats: bool
    spans: list[_Span] = field(default_factory=list)

    @property
    def slots(self) -> int:
        """How many items it unpacks."""
        return len(self.spans)

    def takes(self, span: _Span) -> bool:
        """Whether `span` overlaps nothing that is here already."""
        start, end = span[0], span[0] + calcsize(f">{span[1]}")
        return all(end <= at or at + calcsize(f">{code}") <= start for at, code in self.spans)

    def compile(self, count: int) -> Struct:
        """Build the struct, bytes of no field skipped."""
        text = "<" if self.little else ">"
        place = 0
        for start, code in self.spans:
            text += f"{start - place}x{code}"
            place = start + calcsize(f">{code}")
        return Struct(f"{text}{2 * count - place}x")


def layers_of(fields: Sequence[Field]) -> tuple[list[Layer], list[int]]:
    """Deal fields out to layers, those with floats last.

    Returns:
        The layers, and for each field its index among the unpacked items of all of them.
    """
    layers: list[Layer] = []
    homes: dict[tuple[bool, bool, bool, _Span], Layer] = {}
    for one in fields:
        kind, span = _kind(one), _span(one)
        if (*kind, span) in homes:
            continue
        for layer in layers:
            if (layer.swapped, layer.little, layer.floats) == kind and layer.takes(span):
                break
        else:
            layer = Layer(*kind)
            layers.append(layer)
        layer.spans.append(span)
        homes[*kind, span] = layer
    layers.sort(key=lambda layer: layer.floats)
    first: dict[int, int] = {}
    total = 0
    for layer in layers:
        layer.spans.sort()
        first[id(layer)] = total
        total += layer.slots
    slots = []
    for one in fields:
        home, span = homes[*_kind(one), _span(one)], _span(one)
        slots.append(first[id(home)] + home.spans.index(span))
    return layers, slots


def _kind(one: Field) -> tuple[bool, bool, bool]:
    little = one.word_order == "little" and one.registers > 1 and one.type != "string"
    swapped = (one.byte_order == "little") != little
    return swapped, little, one.type in FLOATS


def _span(one: Field) -> _Span:
    start = 2 * one.offset
    if one.type == "string":
        return start, f"{2 * one.length}s"
    return start + (one.type in BYTES and one.byte == "low"), STRUCT_CODES[one.type]
