"""Reads lines, and checks what must hold between their keys."""

from __future__ import annotations

import posixpath
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.settings import schema
from gateway.settings.device_checks import read_devices
from gateway.settings.fields import Distinct, Fields, Findings, read_fields
from gateway.settings.line_model import LineSettings, RawSettings, Rs485Settings
from gateway.settings.quantities import say_duration
from gateway.settings.tag_checks import read_raw_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.settings.document import Node
    from gateway.settings.problems import Place
    from gateway.settings.profiles import ProfileShelf

_RENUMBERED = re.compile(r"/dev/tty(USB|ACM)\d+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
# A name has what no address has; the letters of IPv6 stand beside colons.
_NAMELIKE = re.compile(r"[^:]*[A-Za-z_-][^:]*")
# RFC 1035, 2.3.4: of a name, between two dots.
_LONGEST_LABEL = 63
_OWN_PORT = ("rtu", "ascii", "serial")
_SERIAL_FRAMES = (*_OWN_PORT, "rtu-over-tcp")
_BUS = ("rtu", "ascii", "rtu-over-tcp")
_MODBUS = (*_BUS, "tcp")

# What adapters and devices are made for; others exist, but a typing error is more likely.
_USUAL_RATES = (
    *(300, 600, 1200, 1800, 2400, 4800, 7200, 9600, 10400, 14400, 19200, 28800, 31250, 33600, 38400, 56000, 57600),
    *(62500, 76800, 93750, 115200, 125000, 128000, 153600, 187500, 230400, 250000, 256000, 375000, 460800, 500000),
    *(576000, 921600, 1_000_000, 1_152_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 3_500_000, 4_000_000),
)
# What "localhost" is another name of.
_LOCALHOST = {"127.0.0.1": "localhost", "::1": "localhost"}

# Which transports a key means something for; keys that are not here mean something for all of them.
_MEANT_FOR = {
    "port": _OWN_PORT,
    "rs485": _OWN_PORT,
    "low_latency": _OWN_PORT,
    "baudrate": _SERIAL_FRAMES,
    "bytesize": _SERIAL_FRAMES,
    "parity": _SERIAL_FRAMES,
    "stopbits": _SERIAL_FRAMES,
    "echo": _SERIAL_FRAMES,
    "host": ("tcp", "rtu-over-tcp"),
    "tcp_port": ("tcp", "rtu-over-tcp"),
    "gap": _BUS,
    "allow_broadcast": _BUS,
    "broadcast_delay": _BUS,
    "timeout": _MODBUS,
    "turnaround": _MODBUS,
    "request_delay": _MODBUS,
    "silent_share": _MODBUS,
    "device": _MODBUS,
    "raw": ("serial",),
    "tag": ("serial",),
}


class _Ends:
    """What lines are connected to. No two may name one thing, and two names of one thing are told."""

    def __init__(self) -> None:
        self._named = Distinct('"{}" is the end of another line already', "Put all its devices on one line")
        self._behind: dict[object, tuple[object, str, Place]] = {}

    def check(self, fields: Fields, key: str, name: object, behind: object, why: str) -> None:
        """Note an end under its name, and under what is behind it now; ``why`` two lines cannot share that.

        Names may be given to other things tomorrow, so only one and the same name is an error.
        """
        self._named.check(fields, key, name)
        here = fields.place(key)
        first, written, there = self._behind.setdefault(behind, (name, fields[key], here))
        if first != name:
            where = f"line {there.line}" if there.path == here.path else str(there)
            words = f'{fields[key]} is the same as "{written}" ({where}), the end of another line. {why}'
            fields.warn(key, f"{words}. Put all its devices on one line")


def read_lines(nodes: Iterable[Node], findings: Findings, shelf: ProfileShelf) -> tuple[LineSettings, ...]:
    """Read every line; those with something wrong are left out, and the problems noted."""
    names = Distinct('there is a line "{}" already')
    ends = _Ends()
    lines = (_read_line(node, findings, shelf, names, ends) for node in nodes)
    return tuple(line for line in lines if line is not None)


def _read_line(
    node: Node, findings: Findings, shelf: ProfileShelf, names: Distinct, ends: _Ends
) -> LineSettings | None:
    fields = read_fields(node, schema.LINE, findings)
    names.check(fields, "name")
    if fields.sound("transport"):
        _check_transport(fields, ends)
    else:
        _check_ends(fields, ends)
    _check_rate(fields)
    _check_pauses(fields)
    rs485 = _read_rs485(fields)
    raw = _read_raw(fields)
    devices = read_devices(fields.tables("device"), fields["transport"], findings, shelf)
    tag_names = Distinct('there is a tag "{}" on this line already')
    tags = [read_raw_tag(tag, findings, tag_names) for tag in fields.tables("tag")]
    if fields.faulty:
        return None
    return LineSettings(
        **fields.arguments(),
        rs485=rs485,
        raw=raw,
        devices=devices,
        tags=tuple(tag for tag in tags if tag is not None),
        place=node.place,
    )


def _check_transport(fields: Fields, ends: _Ends) -> None:
    transport = fields["transport"]
    for key, transports in _MEANT_FOR.items():
        if fields.given(key) and transport not in transports:
            known = " / ".join(f'"{one}"' for one in transports)
            fields.refuse(key, f'means nothing for transport "{transport}", only for {known}. Remove it')
    end = "port" if transport in _OWN_PORT else "host"
    if not fields.given(end):
        fields.faulty.add(end)
        example = 'port = "/dev/serial/by-id/..."' if end == "port" else 'host = "192.168.1.20"'
        words = f'[[line]] with transport "{transport}" has no "{end}". Add {example}'
        fields.findings.error(fields.node.place, words)
        return
    if not fields.sound(end):
        return
    _check_ends(fields, ends)
    if transport == "rtu" and fields.given("bytesize") and fields.sound("bytesize") and fields["bytesize"] != 8:
        fields.refuse("bytesize", 'RTU needs 8 data bits. Remove it, or write transport = "ascii"')


def _check_ends(fields: Fields, ends: _Ends) -> None:
    """Check port and host as far as they are given and mean something."""
    if fields.given("port") and fields.sound("port"):
        _check_port(fields, ends)
    if fields.given("host") and fields.sound("host"):
        _check_host(fields, ends)


def _check_port(fields: Fields, ends: _Ends) -> None:
    port = fields["port"]
    if not port:
        fields.refuse("port", 'is empty. Write a device path such as "/dev/serial/by-id/..."')
        return
    name = posixpath.normpath(port)
    ends.check(fields, "port", name, _device_behind(name), "Only one of them can open it")
    if _RENUMBERED.fullmatch(port):
        fields.warn("port", f"{port} may be another adapter after a restart. Use its name in /dev/serial/by-id/")


def _check_host(fields: Fields, ends: _Ends) -> None:
    host = fields["host"]
    if not _HOST.fullmatch(host) or host.count(":") == 1:
        fields.refuse("host", f'"{host}" is no host. Write a name or an address alone; the port goes into tcp_port')
        return
    if ":" not in host and not all(1 <= len(label) <= _LONGEST_LABEL for label in host.removesuffix(".").split(".")):
        fields.refuse(
            "host", f'"{host}" is no host: between its dots stand 1 to {_LONGEST_LABEL} characters. Correct it'
        )
        return
    if not _NAMELIKE.fullmatch(host) and not _is_address(host):
        fields.warn("host", f"{host} looks like an address and is none. Correct it, such as 192.168.1.20")
    if fields.sound("tcp_port"):
        name = _canonical(host)
        number = fields["tcp_port"]
        behind = _LOCALHOST.get(name, name), number
        ends.check(fields, "host", (name, number), behind, "Many devices take one connection at a time only")


def _device_behind(port: str) -> str:
    """What a path leads to now; the path itself where that leads nowhere."""
    try:
        return str(Path(port).resolve())
    except (OSError, RuntimeError, ValueError):
        return port


def _canonical(host: str) -> str:
    """A host as it is compared with others: ``::1`` is ``0:0:0:0:0:0:0:1``, and ``PLC.`` is ``plc``."""
    return str(ip_address(host)) if _is_address(host) else host.lower().removesuffix(".")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _check_rate(fields: Fields) -> None:
    if not fields.given("baudrate") or not fields.sound("baudrate"):
        return
    rate = fields["baudrate"]
    if rate not in _USUAL_RATES:
        nearest = min(_USUAL_RATES, key=lambda usual: abs(usual - rate))
        fields.warn("baudrate", f"{rate} is no usual rate, and few adapters can do it. Did you mean {nearest}?")


def _check_pauses(fields: Fields) -> None:
    if not fields.sound("reconnect_min", "reconnect_max"):
        return
    shortest, longest = fields["reconnect_min"], fields["reconnect_max"]
    if shortest > longest:
        key = "reconnect_min" if fields.given("reconnect_min") else "reconnect_max"
        words = f"reconnect_min is {say_duration(shortest)}, reconnect_max is {say_duration(longest)}"
        fields.refuse(key, f"{words}. The first pause cannot be longer than the longest")


def _read_rs485(fields: Fields) -> Rs485Settings | None:
    if not fields.given("rs485") or not fields.sound("rs485"):
        return None
    if isinstance(fields.node.value("rs485"), bool):
        return Rs485Settings() if fields.node.value("rs485") else None
    inside = read_fields(fields.node.table("rs485"), schema.RS485, fields.findings)
    return None if inside.faulty else Rs485Settings(**inside.arguments())


def _read_raw(fields: Fields) -> RawSettings | None:
    table = fields.table("raw")
    if table is None:
        return RawSettings() if fields["transport"] == "serial" else None
    inside = read_fields(table, schema.RAW, fields.findings)
    if inside.sound("mode"):
        mode = inside["mode"]
        needed = {"idle": "idle", "fixed": "length"}.get(mode)
        if needed and not inside.given(needed):
            words = f'[line.raw] with mode "{mode}" has no "{needed}". Add {needed} ({schema.RAW.keys[needed].words})'
            fields.findings.error(table.place, words)
        for key, meant in (("terminator", "terminator"), ("length", "fixed")):
            if inside.given(key) and inside.sound(key) and mode != meant:
                inside.refuse(key, f'means nothing in mode "{mode}", only in "{meant}". Remove it')
    if inside.given("length") and inside.sound("length", "max_length") and inside["length"] > inside["max_length"]:
        inside.refuse("length", f"{inside['length']} is above max_length, {inside['max_length']}. Raise that")
    return None if inside.faulty else RawSettings(**inside.arguments())
