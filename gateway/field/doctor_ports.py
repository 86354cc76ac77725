"""What is wrong with serial ports: gone, forbidden, renamed, slow, with a console, without direction control."""

from __future__ import annotations

import grp
import re
from pathlib import Path

from gateway.field.doctor import Finding, State, World, read_text
from gateway.settings.line_model import LineSettings

_USB = re.compile(r"tty(USB|ACM)\d+")
_SERIAL = frozenset({"rtu", "ascii", "serial"})
_TOO_SLOW_MS = 2


def port_checks(world: World) -> list[Finding]:
    """All checks of all serial ports of the configuration."""
    lines = [line for line in world.lines if line.transport in _SERIAL and line.port]
    findings: list[Finding] = []
    for line in lines:
        findings += _port(world, line)
    if not lines:
        here = by_id(world)
        words = f"no serial line is configured; ports here: {', '.join(here) or 'none'}"
        findings.append(Finding("ports", "/dev/serial/by-id", State.OK, words))
    return findings


def by_id(world: World) -> dict[str, str]:
    """Lasting names of USB adapters, and the device each stands for now."""
    try:
        links = sorted(world.path("/dev/serial/by-id").iterdir())
    except OSError:
        return {}
    return {f"/dev/serial/by-id/{link.name}": _target(link) for link in links}


def _target(path: Path) -> str:
    return path.readlink().name if path.is_symlink() else path.name


def _port(world: World, line: LineSettings) -> list[Finding]:
    port = line.port or ""
    file = world.path(port) if port.startswith("/") else Path(port)
    place = f"{line.name}: {port}"
    if not file.exists():
        here = by_id(world)
        listed = f"; here are: {', '.join(here)}" if here else "; no USB adapter is plugged in"
        cure = "plug the adapter in, or put the right path into the configuration (ferrule config)"
        return [Finding("port there", place, State.FAULT, f"{port} is not there{listed}", cure)]
    device = file.resolve().name
    return [
        Finding("port there", place, State.OK, f"it is {file.resolve()}"),
        _permission(world, file, place),
        _name(world, port, device, place),
        _latency(world, line, device, place),
        _rs485(world, line, file, place),
        _echo(world, line, place),
        _console(world, device, place),
    ]


def _permission(world: World, file: Path, place: str) -> Finding:
    if world.may_open(file):
        return Finding("permission", place, State.OK, "this user may open it")
    try:
        group = grp.getgrgid(file.stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    cure = f"add the gateway's user to the group {group} (usermod -aG {group} ferrule), and start the gateway again"
    return Finding("permission", place, State.FAULT, "this user may not open it", cure)


def _name(world: World, port: str, device: str, place: str) -> Finding:
    if not _USB.fullmatch(device) or not _USB.fullmatch(Path(port).name):
        return Finding("lasting name", place, State.OK, "this name stays when adapters are unplugged")
    lasting = next((name for name, target in by_id(world).items() if target == device), None)
    cure = (
        f'write port = "{lasting}"' if lasting else "write its name from /dev/serial/by-id or a udev rule of your own"
    )
    words = f"{device} may be another adapter after a restart"
    return Finding("lasting name", place, State.WARNING, words, cure)


def _driver(world: World, device: str) -> str | None:
    link = world.path(f"/sys/class/tty/{device}/device/driver")
    return _target(link) if link.exists() or link.is_symlink() else None


def _latency(world: World, line: LineSettings, device: str, place: str) -> Finding:
    text = world.text(f"/sys/bus/usb-serial/devices/{device}/latency_timer")
    if text is None or not text.isdecimal():
        return Finding("latency timer", place, State.UNKNOWN, "this port has none (only FTDI adapters have)")
    milliseconds = int(text)
    if milliseconds <= _TOO_SLOW_MS:
        return Finding("latency timer", place, State.OK, f"{milliseconds} ms")
    words = f"the adapter holds every answer back for up to {milliseconds} ms"
    if line.low_latency and world.devices is None:
        return Finding("latency timer", place, State.OK, f"{words} now; the gateway sets 1 ms when it opens the port")
    cure = (
        f"low_latency = true on the line, or as root: echo 1 > /sys/bus/usb-serial/devices/{device}/latency_timer "
        "(a udev rule keeps it)"
    )
    return Finding("latency timer", place, State.WARNING, words, cure)


def _rs485(world: World, line: LineSettings, file: Path, place: str) -> Finding:
    check = "RS-485 direction"
    said = world.rs485(file)
    if said.known is None:
        return Finding(check, place, State.UNKNOWN, "the port cannot be asked while it is in use")
    if line.rs485 is not None and not said.known:
        driver = _driver(world, file.resolve().name)
        named = f" ({driver})" if driver else ""
        cure = "take [line.rs485] out where the adapter switches by itself, as most USB ones do; else use another port"
        return Finding(
            check, place, State.FAULT, f"the driver{named} cannot switch the direction, rs485 asks for it", cure
        )
    if line.rs485 is not None:
        return Finding(check, place, State.OK, "the kernel switches the direction")
    if said.enabled:
        return Finding(check, place, State.OK, "the kernel switches the direction, as was set before")
    if said.known and not _USB.fullmatch(file.resolve().name):
        cure = "if an RS-485 transceiver with a direction pin hangs on it, set [line.rs485]; else nothing"
        return Finding(check, place, State.OK, "the driver could switch the direction, and is not asked to", cure)
    return Finding(check, place, State.OK, "left to the adapter")


def _echo(world: World, line: LineSettings, place: str) -> Finding:
    if world.devices is None:
        return Finding("echo", place, State.UNKNOWN, "the running gateway would know, or ferrule scan")
    echoes = sum(row["errors"].get("echo", 0) for row in world.devices if row["line"] == line.name)
    if echoes and not line.echo:
        words = f"the adapter echoes what is sent ({echoes} times)"
        return Finding("echo", place, State.WARNING, words, "set echo = true on the line")
    return Finding("echo", place, State.OK, "stripped" if line.echo else "none was heard")


def _console(world: World, device: str, place: str) -> Finding:
    check = "console"
    active = (world.text("/sys/class/tty/console/active") or "").split()
    if device in active:
        cure = (
            f"take console={device} (or serial0) out of /boot/firmware/cmdline.txt and restart; on a Raspberry Pi: "
            "raspi-config, Interface Options, Serial Port: no login shell, hardware enabled"
        )
        return Finding(check, place, State.FAULT, "the kernel writes its messages to this port", cure)
    for process in world.path("/proc").glob("[0-9]*"):
        command = read_text(process / "cmdline") or ""
        if "getty" in command and device in command.split():
            cure = f"systemctl disable --now serial-getty@{device}"
            return Finding(check, place, State.FAULT, "a login prompt (getty) is on this port", cure)
    if world.text("/sys/class/tty/console/active") is None:
        return Finding(check, place, State.UNKNOWN, "the kernel does not say where its console is")
    return Finding(check, place, State.OK, "neither console nor login prompt is on it")
