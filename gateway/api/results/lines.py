"""Models of what the methods of lines, devices and leases answer."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from gateway.api.results.model import Count, Hexadecimal, Model, Share, Timestamp, Value


class SerialForm(Model):
    """``line.list``, how characters are sent."""

    baudrate: Count
    bytesize: Count
    parity: Literal["none", "even", "odd"]
    stopbits: Count


class HardwareErrors(Model):
    """``line.list``, what the kernel has counted."""

    parity: Count
    framing: Count
    overrun: Count
    breaks: Count


class Line(Model):
    """``line.list``, one line; Modbus lines and raw ones have members of their own."""

    line: str
    transport: Literal["rtu", "tcp", "rtu-over-tcp", "ascii", "serial"]
    port: str
    description: str | None
    state: Literal["starting", "up", "down", "parked", "stopped"]
    reason: str | None
    message: str | None
    opened: Count
    devices: Count
    hardware_errors: HardwareErrors | None
    serial: SerialForm | UnsetType = UNSET
    messages: Count | UnsetType = UNSET
    errors: dict[str, Count] | UnsetType = UNSET
    borrowed: bool | UnsetType = UNSET
    requests: Count | UnsetType = UNSET
    utilisation: Share | UnsetType | None = UNSET
    silent_share: Share | UnsetType = UNSET
    seconds_lost: Share | UnsetType = UNSET


class LineList(Model):
    """``line.list``."""

    lines: list[Line]
    total: Count


class Loan(Model):
    """``line.borrow``."""

    lease: str
    seconds: Share
    until: Timestamp


class Returned(Model):
    """``line.return``."""

    line: str


class Exchange(Model):
    """``line.exchange``: a reply, or why there is none."""

    pdu: Hexadecimal | None
    reason: str | None
    message: str | None
    seconds: Share | None
    causes: list[str]
    late_possible: bool

    def __post_init__(self) -> None:
        """Without a reply there is a reason.

        Raises:
            ValueError: there is none.
        """
        if self.pdu is None and self.reason is None:
            raise ValueError("neither a reply nor a reason")


class Record(Model):
    """``line.traffic``, bytes that went over the line."""

    number: Count
    time: float
    direction: Literal["sent", "received"]
    data: Hexadecimal


class Traffic(Model):
    """``line.traffic``."""

    records: list[Record]
    lost: Count


class Device(Model):
    """``device.list``, one device."""

    device: str
    line: str
    unit: Annotated[int, Meta(ge=0, le=255)]
    profile: str | None
    state: Literal["unproven", "online", "doubtful", "silent", "unknown"]
    state_seconds: Share
    latency_ms: Share | None
    timeout_ms: Share
    requests: Count
    answers: Count
    errors: dict[str, Count]
    refusals: dict[str, Count]
    advice: list[str]
    blocks: Count
    tags: Count
    tags_good: Count
    missed_deadlines: Count


class DeviceList(Model):
    """``device.list``."""

    devices: list[Device]
    total: Count


class Lease(Model):
    """``lease.list``, one set-point on loan."""

    tag: str
    value: Value
    safe_value: Value
    seconds_left: Share
    owed: bool

    def __post_init__(self) -> None:
        """What is owed has run out.

        Raises:
            ValueError: it has not.
        """
        if self.owed and self.seconds_left:
            raise ValueError(f"owed with {self.seconds_left} s left")


class LeaseList(Model):
    """``lease.list``."""

    leases: list[Lease]
    total: Count
