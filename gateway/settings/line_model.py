"""What the configuration says of lines, devices and tags. Seconds, bytes, and addresses from zero."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gateway.settings.problems import Place

Transport = Literal["rtu", "tcp", "rtu-over-tcp", "ascii", "serial"]
Parity = Literal["none", "even", "odd"]
Table = Literal["coil", "discrete", "input", "holding"]
TagType = Literal[
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
    "bcd16",
    "bcd32",
    "epoch32",
    "epoch64",
    "epoch64ms",
    "string",
]
RawType = Literal["float", "int", "bool", "string"]
Order = Literal["big", "little"]
Priority = Literal["low", "normal", "high"]
WriteFunction = Literal["auto", "single", "multiple"]
RawMode = Literal["terminator", "idle", "fixed"]
Encoding = Literal["ascii", "latin-1", "utf-8"]
Scalar = bool | int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSettings:
    """One named point of a device.

    Attributes:
        name: last part of the tag's full name ``line/device/tag``.
        table: which of the four Modbus tables it is read from.
        address: of its first coil or register, from zero, as on the wire.
        type: how its registers are decoded.
        length: in coils or registers; follows from the type, and is said only for ``string``.
        bit: lowest bit of a bit field in its registers (0 is the least significant); None: the whole value.
        width: of that bit field, in bits.
        byte: of a register that a ``uint8`` or ``int8`` is.
        encoding: of a ``string``.
        word_order: "big": the first register is the most significant (the wire's own habit).
        byte_order: "big": the first byte of a register is the most significant (the standard).
        scale: engineering value = raw value x scale + offset.
        offset: see ``scale``.
        units: engineering units, shown as they are.
        sentinels: raw values by which the device says "no value".
        minimum: least plausible engineering value.
        maximum: greatest plausible engineering value.
        poll: seconds between two readings; None: in the background, as the line has time.
        writable: may be written through the API.
        readback: read again after each write, before the write is called confirmed.
        safe: engineering value written when a lease on this tag runs out; None: no lease can be taken.
        deadband: engineering change below which a new value is no change.
        baseline: learn what is usual for it, and tell what is not.
        priority: who goes first when the line is short of time.
        description: for people.
        stale_after: seconds after which an old value is called stale; None: follows from ``poll``.
        source: where the register is documented (page of a manual).
        place: where it is written.
    """

    name: str
    table: Table
    address: int
    type: TagType
    length: int = 1
    bit: int | None = None
    width: int = 1
    byte: Literal["low", "high"] = "low"
    encoding: Encoding = "ascii"
    word_order: Order = "big"
    byte_order: Order = "big"
    scale: float = 1.0
    offset: float = 0.0
    units: str = ""
    sentinels: tuple[int | float, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    poll: float | None = 1.0
    writable: bool = False
    readback: bool = False
    safe: Scalar | None = None
    deadband: float = 0.0
    baseline: bool = False
    priority: Priority = "normal"
    description: str = ""
    stale_after: float | None = None
    source: str = ""
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """One unit on a line.

    Attributes:
        name: middle part of the names of its tags.
        unit: Modbus unit identifier.
        profile: name of the register map its tags come from; they are already among ``tags``.
        timeout: upper bound of the adaptive time-out in seconds; None: the line's.
        max_registers: most registers in one request (Modbus allows 125).
        max_bits: most coils or discrete inputs in one request (Modbus allows 2000).
        max_hole: most unwanted registers read to join two wanted ones; None: computed from the wire.
        write_function: "single": functions 5 and 6, "multiple": 15 and 16, "auto": single for a lone one.
        word_order: of its tags, where they do not say.
        byte_order: of its tags, where they do not say.
        poll: of its tags, where they do not say.
        description: for people.
        tags: in the order of the file, those of the profile first.
        place: where it is written.
    """

    name: str
    unit: int
    profile: str | None = None
    timeout: float | None = None
    max_registers: int = 125
    max_bits: int = 2000
    max_hole: int | None = None
    write_function: WriteFunction = "auto"
    word_order: Order = "big"
    byte_order: Order = "big"
    poll: float | None = 1.0
    description: str = ""
    tags: tuple[TagSettings, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rs485Settings:
    """How the kernel drives the direction pin of an RS-485 transceiver (TIOCSRS485).

    Attributes:
        rts_on_send: level of RTS while sending.
        rts_after_send: level of RTS while listening.
        delay_before: seconds between switching and the first bit.
        delay_after: seconds between the last bit and switching back.
    """

    rts_on_send: bool = True
    rts_after_send: bool = False
    delay_before: float = 0.0
    delay_after: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSettings:
    """How messages are cut from the bytes of a line that does not speak Modbus.

    Attributes:
        mode: "terminator": a message ends with ``terminator``; "idle": after ``idle`` seconds without a byte;
            "fixed": after ``length`` bytes.
        terminator: the bytes that end a message; they are not part of it.
        idle: seconds of silence that end a message in mode "idle"; in the others, if set, it throws an
            unfinished message away.
        length: bytes of a message in mode "fixed".
        max_length: a message longer than this is cut and counted as an error.
        encoding: how the bytes of a message become text.
    """

    mode: RawMode = "terminator"
    terminator: bytes = b"\n"
    idle: float | None = None
    length: int | None = None
    max_length: int = 1024
    encoding: Encoding = "ascii"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTagSettings:
    """A value taken from each message of a raw serial line; its full name is ``line/tag``.

    Attributes:
        name: last part of the full name.
        pattern: regular expression searched in the message; its first group (or all of it) is the value.
        columns: first and last column of the value, from 1, both included; the other way to find it.
        type: what the text is turned into.
        scale: engineering value = number x scale + offset.
        offset: see ``scale``.
        units: engineering units.
        minimum: least plausible engineering value.
        maximum: greatest plausible engineering value.
        deadband: engineering change below which a new value is no change.
        baseline: learn what is usual for it, and tell what is not.
        description: for people.
        stale_after: seconds after which an old value is called stale; None: never.
        place: where it is written.
    """

    name: str
    pattern: str | None = None
    columns: tuple[int, int] | None = None
    type: RawType = "float"
    scale: float = 1.0
    offset: float = 0.0
    units: str = ""
    minimum: float | None = None
    maximum: float | None = None
    deadband: float = 0.0
    baseline: bool = False
    description: str = ""
    stale_after: float | None = None
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSettings:
    """One serial port or TCP connection, and the devices on it.

    Attributes:
        name: first part of the names of its tags.
        transport: how messages are framed; "serial" is a line that does not speak Modbus.
        port: device path of a serial line; relative paths start at the working directory.
        host: name or address of the far end of a TCP line.
        tcp_port: of the far end.
        baudrate: bits a second.
        bytesize: data bits.
        parity: parity bit.
        stopbits: stop bits.
        rs485: kernel-driven direction switching; None: none.
        low_latency: ask the driver of a USB adapter to hand bytes over at once.
        echo: the adapter echoes what is sent; strip it.
        timeout: upper bound of the adaptive time-out in seconds.
        gap: seconds of silence kept before each request; None: 3.5 characters (1.75 ms above 19200 baud).
        silent_share: largest share of the line's time that devices which do not answer may cost, 0 to 1.
        request_delay: seconds to wait after an answer before the next request, on top of the gap.
        turnaround: seconds a device is assumed to need for its answer, until it has been measured.
        reconnect_min: first pause in seconds before the port is opened again.
        reconnect_max: longest such pause.
        broadcast_delay: seconds to wait after a broadcast.
        allow_broadcast: unit 0 may be written (D-091).
        writable: False refuses every write: tag.write, modbus.write and serial.write.
        raw: how messages are cut, for transport "serial" only.
        description: for people.
        devices: in the order of the file.
        tags: of a line with transport "serial", in the order of the file.
        place: where it is written.
    """

    name: str
    transport: Transport
    port: str | None = None
    host: str | None = None
    tcp_port: int = 502
    baudrate: int = 19200
    bytesize: int = 8
    parity: Parity = "none"
    stopbits: int = 1
    rs485: Rs485Settings | None = None
    low_latency: bool = True
    echo: bool = False
    timeout: float = 1.0
    gap: float | None = None
    silent_share: float = 0.10
    request_delay: float = 0.0
    turnaround: float = 0.005
    reconnect_min: float = 0.5
    reconnect_max: float = 10.0
    broadcast_delay: float = 0.1
    allow_broadcast: bool = False
    writable: bool = True
    raw: RawSettings | None = None
    description: str = ""
    devices: tuple[DeviceSettings, ...] = ()
    tags: tuple[RawTagSettings, ...] = ()
    place: Place | None = field(default=None, compare=False, repr=False)

    @property
    def network(self) -> bool:
        """Whether it is a connection over the network; otherwise it is a port of this board."""
        return self.transport in {"tcp", "rtu-over-tcp"}

    @property
    def far_end(self) -> str:
        """What it leads to: ``host:port``, or the path of its port."""
        return f"{self.host}:{self.tcp_port}" if self.network else self.port or ""
