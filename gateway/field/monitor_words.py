"""Messages of a line in words: what was asked, what came, and what is wrong, with addresses in both notations."""

from __future__ import annotations

from drivers.modbus.pdu import Refusal
from gateway.field.address import Address
from gateway.field.monitor_messages import Message

_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input", 5: "coil", 6: "holding", 15: "coil", 16: "holding"}
_TABLES[22] = "holding"
_READS = frozenset({1, 2, 3, 4})
_BITS = frozenset({1, 2})
_SINGLES = frozenset({5, 6})
_MULTIPLES = frozenset({15, 16})
_NAMES = {
    8: "diagnostics",
    17: "report server ID",
    22: "mask write",
    23: "read and write registers",
    24: "read FIFO",
    43: "identification",
}
# So many values are shown; the bytes beside them have all.
_MOST_VALUES = 12


def describe(message: Message) -> str:
    """One message in words."""
    if message.kind == "damaged":
        size = len(message.raw)
        return f"{size} byte{'' if size == 1 else 's'} that make no frame: wrong checksum, cut off, or noise"
    if message.kind == "silence":
        return f"no answer to: {_request(message.pdu)}"
    if message.kind == "request":
        return _request(message.pdu)
    if message.kind == "unasked":
        return f"an answer nobody asked for (a second device with this number, or a late answer): {_reply(message)}"
    return _reply(message)


def is_error(message: Message) -> bool:
    """Whether it is something to look at: damage, silence, an answer to nothing, or a refusal."""
    return message.kind in {"damaged", "silence", "unasked"} or (message.kind == "reply" and message.pdu[0] > 0x80)


def _place(pdu: bytes) -> str:
    address = Address(_TABLES[pdu[0]], int.from_bytes(pdu[1:3], "big"))
    return f"{address.modicon} ({address.table}, PDU {address.wire}, 0x{address.wire:02X})"


def _request(pdu: bytes) -> str:
    function = pdu[0]
    if function in _READS and len(pdu) == 5:
        return f"read {_place(pdu)} x {int.from_bytes(pdu[3:5], 'big')}"
    if function in _SINGLES and len(pdu) == 5:
        value = int.from_bytes(pdu[3:5], "big")
        return f"write {_place(pdu)} = {('on' if value else 'off') if function == 5 else value}"
    if function in _MULTIPLES and len(pdu) > 6:
        count = int.from_bytes(pdu[3:5], "big")
        values = pdu[6:].hex(" ") if function == 15 else _registers(pdu[6:])
        return f"write {_place(pdu)} x {count} = {values}"
    return f"{_NAMES.get(function, 'function')} ({function})"


def _reply(message: Message) -> str:
    pdu = message.pdu
    function = pdu[0]
    if function > 0x80:
        code = pdu[1] if len(pdu) > 1 else 0
        asked = f" to: {_request(message.request)}" if message.request else ""
        return f"refused, exception {code} ({Refusal(code).name.replace('_', ' ')}){asked}"
    if function in _BITS:
        count = int.from_bytes(message.request[3:5], "big") if message.request else 8 * (len(pdu) - 2)
        bits = [str(pdu[2 + bit // 8] >> bit % 8 & 1) for bit in range(min(count, 8 * (len(pdu) - 2)))]
        return "bits " + " ".join(bits[: 2 * _MOST_VALUES]) + (" ..." if len(bits) > 2 * _MOST_VALUES else "")
    if function in _READS:
        return _registers(pdu[2:])
    if function in _SINGLES | _MULTIPLES | {22}:
        return "done"
    return f"answer to {_NAMES.get(function, 'function')} ({function})"


def _registers(data: bytes) -> str:
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data) - 1, 2)]
    shown = " ".join(str(word) for word in words[:_MOST_VALUES])
    return f"{shown} ..." if len(words) > _MOST_VALUES else shown
