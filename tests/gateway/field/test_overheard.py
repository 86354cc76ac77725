"""One exchange found among everything that went over a line."""

from __future__ import annotations

import pytest

from drivers.modbus.crc import crc16
from gateway.field.address import Address
from gateway.field.overheard import overheard, request_bytes

PDU = bytes.fromhex("0300060001")
REPLY = bytes.fromhex("03020042")


def rtu(unit: int, pdu: bytes) -> bytes:
    body = bytes([unit]) + pdu
    return body + crc16(body).to_bytes(2, "little")


def tcp(number: int, unit: int, pdu: bytes) -> bytes:
    return number.to_bytes(2, "big") + bytes(2) + (len(pdu) + 1).to_bytes(2, "big") + bytes([unit]) + pdu


def ascii_(unit: int, pdu: bytes) -> bytes:
    body = bytes([unit]) + pdu
    return b":" + (body + bytes([-sum(body) & 0xFF])).hex().upper().encode() + b"\r\n"


def records(*steps: tuple[str, bytes]) -> list[dict[str, object]]:
    return [
        {"number": number, "time": 10 + number / 100, "direction": direction, "data": data.hex()}
        for number, (direction, data) in enumerate(steps)
    ]


OTHER = [("sent", rtu(2, PDU)), ("received", rtu(2, REPLY))]


def test_the_frames_of_one_request_are_found_among_polls() -> None:
    came = rtu(1, REPLY)
    steps = [*OTHER, ("sent", rtu(1, PDU)), ("received", came[:3]), ("received", came[3:]), *OTHER]
    found = overheard(records(*steps), "rtu", 1, PDU)
    assert found is not None
    assert (found.request, found.reply, found.checksum, found.attempts) == (rtu(1, PDU), came, "right", 1)
    assert found.seconds == pytest.approx(0.02)


def test_a_refusal_is_a_reply() -> None:
    refusal = rtu(1, b"\x83\x02")
    found = overheard(records(("sent", rtu(1, PDU)), ("received", refusal)), "rtu", 1, PDU)
    assert found is not None
    assert (found.reply, found.checksum) == (refusal, "right")


def test_a_damaged_reply_is_called_that() -> None:
    broken = bytearray(rtu(1, REPLY))
    broken[3] ^= 1
    found = overheard(records(("sent", rtu(1, PDU)), ("received", bytes(broken))), "rtu", 1, PDU)
    assert found is not None
    assert (found.reply, found.checksum) == (bytes(broken), "wrong")


def test_attempts_are_counted_and_the_last_one_is_shown() -> None:
    steps = [("sent", rtu(1, PDU)), ("sent", rtu(1, PDU)), ("received", rtu(1, REPLY))]
    found = overheard(records(*steps), "rtu", 1, PDU)
    assert found is not None
    assert (found.attempts, found.reply) == (2, rtu(1, REPLY))


def test_a_poll_of_the_same_registers_just_after_does_not_hide_the_answer() -> None:
    steps = [("sent", rtu(1, PDU)), ("received", rtu(1, REPLY)), ("sent", rtu(1, PDU))]
    found = overheard(records(*steps), "rtu", 1, PDU)
    assert found is not None
    assert (found.attempts, found.reply, found.checksum) == (1, rtu(1, REPLY), "right")


def test_the_answer_to_the_next_request_is_not_taken_for_ours() -> None:
    found = overheard(records(("sent", rtu(1, PDU)), *OTHER), "rtu", 1, PDU)
    assert found is not None
    assert (found.reply, found.seconds, found.checksum) == (b"", None, "none")


def test_what_was_not_sent_is_not_found() -> None:
    assert overheard(records(*OTHER), "rtu", 1, PDU) is None
    assert overheard([], "tcp", 1, PDU) is None


def test_tcp_has_no_checksum_and_ascii_has_one() -> None:
    found = overheard(records(("sent", tcp(7, 1, PDU)), ("received", tcp(7, 1, REPLY))), "tcp", 1, PDU)
    assert found is not None
    assert (found.request[:2], found.checksum) == (b"\0\x07", "none")
    found = overheard(records(("sent", ascii_(1, PDU)), ("received", ascii_(1, REPLY))), "ascii", 1, PDU)
    assert found is not None
    assert (found.reply, found.checksum) == (ascii_(1, REPLY), "right")


@pytest.mark.parametrize(
    ("table", "count", "request_"),
    [
        ("coil", 8, "01 00 64 00 08"),
        ("discrete", 1, "02 00 64 00 01"),
        ("holding", 2, "03 00 64 00 02"),
        ("input", 125, "04 00 64 00 7d"),
    ],
)
def test_the_request_is_that_of_the_specification(table: str, count: int, request_: str) -> None:
    assert request_bytes(1, Address(table, 100), count).hex(" ") == request_


def test_a_request_for_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="125"):
        request_bytes(1, Address("holding", 100), 126)
