"""The RTU framer against everything a bad line, a second master or a cheap adapter puts on the wire."""

import pytest

from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.pdu import (
    Data,
    Refusal,
    Request,
    read_bits,
    read_registers,
    read_write_registers,
    write_coils,
    write_register,
    write_registers,
)
from drivers.modbus.rare import diagnostics, read_device_identification, read_fifo
from drivers.modbus.rtu import RtuFramer
from tests.drivers.modbus.fuzz_frames import rtu_frame

ASKED = read_registers(17, 3, 0x6B, 3)
SENT = rtu_frame(17, ASKED.pdu)
VALUES = bytes.fromhex("022b 0000 0064")
REPLY = rtu_frame(17, b"\x03\x06" + VALUES)
GOOD = Answered(Data(VALUES))
DAMAGED = REPLY[:-1] + bytes((REPLY[-1] ^ 1,))


def events(framer: RtuFramer, stream: bytes) -> list[Event]:
    """Everything the framer says about a stream that comes in one piece."""
    found = []
    event = framer.feed(stream)
    while event is not None:
        found.append(event)
        if not isinstance(event, Stray):
            break
        event = framer.feed(b"")
    return found


def hears(stream: bytes, request: Request = ASKED, *, echo: bool = False) -> list[Event]:
    framer = RtuFramer(echo=echo)
    framer.begin(request)
    return events(framer, stream)


def test_the_request_on_the_wire() -> None:
    framer = RtuFramer()
    assert (framer.request_size, framer.reply_size) == (0, 0)
    assert framer.begin(ASKED) == SENT
    assert (framer.request_size, framer.reply_size) == (len(SENT), len(REPLY))


def test_a_request_used_again_is_sent_again_and_needs_a_reply_of_its_own() -> None:
    framer = RtuFramer()
    for _ in range(3):
        assert framer.begin(ASKED) == SENT
        assert framer.feed(b"") is None
        assert events(framer, REPLY) == [GOOD]


def test_requests_beyond_what_is_kept_prepared_are_sent_right() -> None:
    framer = RtuFramer()
    requests = [read_registers(1, 3, address, 1) for address in range(1500)]
    for request in requests + requests[:3]:
        assert framer.begin(request) == rtu_frame(1, request.pdu)


