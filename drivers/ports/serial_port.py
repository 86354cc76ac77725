"""Serial ports: pyserial opens and configures, trio waits."""

import errno
import fcntl
import os
import stat
import struct
import termios
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import serial
import serial.rs485

from drivers.ports.abandon import in_thread
from drivers.ports.alarm import Alarm
from drivers.ports.descriptor import DescriptorPort
from drivers.ports.permission import why_forbidden
from drivers.ports.port import LineFaults, LinkDown, Reason
from drivers.ports.timer import sleeper

Parity = Literal["none", "even", "odd"]
_PARITIES: dict[Parity, str] = {
    "none": serial.PARITY_NONE,
    "even": serial.PARITY_EVEN,
    "odd": serial.PARITY_ODD,
}
# linux/serial.h, struct serial_icounter_struct: cts dsr rng dcd rx tx frame overrun parity brk buf_overrun, 9 reserved.
_TIOCGICOUNT = 0x545D
_COUNTERS = struct.Struct("20i")
# Documentation/admin-guide/devices.txt: the slaves of Unix98 pseudo-terminals.
_PTY_MAJORS = range(136, 144)
_LASTING_NAMES = Path("/dev/serial/by-id")
_IN_USE = "is in use by another program, or by another line that has it under another name"


@dataclass(frozen=True, slots=True)
class Rs485:
    """How the kernel switches the direction of an RS-485 driver; the delays are whole milliseconds."""

    rts_on_send: bool = True
    rts_after_send: bool = False
    delay_before_ms: int = 0
    delay_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """One serial port.

    Attributes:
        device: path; a symbolic link, such as those below /dev/serial/by-id, is followed anew at each opening.
        rs485: let the kernel switch the driver; None for adapters that do it themselves (most USB ones).
        low_latency: ask the adapter to hand over characters at once (FTDI: 1 ms instead of 16 ms).
        exclusive: keep other programs out.
    """

    device: str
    baudrate: int = 19200
    bytesize: Literal[7, 8] = 8
    parity: Parity = "none"
    stopbits: Literal[1, 2] = 1
    rs485: Rs485 | None = None
    low_latency: bool = True
    exclusive: bool = True


@dataclass(frozen=True, slots=True)
class SerialFacts:
    """What became of the settings when the port was opened.

    Attributes:
        device: the path as configured.
        resolved: the device behind it.
        low_latency: whether the driver took the low latency flag.
        rs485: whether the kernel switches the RS-485 driver.
        remarks: what was asked for and could not be had, in words.
    """

    device: str
    resolved: str
    low_latency: bool
    rs485: bool
    remarks: tuple[str, ...]


class SerialPort(DescriptorPort):
    """An open serial port; `facts` tells what became of its settings."""

    def __init__(self, channel: "_SerialChannel", facts: SerialFacts, alarm: Alarm | None = None) -> None:
        super().__init__(channel.fd, channel, sleeper(), alarm)
        self.facts = facts


async def open_serial(settings: SerialSettings, alarm: Alarm | None = None) -> SerialPort:
    """Open and configure a port, in a thread: USB adapters can take seconds, and broken ones hang. It can be cancelled.

    Args:
        settings: what it is to be.
        alarm: see `DescriptorPort`.

    Raises:
        LinkDown: ``not_found``, ``permission``, ``busy``, ``settings`` or ``error``.
    """
    channel, facts = await in_thread(partial(_open, settings), lambda opened: opened[0].close())
    try:
        return SerialPort(channel, facts, alarm)
    except OSError as error:
        channel.close()
        raise channel.failed(error) from error


class _SerialChannel:
    def __init__(self, name: str, port: serial.Serial) -> None:
        self.name = name
        self.fd: int = port.fileno()
        self._port = port
        self._counters_at_open = _counters(self.fd)

    def ended(self) -> LinkDown:
        return LinkDown("hung_up", f"{self.name} is gone: the adapter was unplugged or the terminal closed")

    def failed(self, error: OSError) -> LinkDown:
        if error.errno in {errno.EIO, errno.ENXIO, errno.ENODEV}:
            return self.ended()
        return LinkDown("error", f"{self.name}: {error.strerror or error}")

    def faults(self) -> LineFaults | None:
        before, now = self._counters_at_open, _counters(self.fd)
        if before is None or now is None:
            return None
        return LineFaults(
            parity=now.parity - before.parity,
            framing=now.framing - before.framing,
            overrun=now.overrun - before.overrun,
            breaks=now.breaks - before.breaks,
        )

    def close(self) -> None:
        # Without this, closing waits up to 30 s for characters that flow control holds back.
        _flush(self.fd)
        self._port.close()


def read_counters(block: bytes) -> LineFaults:
    """Read the kernel's serial counters; characters lost to a full buffer count as overruns, too."""
    _cts, _dsr, _rng, _dcd, _rx, _tx, framing, overrun, parity, breaks, lost, *_ = _COUNTERS.unpack(block)
    return LineFaults(parity=parity, framing=framing, overrun=overrun + lost, breaks=breaks)


def _counters(fd: int) -> LineFaults | None:
    try:
        return read_counters(fcntl.ioctl(fd, _TIOCGICOUNT, bytes(_COUNTERS.size)))
    except OSError:
        return None  # pseudo-terminals, and adapters whose driver does not count


def _flush(fd: int) -> None:
    try:
        termios.tcflush(fd, termios.TCIOFLUSH)
    except (OSError, termios.error):
        return  # gone: there is nothing left to flush


