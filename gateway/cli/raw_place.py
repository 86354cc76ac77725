"""The options that name registers of a unit instead of a tag."""

from __future__ import annotations

import argparse
import sys

from gateway.cli.main import WRONG, CommandError
from gateway.field.address import READ_FUNCTION, Address, doubt, from_modicon, wire_address


def add_raw_place(parser: argparse.ArgumentParser) -> None:
    """The options that name a line, a unit and an address."""
    group = parser.add_argument_group("registers of any unit instead of tags")
    group.add_argument("--line", metavar="NAME", help="the line, as the configuration calls it")
    group.add_argument("--unit", type=int, metavar="N", help="the unit on it")
    group.add_argument("--table", choices=tuple(READ_FUNCTION), help="the Modbus table")
    group.add_argument("--address", metavar="A", help="from zero, as on the wire: 107 or 0x6B")
    group.add_argument("--modicon", metavar="M", help="the number of a manual instead of table and address: 40108")


def raw_place(arguments: argparse.Namespace) -> Address | None:
    """The address that is meant, None where tags are.

    Raises:
        CommandError: the options do not fit together.
    """
    given = {name for name in ("line", "unit", "table", "address", "modicon") if getattr(arguments, name) is not None}
    if not given:
        return None
    if not {"line", "unit"} <= given or (given & {"table", "address", "modicon"}) not in (
        {"modicon"},
        {"table", "address"},
    ):
        raise CommandError("registers need --line, --unit and either --table with --address or --modicon", WRONG)
    try:
        if arguments.modicon is not None:
            return from_modicon(arguments.modicon)
        address = Address(arguments.table, wire_address(arguments.address))
    except ValueError as error:
        raise CommandError(str(error), WRONG) from None
    hint = doubt(address)
    if hint is not None:
        print(f"note: {hint}", file=sys.stderr)
    return address
