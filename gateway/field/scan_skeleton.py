"""The configuration that a scan suggests: the line as it answered, a device for each unit, and a tag to begin with."""

from __future__ import annotations

import json
import re

from gateway.field.scan_found import Found, Scan, say_setting
from gateway.settings.line_model import LineSettings

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def skeleton(result: Scan, name: str) -> str:
    """TOML that ``ferrule check`` accepts.

    Args:
        result: of a scan that found something.
        name: of the line.

    Raises:
        ValueError: nothing was found, so there is nothing to write.
    """
    sound = [one for one in result.found if one.answered]
    if not sound:
        raise ValueError("no unit gave a whole answer, so there is nothing to write")
    settings = list(dict.fromkeys(one.line for one in sound))
    lines = [
        _line(line, name if len(settings) == 1 else f"{name}-{number}", result, number)
        for number, line in enumerate(settings, 1)
    ]
    return "# Found by ferrule scan. What the registers mean: ferrule decode.\n\n" + "\n".join(lines)


def _line(line: LineSettings, name: str, result: Scan, number: int) -> str:
    rows = ["[[line]]", f"name = {_text(name)}", f'transport = "{line.transport}"']
    if line.port is not None:
        rows += [
            f"port = {_text(line.port)}",
            f"baudrate = {line.baudrate}",
            *([f"bytesize = {line.bytesize}"] if line.transport == "ascii" else []),
            f'parity = "{line.parity}"',
            f"stopbits = {line.stopbits}",
        ]
    else:
        rows += [f"host = {_text(line.host or '')}", f"tcp_port = {line.tcp_port}"]
    if result.echo or line.echo:
        rows.append("echo = true")
    if number > 1:
        # A port has one rate in one configuration; these units are there all the same.
        rows = [
            f"# also found at {say_setting(line)}: one port has one rate. Set these devices to the other one.",
            *rows,
        ]
        rows = [row if row.startswith("#") else f"# {row}" for row in rows]
    devices = ["\n" + _device(one) for one in result.found if one.answered and one.line == line]
    if number > 1:
        devices = ["\n".join(f"# {row}" if row else row for row in device.split("\n")) for device in devices]
    return "\n".join(rows) + "\n" + "".join(devices)


def _device(one: Found) -> str:
    said = ", ".join(f"{what}: {text}" for what, text in one.identity.items())
    rows = ["[[line.device]]", f'name = "{_name(one)}"', f"unit = {one.unit}"]
    if said:
        rows.append(f"description = {_text(said)}")
    if one.holding:
        rows.append('tag = [{ name = "holding_0", table = "holding", address = 0, type = "uint16" }]')
    return "\n".join(rows) + "\n"


def _name(one: Found) -> str:
    product = one.identity.get("product") or one.identity.get("model") or "unit"
    return f"{_NOT_IN_NAMES.sub('-', product).strip('-') or 'unit'}-{one.unit}"


def _text(text: str) -> str:
    """A basic string of TOML; JSON writes them alike but for what is beyond ASCII, which TOML takes as it is."""
    return json.dumps(text, ensure_ascii=False)
