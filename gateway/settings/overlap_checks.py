"""Numbers that begin in the middle of each other: an address or a type that is wrong by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.settings.tag_types import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.settings.document import Node
    from gateway.settings.fields import Findings
    from gateway.settings.line_model import TagSettings

_REGISTERS = ("input", "holding")


def warn_of_overlaps(tags: Iterable[tuple[Node, TagSettings]], file: str, findings: Findings) -> None:
    """Warn of the first two tags in each table of a device that share a part of their registers.

    Two that share all of them, or one that lies within the other (half a number, a bit field), are meant so.

    Args:
        tags: of one device, each with its table in the file.
        file: the configuration file; a profile knows what it says.
        findings: where the warning is noted.
    """
    among = list(tags)
    for table in _REGISTERS:
        places = sorted(
            ((tag.address, _end(tag), node, tag) for node, tag in among if tag.table == table),
            key=lambda place: place[:2],
        )
        found = []
        # The one that reaches furthest of those that begin before.
        start, reach, before_node, before = -1, -1, None, None
        for address, end, node, tag in places:
            if start < address < reach < end and before is not None and before_node is not None:
                # What is written here can be corrected here.
                pair = [(node, tag, before_node, before), (before_node, before, node, tag)]
                found += [one for one in pair if one[0].place_of_value("address").path == file][:1]
            if end > reach:
                start, reach, before_node, before = address, end, node, tag
        if found:
            node, tag, other_node, other = found[0]
            place = other_node.place_of_value("address")
            where = f"line {place.line}" if place.path == file else str(place)
            likewise = f" ({len(found) - 1} more of this device likewise)" if len(found) > 1 else ""
            findings.warn(
                node.place_of_value("address"),
                f'address: registers {_extent(tag)} share a part with "{other.name}" ({where}), which has '
                f"{_extent(other)}{likewise}. Correct an address or a type, unless the device does have them so",
            )


def _end(tag: TagSettings) -> int:
    return tag.address + (FACTS[tag.type].registers or tag.length)


def _extent(tag: TagSettings) -> str:
    return f"{tag.address} to {_end(tag) - 1}"
