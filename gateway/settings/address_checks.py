"""Addresses that are probably numbers from a manual: 40108 is what it calls the register at address 107 of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.settings.document import Node
    from gateway.settings.fields import Findings
    from gateway.settings.line_model import TagSettings

# Five digits, the first one for the table; many devices do have registers that high, so nothing is refused.
_HOLDING = range(40001, 50000)
_MEANT: dict[str, dict[str, range]] = {
    "holding": {"holding": _HOLDING},
    "input": {"input": range(30001, 40000), "holding": _HOLDING},
    "discrete": {"discrete": range(10001, 20000)},
}
# A device with addresses from here on (40000 is where the models of SunSpec begin) has them as they stand.
_HIGH = 20000
# Below that a device counts from zero, whatever its other numbers look like.
_LOW = 10000
_NAMES = {"holding": "holding register", "input": "input register", "discrete": "discrete input"}


def warn_of_manual_numbers(tags: Iterable[tuple[Node, TagSettings]], file: str, findings: Findings) -> None:
    """Warn of the first such address in each table of a device; a profile knows what it says.

    Args:
        tags: of one device, each with its table in the file.
        file: the configuration file, in which addresses may be wrong.
        findings: where the warning is noted.
    """
    tables: dict[str, list[tuple[Node, TagSettings]]] = {}
    for node, tag in tags:
        tables.setdefault(tag.table, []).append((node, tag))
    for table, among in tables.items():
        for meant, numbers in _MEANT.get(table, {}).items():
            others = [tag.address for _, tag in among if tag.address not in numbers]
            doubtful = [
                (node, tag)
                for node, tag in among
                if tag.address in numbers and node.place_of_value("address").path == file
            ]
            if doubtful and _suggest_another_count(meant, others):
                node, tag = doubtful[0]
                findings.warn(node.place_of_value("address"), _words(table, meant, tag.address, len(doubtful) - 1))


def _suggest_another_count(meant: str, others: Sequence[int]) -> bool:
    """Tell whether the other addresses of the table speak for a number of a manual."""
    if meant == "holding":
        return all(address < _HIGH for address in others)
    # Addresses from 10001 or 30001 on are common enough: only a device that has low ones as well is odd.
    return bool(others) and all(address < _LOW for address in others)


def _words(table: str, meant: str, number: int, more: int) -> str:
    wire = number % 10000 - 1
    cure = f"address = {wire}" if table == meant else f'table = "{meant}", address = {wire}'
    likewise = f" ({more} more of this device likewise)" if more else ""
    return (
        f"address: {number} is what manuals call the {_NAMES[meant]} at address {wire}: addresses count from zero on "
        f"the wire{likewise}. Write {cure}, unless the device does have registers that high"
    )
