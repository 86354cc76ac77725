"""From a configured line to an open port and the way to talk on it."""

from __future__ import annotations

import trio

from drivers.modbus.ascii import AsciiFramer
from drivers.modbus.framing import Framer
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from drivers.ports.alarm import Alarm
from drivers.ports.port import Port
from drivers.ports.serial_port import Rs485, SerialSettings, open_serial
from drivers.ports.tcp_port import open_tcp
from gateway.lines.exchange import NetworkTalk, SerialTalk, Talk
from gateway.lines.line import Opener
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings

SERIAL_TRANSPORTS = frozenset({"rtu", "ascii", "serial"})


def numbered(line: LineSettings) -> bool:
    """Whether replies on this line carry the number of their request."""
    return line.transport == "tcp"


def talk_on(line: LineSettings, port: Port) -> Talk:
    """How requests are framed and timed on an open port of this line."""
    wire = Wire.of(line)
    if line.transport == "tcp":
        return NetworkTalk(port, TcpFramer(), wire)
    framer: Framer = AsciiFramer(echo=line.echo) if line.transport == "ascii" else RtuFramer(echo=line.echo)
    return SerialTalk(port, framer, wire)


async def open_port(line: LineSettings, alarm: Alarm, names: trio.CapacityLimiter | None = None) -> Port:
    """Open the port of a line.

    Args:
        line: whose.
        alarm: ends its receives.
        names: see `open_tcp`.

    Raises:
        LinkDown: it cannot be had; the words say why.
    """
    if line.transport in SERIAL_TRANSPORTS:
        return await open_serial(serial_settings(line), alarm)
    return await open_tcp(line.host or "", line.tcp_port, alarm=alarm, names=names)


def serial_settings(line: LineSettings) -> SerialSettings:
    """The driver's view of a serial line."""
    rs485 = None
    if line.rs485 is not None:
        rs485 = Rs485(
            rts_on_send=line.rs485.rts_on_send,
            rts_after_send=line.rs485.rts_after_send,
            delay_before_ms=round(line.rs485.delay_before * 1000),
            delay_after_ms=round(line.rs485.delay_after * 1000),
        )
    return SerialSettings(
        device=line.port or "",
        baudrate=line.baudrate,
        bytesize=7 if line.bytesize == 7 else 8,
        parity=line.parity,
        stopbits=2 if line.stopbits == 2 else 1,
        rs485=rs485,
        low_latency=line.low_latency,
    )


def opener(line: LineSettings, alarm: Alarm) -> Opener:
    """What a line calls to get its port."""
    # A line whose name server is dead waits for its last question, and keeps no other line from asking.
    names = trio.CapacityLimiter(1)

    async def open_line() -> tuple[Port, Talk]:
        port = await open_port(line, alarm, names)
        return port, talk_on(line, port)

    return open_line
