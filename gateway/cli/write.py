"""``ferrule write``: one value to a tag or to registers, and what became of it."""

from __future__ import annotations

import argparse
import math

from gateway.cli.client import CallError, Client, Json
from gateway.cli.main import NOT_SENT, REFUSED, UNKNOWN, WRONG, CommandError
from gateway.cli.raw_place import raw_place
from gateway.cli.screen import Screen, say_value
from gateway.cli.tags import list_tags
from gateway.field.address import Address, wire_address
from gateway.field.registers import in_hex
from gateway.settings.suggest import did_you_mean

CODES = {"confirmed": 0, "refused": REFUSED, "not_sent": NOT_SENT, "unknown": UNKNOWN}
STYLES = {"confirmed": "green", "refused": "red", "not_sent": "red", "unknown": "yellow"}
_FLAGS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_LOST = "the order may have reached the device or not: read the value before writing again (ferrule read --max-age 0)"


def run(arguments: argparse.Namespace) -> int:
    """Write, and say what became of it."""
    try:
        address = raw_place(arguments)
        with Client(arguments, ("devices:read", "devices:write")) as client:
            if address is None:
                what, answer = _write_tag(client, arguments)
            else:
                what, answer = _write_registers(client, arguments, address)
    except CallError as error:
        if not error.sent:
            raise CallError(f"nothing was written: {error}", error.code) from None
        what, answer = "", {"outcome": "unknown", "reason": "connection", "message": f"{error}; {_LOST}"}
    except CommandError as error:
        raise CommandError(f"nothing was written: {error}", error.code) from None
    return _tell(Screen(), answer, what, as_json=arguments.json)


def _tell(screen: Screen, answer: Json, what: str, *, as_json: bool) -> int:
    outcome = answer["outcome"]
    if as_json:
        screen.json(answer)
    else:
        back = f", reads back {say_value(answer['readBack'])}" if "readBack" in answer else ""
        why = answer.get("message") or answer.get("reason")
        screen.line(f"{outcome}{f': {what}' if what else ''}{back}{f': {why}' if why else ''}", STYLES[outcome])
    return CODES[outcome]


def _write_tag(client: Client, arguments: argparse.Namespace) -> tuple[str, Json]:
    if len(arguments.words) != 2:
        raise CommandError("write TAG VALUE; text with spaces goes in quotes", WRONG)
    tag, text = arguments.words
    rows = list_tags(client)
    if tag not in rows:
        hint = did_you_mean(tag, rows) or "ferrule read shows all tags"
        raise CommandError(f'no tag is called "{tag}". {hint}', WRONG)
    row = rows[tag]
    more = {} if arguments.lease is None else {"lease": arguments.lease}
    value = value_of(text, row["type"])
    answer = client.order("tag.write", tag=tag, value=value, **more)
    units = f" {row['units']}" if row["units"] else ""
    return f"{tag} = {say_value(value)}{units}", answer


def value_of(text: str, type_: str) -> bool | float | str:
    """A value as somebody typed it, as the type of its tag asks for it.

    Raises:
        CommandError: it cannot be one.
    """
    if type_ == "string":
        return text
    if type_ == "bool":
        if text.lower() not in _FLAGS:
            raise CommandError(f'"{text}" is no state: write true or false, on or off, 1 or 0', WRONG)
        return _FLAGS[text.lower()]
    try:
        return int(text, 0)
    except ValueError:
        pass
    try:
        number = float(text)
        if math.isfinite(number):
            return number
        raise CommandError(f'"{text}" is no number a device takes', WRONG)
    except ValueError:
        cure = f": write {text.replace(',', '.')}" if "," in text else ""
        raise CommandError(f'"{text}" is no number{cure}', WRONG) from None


def _write_registers(client: Client, arguments: argparse.Namespace, first: Address) -> tuple[str, Json]:
    if first.table not in {"coil", "holding"}:
        raise CommandError(f"{first.table} cannot be written: only coils and holding registers can", WRONG)
    if arguments.lease is not None:
        raise CommandError("only a tag has a safe value and so a lease", WRONG)
    values = [_register(word, first.table) for word in arguments.words]
    count = len(values)
    where = f"{first}" if count == 1 else f"{count} from {first}"
    what = f"unit {arguments.unit} on {arguments.line}, {where}: {in_hex(values)}"
    if not arguments.yes:
        raise CommandError(f"this would write {what}. Add --yes to do it: no tag's limits protect the device", WRONG)
    answer = client.order(
        "modbus.write", line=arguments.line, unit=arguments.unit, table=first.table, address=first.wire, values=values
    )
    return what, answer


def _register(word: str, table: str) -> int | bool:
    if table == "coil":
        return bool(value_of(word, "bool"))
    try:
        return wire_address(word)
    except ValueError:
        raise CommandError(f'"{word}" is no register: a whole number from 0 to 65535, also as 0x00FF', WRONG) from None