STRAY_UNIT = Stray("wrong_unit", 18)
STRAY_FUNCTION = Stray("wrong_function", 17)
STRAY_SHAPE = Stray("wrong_shape", 17)
ECHO = Stray("echo", 17)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(REPLY, [GOOD], id="the reply"),
        pytest.param(DAMAGED, [Broken("crc")], id="crc error"),
        pytest.param(rtu_frame(18, REPLY[1:-2]) + REPLY, [STRAY_UNIT, GOOD], id="other unit, then the reply"),
        pytest.param(rtu_frame(17, b"\x04\x06" + VALUES) + REPLY, [STRAY_FUNCTION, GOOD], id="function 4 for 3"),
        pytest.param(rtu_frame(17, b"\x03\x04" + VALUES[:4]) + REPLY, [STRAY_SHAPE, GOOD], id="too few registers"),
        pytest.param(rtu_frame(17, b"\x03\x08" + bytes(8)) + REPLY, [STRAY_SHAPE, GOOD], id="too many registers"),
        pytest.param(rtu_frame(17, b"\x03\x05" + bytes(5)) + REPLY, [GOOD], id="odd byte count"),
        pytest.param(rtu_frame(17, b"\x03\x00") + REPLY, [GOOD], id="byte count 0"),
        pytest.param(REPLY + b"\xaa\x55", [GOOD], id="trailing noise"),
        pytest.param(SENT + REPLY, [ECHO, GOOD], id="echo of the request"),
        pytest.param(REPLY + REPLY, [GOOD], id="the reply twice"),
        pytest.param(rtu_frame(17, b"\x84\x02") + REPLY, [STRAY_FUNCTION, GOOD], id="exception of another function"),
        pytest.param(rtu_frame(18, b"\x83\x02") + REPLY, [STRAY_UNIT, GOOD], id="exception of another unit"),
        pytest.param(rtu_frame(17, b"\x83\x00") + REPLY, [STRAY_SHAPE, GOOD], id="exception code 0"),
        pytest.param(rtu_frame(17, b"\x64\x01\x02") + REPLY, [GOOD], id="unknown function"),
        pytest.param(rtu_frame(17, b"\x83\x77"), [Answered(Refusal(0x77))], id="exception code 0x77"),
        pytest.param(rtu_frame(17, b"\x83\x02"), [Answered(Refusal(2))], id="exception"),
        pytest.param(b"\x11\x83\x02\x00\x00", [Broken("crc")], id="damaged exception"),
        pytest.param(
            rtu_frame(9, write_registers(9, 1, [1, 2, 3]).pdu) + rtu_frame(9, b"\x10\x00\x01\x00\x03") + REPLY,
            [Stray("wrong_unit", 9), Stray("wrong_unit", 9), GOOD],
            id="another master writes",
        ),
        pytest.param(
            rtu_frame(9, read_registers(9, 3, 0, 9).pdu) + REPLY,
            [Stray("wrong_unit", 9), GOOD],
            id="another master reads",
        ),
        pytest.param(
            rtu_frame(9, read_write_registers(9, 0, 2, 7, [1, 2]).pdu) + REPLY,
            [Stray("wrong_unit", 9), GOOD],
            id="another master reads and writes",
        ),
        pytest.param(
            rtu_frame(9, b"\x2b\x0e\x01\x01\x00\x00\x01\x00\x02v1") + REPLY,
            [Stray("wrong_unit", 9), GOOD],
            id="another master identifies a device",
        ),
        pytest.param(rtu_frame(9, b"\x11") + REPLY, [Stray("wrong_unit", 9), GOOD], id="the shortest request"),
    ],
)  # fmt: skip
def test_strictness(stream: bytes, expected: list[Event]) -> None:
    assert hears(stream) == expected


@pytest.mark.parametrize("unit", range(1, 248))
def test_a_byte_of_noise_in_front_costs_no_unit_its_reply(unit: int) -> None:
    asked = read_registers(unit, 3, 0x6B, 3)
    reply = rtu_frame(unit, b"\x03\x06" + VALUES)
    refusal = rtu_frame(unit, b"\x83\x02")
    for noise in range(256):
        if (noise, unit) != (0x83, 0x83):  # that is how an exception of unit 131 begins: see below
            assert hears(bytes((noise,)) + reply, asked) == [GOOD]
            assert hears(bytes((noise,)) + refusal, asked) == [Answered(Refusal(2))]


def test_noise_that_begins_like_a_reply_is_called_broken_not_answered() -> None:
    asked = read_registers(0x83, 3, 0x6B, 3)
    assert hears(b"\x83" + rtu_frame(0x83, b"\x03\x06" + VALUES), asked) == [Broken("crc")]
    asked = read_registers(17, 3, 0x6B, 3)
    assert hears(b"\x11\x03\x06" + REPLY, asked) == [Broken("crc")]


@pytest.mark.parametrize("size", [1, 2, 7, 100, 255])
def test_noise_in_front_is_skipped_up_to_a_frame_of_it(size: int) -> None:
    assert hears(b"\x55" * size + REPLY) == [GOOD]


def test_a_babbling_line_is_not_listened_to() -> None:
    framer = RtuFramer()
    framer.begin(ASKED)
    assert events(framer, b"\x55" * 400 + REPLY) == []
    assert framer.abandon() == Leftover(400 + len(REPLY), "noise")
    framer.begin(ASKED)
    assert events(framer, REPLY) == [GOOD]


def test_a_late_reply_of_the_same_unit_and_shape_cannot_be_told_but_begin_drops_what_came_before() -> None:
    framer = RtuFramer()
    framer.begin(read_registers(17, 3, 0, 3))
    framer.feed(REPLY[:6])
    framer.begin(ASKED)
    assert events(framer, REPLY) == [GOOD]


