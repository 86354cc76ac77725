"""Addresses of coils and registers in both notations, so that nobody has to guess whether to add one.

On the wire they count from zero within their table (Modbus Application Protocol 1.1b3, 4.4); manuals mostly write
Modicon numbers, which count from one and carry the table as their first digit.
"""

from __future__ import annotations

from dataclasses import dataclass

LAST = 0xFFFF
FIRST_DIGIT = {"coil": "0", "discrete": "1", "input": "3", "holding": "4"}
READ_FUNCTION = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_TABLE_OF_DIGIT = {digit: table for table, digit in FIRST_DIGIT.items()}
_FOUR_DIGITS_END = 9999


@dataclass(frozen=True, slots=True)
class Address:
    """Of one coil or register.

    Attributes:
        table: ``coil``, ``discrete``, ``input`` or ``holding``.
        wire: from zero, as in the PDU.
    """

    table: str
    wire: int

    @property
    def modicon(self) -> str:
        """The number manuals have: ``40108``; with six digits where five do not reach."""
        number = self.wire + 1
        return f"{FIRST_DIGIT[self.table]}{number:0{4 if number <= _FOUR_DIGITS_END else 5}d}"

    def __str__(self) -> str:
        return f"{self.modicon} = {self.table}, PDU {self.wire}, 0x{self.wire:02X}"


def wire_address(text: str) -> int:
    """Read an address as it is on the wire, decimal or as ``0x6B``.

    Raises:
        ValueError: with reason and cure.
    """
    try:
        number = int(text, 0)
    except ValueError:
        raise ValueError(f'"{text}" is no address: write it as on the wire, from zero, such as 107 or 0x6B') from None
    if not 0 <= number <= LAST:
        raise ValueError(
            f"{text} is beyond {LAST}: addresses count from zero as on the wire; "
            f"give a Modicon number as --modicon {text}"
        )
    return number


def from_modicon(text: str) -> Address:
    """Read a Modicon number such as ``40108`` or ``400108``.

    Raises:
        ValueError: with reason and cure.
    """
    digit, number = text[:1], text[1:]
    if len(text) in {5, 6} and text.isascii() and text.isdecimal() and digit in _TABLE_OF_DIGIT:
        wire = int(number) - 1
        if 0 <= wire <= LAST:
            return Address(_TABLE_OF_DIGIT[digit], wire)
    raise ValueError(
        f'"{text}" is no Modicon number: five or six digits, the first 0 (coil), 1 (discrete), 3 (input) or '
        "4 (holding), the others from 1, such as 40108"
    )


def doubt(address: Address) -> str | None:
    """What to ask somebody who wrote an address that looks like a Modicon number of the same table."""
    written = str(address.wire)
    if len(written) != 5 or written[0] != FIRST_DIGIT[address.table] or written[1:] == "0000":
        return None
    meant = from_modicon(written)
    return (
        f"address {written} counts from zero. If the manual says {written}, it is {meant}: "
        f"give it as --modicon {written}"
    )
