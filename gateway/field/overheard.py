"""One exchange of a command with a device: what is asked, and where in what went over the line it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drivers.modbus.pdu import read_bits, read_registers
from gateway.field.address import READ_FUNCTION, Address
from gateway.field.monitor_messages import Message, reader_of
from gateway.field.registers import BIT_TABLES

# Modbus TCP has no checksum of its own.
UNCHECKED = frozenset({"tcp"})
Verdict = Literal["right", "wrong", "none"]


@dataclass(frozen=True, slots=True)
class Overheard:
    """One exchange, with all its framing.

    Attributes:
        request: as it was sent, the last time.
        reply: as it came; empty where nothing did.
        seconds: from the one to the other; None where nothing came.
        checksum: of the reply; "none" where the transport has none, or nothing came.
        attempts: how often the request was sent.
    """

    request: bytes
    reply: bytes
    seconds: float | None
    checksum: Verdict
    attempts: int


def request_bytes(unit: int, first: Address, count: int) -> bytes:
    """The PDU that asks a device for a block: function, address, count (Modbus Application Protocol 1.1b3, 6.1 to 6.4).

    Raises:
        ValueError: no request can carry so many, or the unit does not exist.
    """
    function = READ_FUNCTION[first.table]
    make = read_bits if first.table in BIT_TABLES else read_registers
    return make(unit, function, first.wire, count).pdu


def overheard(records: Iterable[Mapping[str, Any]], transport: str, unit: int, pdu: bytes) -> Overheard | None:
    """The exchange that a request made; None where it was not sent.

    Args:
        records: of ``line.traffic``, in their order.
        transport: of the line.
        unit: that was asked.
        pdu: the request, without framing.
    """
    reader = reader_of(transport)
    messages: list[Message] = []
    for record in records:
        data = bytes.fromhex(record["data"])
        messages += reader.feed(record["time"], data, sent=record["direction"] == "sent")
    messages += reader.flush()
    ours = [
        index
        for index, message in enumerate(messages)
        if message.kind == "request" and (message.unit, message.pdu) == (unit, pdu)
    ]
    if not ours:
        return None
    # A poll may have asked the same just after: its answer is not here yet.
    answered = [number for number, index in enumerate(ours) if _answer(messages, index) is not None]
    attempts = answered[-1] + 1 if answered else len(ours)
    asked = messages[ours[attempts - 1]]
    came = _answer(messages, ours[attempts - 1])
    if came is None:
        return Overheard(asked.raw, b"", None, "none", attempts)
    checksum: Verdict = "wrong" if came.kind == "damaged" else "none" if transport in UNCHECKED else "right"
    return Overheard(asked.raw, came.raw, came.at - asked.at, checksum, attempts)


def _answer(messages: Sequence[Message], asked: int) -> Message | None:
    """What came before the next request went out."""
    for message in messages[asked + 1 :]:
        if message.kind == "request":
            return None
        if message.kind in {"reply", "damaged"}:
            return message
    return None