def test_what_comes_after_the_answer_is_counted_and_never_answers_again() -> None:
    framer = RtuFramer()
    framer.begin(ASKED)
    assert events(framer, REPLY + b"\1\2") == [GOOD]
    assert framer.feed(REPLY) is None
    assert framer.abandon() == Leftover(2 + len(REPLY), "noise")
    assert framer.feed(REPLY) is None
    assert framer.abandon() == Leftover(len(REPLY), "noise")


@pytest.mark.parametrize(
    ("stream", "leftover"),
    [
        (b"", Leftover(0, "none")),
        (b"\x11", Leftover(1, "short")),
        (REPLY[:-1], Leftover(10, "short")),
        (b"\x55" + REPLY[:-1], Leftover(11, "short")),
        (b"\x11\x83\x02\x00", Leftover(4, "short")),
        (b"\x55\xaa", Leftover(2, "noise")),
        (b"\x13" + REPLY[1:], Leftover(11, "crc")),
        (bytes(11), Leftover(11, "crc")),
    ],
)
def test_what_lay_there_when_the_wait_was_given_up(stream: bytes, leftover: Leftover) -> None:
    framer = RtuFramer()
    framer.begin(ASKED)
    assert events(framer, stream) == []
    assert framer.abandon() == leftover
    assert framer.abandon() == Leftover(0, "none")


WRITE = write_register(17, 1, 3)
WRITE_FRAME = rtu_frame(17, WRITE.pdu)


@pytest.mark.parametrize(
    ("request_", "stream", "expected"),
    [
        pytest.param(WRITE, WRITE_FRAME, [Answered(Data(b""))], id="confirmed"),
        pytest.param(
            WRITE, rtu_frame(17, b"\x06\x00\x01\x00\x04"), [STRAY_SHAPE], id="confirms another value"
        ),
        pytest.param(WRITE, WRITE_FRAME[:3] + b"\xff" + WRITE_FRAME[4:], [Broken("crc")], id="damaged"),
        pytest.param(WRITE, rtu_frame(17, b"\x86\x03"), [Answered(Refusal(3))], id="refused"),
        pytest.param(
            write_registers(17, 1, [2]),
            rtu_frame(17, write_registers(17, 1, [2]).pdu) + rtu_frame(17, b"\x10\x00\x01\x00\x01"),
            [ECHO, Answered(Data(b""))],
            id="echo of a long write",
        ),
        pytest.param(
            write_coils(17, 1, [True]),
            rtu_frame(17, write_coils(17, 1, [True]).pdu)[:-1] + b"\0",
            [Broken("crc")],
            id="damaged echo of a long write",
        ),
        pytest.param(
            read_registers(17, 3, 0x0200, 1),
            rtu_frame(17, b"\x03\x02\x00\x00\x01") + rtu_frame(17, b"\x03\x02\x00\x2a"),
            [ECHO, Answered(Data(b"\0\x2a"))],
            id="echo whose address looks like the byte count",
        ),
        pytest.param(
            read_registers(17, 3, 0x1400, 10),
            rtu_frame(17, b"\x03\x14\x00\x00\x0a") + rtu_frame(17, b"\x03\x14" + bytes(20)),
            [ECHO, Answered(Data(bytes(20)))],
            id="echo that begins like a longer reply",
        ),
        pytest.param(
            read_bits(17, 1, 0, 9), rtu_frame(17, b"\x01\x02\xff\x01"), [Answered(Data(b"\xff\x01"))], id="coils"
        ),
        pytest.param(
            diagnostics(17, 0, b"\xa5\x37\1\2"),
            rtu_frame(17, b"\x08\x00\x00\xa5\x37\1\2"),
            [Answered(Data(b"\x00\x00\xa5\x37\1\2"))],
            id="loopback longer than two bytes",
        ),
        pytest.param(
            diagnostics(17, 0, b"\xa5\x37"), rtu_frame(17, b"\x08\x00\x00\xa5\x38"), [STRAY_SHAPE], id="wrong loopback"
        ),
        pytest.param(
            diagnostics(17, 12),
            rtu_frame(17, b"\x08\x00\x0c\x01\x02"),
            [Answered(Data(b"\x00\x0c\x01\x02"))],
            id="a counter",
        ),
        pytest.param(
            read_fifo(17, 1),
            b"\x55" + rtu_frame(17, b"\x18\x00\x06\x00\x02\x01\xb8\x12\x84"),
            [Answered(Data(b"\x00\x06\x00\x02\x01\xb8\x12\x84"))],
            id="a queue",
        ),
        pytest.param(
            read_fifo(17, 1), rtu_frame(17, b"\x18\x00\x06\x00\x03\x01\xb8\x12\x84"), [], id="a queue that lies"
        ),
        pytest.param(read_fifo(17, 1), rtu_frame(17, b"\x98\x03"), [Answered(Refusal(3))], id="refused queue"),
        pytest.param(
            read_device_identification(17),
            rtu_frame(17, b"\x2b\x0e\x01\x01\x00\x00\x02\x00\x02ab\x01\x00"),
            [Answered(Data(b"\x0e\x01\x01\x00\x00\x02\x00\x02ab\x01\x00"))],
            id="identification",
        ),
        pytest.param(
            read_device_identification(17),
            rtu_frame(17, b"\x2b\x0e\x02\x01\x00\x00\x01\x00\x02ab"),
            [STRAY_SHAPE],
            id="identification of another level",
        ),
        pytest.param(
            read_device_identification(17),
            rtu_frame(17, b"\x2b\x0e\x01\x01\x00\x00\x02\x00\x02ab\x01\x00")[:-1] + b"\0",
            [Broken("crc")],
            id="damaged identification",
        ),
    ],
)  # fmt: skip
def test_replies_of_other_functions(request_: Request, stream: bytes, expected: list[Event]) -> None:
    assert hears(stream, request_) == expected