def _open(settings: SerialSettings) -> tuple[_SerialChannel, SerialFacts]:
    name = settings.device
    remarks: list[str] = []
    resolved, pseudo = _resolve(name)
    port = serial.Serial()
    try:
        port.port = resolved
        port.baudrate = settings.baudrate
        port.stopbits = settings.stopbits
        port.exclusive = settings.exclusive or None
        if pseudo and (settings.parity != "none" or settings.bytesize != 8):
            # The C library reports "invalid argument" for what the kernel quietly leaves out.
            remarks.append("a pseudo-terminal knows neither parity nor 7 bits: 8 bits without parity are used")
        else:
            port.parity = _PARITIES[settings.parity]
            port.bytesize = settings.bytesize
        port.open()
        fd = port.fileno()
        low_latency = settings.low_latency and _low_latency(port, remarks)
        rs485 = settings.rs485 is not None and _rs485(port, settings.rs485, remarks)
        # The exclusive mark of a pseudo-terminal outlives its last user, so there the lock has to do.
        if settings.exclusive and not pseudo:
            fcntl.ioctl(fd, termios.TIOCEXCL)
        # Last, because pyserial sets VMIN=0 whenever it configures: then "nothing there" reads like "hung up".
        attributes = termios.tcgetattr(fd)
        attributes[6][termios.VMIN] = 1
        attributes[6][termios.VTIME] = 0
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
        _flush(fd)
    except (OSError, ValueError, termios.error) as error:
        port.close()
        raise _refusal(name, error) from error
    return _SerialChannel(name, port), SerialFacts(name, resolved, low_latency, rs485, tuple(remarks))


def _resolve(name: str) -> tuple[str, bool]:
    """Follow symbolic links to the device and tell whether it is a pseudo-terminal."""
    try:
        resolved = Path(name).resolve(strict=True)
        status = resolved.stat()
    except OSError as error:
        raise _refusal(name, error) from error
    except RuntimeError as error:  # so does pathlib say it up to Python 3.12
        raise _refusal(name, OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from error
    if not stat.S_ISCHR(status.st_mode):
        raise LinkDown("settings", f"{name} {_no_port()}")
    return str(resolved), os.major(status.st_rdev) in _PTY_MAJORS


def _no_port(lasting: Path = _LASTING_NAMES) -> str:
    """What to say of something that is no serial port: which there are instead."""
    try:
        here = sorted(str(link) for link in lasting.iterdir())
    except OSError:
        here = []
    if here:
        return f"is not a serial port: write one of those that are, {', '.join(here)}"
    return (
        "is not a serial port: no USB adapter is plugged in, which would be in /dev/serial/by-id; ports of a board are "
        "called /dev/serial0, /dev/ttyAMA0 or /dev/ttyS0"
    )


def _refusal(name: str, error: Exception) -> LinkDown:
    """Translate why a port could not be opened."""
    # pyserial packs some errors of termios into words alone; the number is then one level down.
    numbers = (cause.args[0] for cause in (error, error.__context__) if cause is not None and cause.args)
    number = next((number for number in numbers if isinstance(number, int)), 0)
    refusals: dict[int, tuple[Reason, str]] = {
        errno.ENOENT: ("not_found", "is not there: is the adapter plugged in, and the path right?"),
        errno.ENOTDIR: ("not_found", "is not there: is the path right?"),
        errno.ELOOP: ("not_found", "is a symbolic link that leads back to itself: make it anew, or name the device"),
        errno.ENXIO: ("not_found", "has no adapter behind it: is it plugged in?"),
        errno.ENODEV: ("not_found", "has no adapter behind it: is it plugged in?"),
        errno.EIO: ("hung_up", "went away while it was opened: is the adapter plugged in firmly?"),
        errno.EBUSY: ("busy", _IN_USE),
        errno.EAGAIN: ("busy", _IN_USE),  # flock
        errno.EINVAL: ("settings", "does not support these settings: check baudrate, bytesize, parity and stopbits"),
    }
    if number == errno.ENOTTY:
        return LinkDown("settings", f"{name} {_no_port()}")
    if number in {errno.EACCES, errno.EPERM}:
        return LinkDown("permission", f"{name} {why_forbidden(name)}")
    if number in refusals:
        reason, words = refusals[number]
        return LinkDown(reason, f"{name} {words}")
    if isinstance(error, ValueError):  # a baud rate or setting that pyserial knows to be impossible
        return LinkDown("settings", f"{name}: {error}")
    return LinkDown("error", f"{name}: {error}")


def _low_latency(port: serial.Serial, remarks: list[str]) -> bool:
    try:
        port.set_low_latency_mode(True)
    except (ValueError, OSError):
        remarks.append("the driver knows no low latency flag (only FTDI adapters need it)")
        return False
    return True


def _rs485(port: serial.Serial, wanted: Rs485, remarks: list[str]) -> bool:
    try:
        port.rs485_mode = serial.rs485.RS485Settings(
            rts_level_for_tx=wanted.rts_on_send,
            rts_level_for_rx=wanted.rts_after_send,
            loopback=False,
            # pyserial cuts to whole milliseconds: the half keeps a float from losing one.
            delay_before_tx=(wanted.delay_before_ms + 0.5) / 1000,
            delay_before_rx=(wanted.delay_after_ms + 0.5) / 1000,
        )
    except (ValueError, OSError):
        remarks.append("the driver cannot switch RS-485 direction: fine for adapters that do it themselves")
        return False
    return True