def test_a_broadcast_expects_nothing_and_takes_nothing_for_an_answer() -> None:
    framer = RtuFramer()
    request = write_register(0, 1, 3)
    frame = framer.begin(request)
    assert framer.reply_size == 0
    assert events(framer, frame + WRITE_FRAME) == [Stray("echo", 0), Stray("wrong_unit", 17)]
    assert framer.feed(b"\0\6\0") is None
    assert framer.abandon() == Leftover(3, "noise")


@pytest.mark.parametrize(
    ("request_", "stream", "expected"),
    [
        pytest.param(ASKED, SENT + REPLY, [GOOD], id="read"),
        pytest.param(ASKED, REPLY, [GOOD], id="no echo after all"),
        pytest.param(ASKED, rtu_frame(17, b"\x83\x02"), [Answered(Refusal(2))], id="no echo and an exception"),
        pytest.param(ASKED, b"\xff" + SENT + REPLY, [GOOD], id="noise before the echo"),
        pytest.param(ASKED, SENT + SENT + REPLY, [ECHO, GOOD], id="two echoes"),
        pytest.param(WRITE, WRITE_FRAME, [], id="the echo of a write confirms nothing"),
        pytest.param(WRITE, WRITE_FRAME * 2, [Answered(Data(b""))], id="echo and confirmation"),
        pytest.param(WRITE, b"\xfe" + WRITE_FRAME, [], id="nor does it behind noise"),
        pytest.param(WRITE, b"\x01\x01\x50" + WRITE_FRAME, [], id="nor inside what may be a frame"),
        pytest.param(WRITE, b"\x01\x01\x50" + WRITE_FRAME * 2, [Answered(Data(b""))], id="noise, echo, confirmation"),
    ],
)
def test_an_adapter_that_hears_itself(request_: Request, stream: bytes, expected: list[Event]) -> None:
    assert hears(stream, request_, echo=True) == expected
