"""The ASCII framer: colons and line ends make frames, the LRC and the request decide what they are."""

import pytest

from drivers.modbus.ascii import AsciiFramer
from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.pdu import Data, Refusal, Request, read_registers, write_register
from drivers.modbus.rare import read_fifo
from tests.drivers.modbus.fuzz_frames import ascii_frame

ASKED = read_registers(17, 3, 0x6B, 3)
SENT = b":1103006B00037E\r\n"
VALUES = bytes.fromhex("022b 0000 0064")
REPLY = ascii_frame(17, b"\x03\x06" + VALUES)
GOOD = Answered(Data(VALUES))
WRITE = write_register(17, 1, 3)
WRITE_FRAME = ascii_frame(17, WRITE.pdu)


def events(framer: AsciiFramer, stream: bytes) -> list[Event]:
    found = []
    event = framer.feed(stream)
    while event is not None:
        found.append(event)
        if not isinstance(event, Stray):
            break
        event = framer.feed(b"")
    return found


def hears(stream: bytes, request: Request = ASKED, *, echo: bool = False) -> list[Event]:
    framer = AsciiFramer(echo=echo)
    framer.begin(request)
    return events(framer, stream)


def test_the_request_on_the_wire() -> None:
    framer = AsciiFramer()
    assert (framer.request_size, framer.reply_size) == (0, 0)
    assert framer.begin(ASKED) == SENT
    assert (framer.request_size, framer.reply_size) == (len(SENT), len(REPLY))


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(REPLY, [GOOD], id="the reply"),
        pytest.param(REPLY.lower(), [GOOD], id="lower case"),
        pytest.param(b"\xff\r\n12" + REPLY, [GOOD], id="noise in front"),
        pytest.param(REPLY[:9] + REPLY, [GOOD], id="a frame cut off by the next"),
        pytest.param(b":" + b"0" * 600 + b"\r\n" + REPLY, [GOOD], id="an endless frame"),
        pytest.param(b":zz\r\n:\r\n:1\r\n" + REPLY, [GOOD], id="no hexadecimal"),
        pytest.param(REPLY.replace(b"2B", b"2C"), [Broken("crc")], id="wrong LRC"),
        pytest.param(REPLY.replace(b"2B", b"2G"), [Broken("crc")], id="a character that is no digit"),
        pytest.param(b":118399\r\n", [Broken("crc")], id="damaged exception"),
        pytest.param(ascii_frame(18, b"\x83\x02")[:-3] + b"0\r\n" + REPLY, [GOOD], id="damage of another unit"),
        pytest.param(ascii_frame(17, b"\x83\x02"), [Answered(Refusal(2))], id="exception"),
        pytest.param(SENT + REPLY, [Stray("echo", 17), GOOD], id="echo"),
        pytest.param(ascii_frame(18, b"\x83\x02") + REPLY, [Stray("wrong_unit", 18), GOOD], id="other unit"),
        pytest.param(ascii_frame(17, b"\x84\x02"), [Stray("wrong_function", 17)], id="other function"),
        pytest.param(ascii_frame(17, b"\x03\x02\0\0"), [Stray("wrong_shape", 17)], id="other size"),
    ],
)
def test_strictness(stream: bytes, expected: list[Event]) -> None:
    assert hears(stream) == expected


def test_a_line_that_never_ends_is_not_kept() -> None:
    framer = AsciiFramer()
    framer.begin(ASKED)
    assert events(framer, b":1103" + b"0" * 600) == []
    assert events(framer, b"7E\r\n" + REPLY) == [GOOD]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (WRITE_FRAME, []),
        (WRITE_FRAME * 2, [Answered(Data(b""))]),
        (b"x" + WRITE_FRAME * 2, [Answered(Data(b""))]),
        (ascii_frame(17, b"\x86\x03"), [Answered(Refusal(3))]),
    ],
)
def test_an_adapter_that_hears_itself(stream: bytes, expected: list[Event]) -> None:
    assert hears(stream, WRITE, echo=True) == expected


def test_a_broadcast_expects_nothing() -> None:
    framer = AsciiFramer()
    frame = framer.begin(write_register(0, 1, 3))
    assert framer.reply_size == 0
    assert events(framer, frame + WRITE_FRAME) == [Stray("echo", 0), Stray("wrong_unit", 17)]
    framer.feed(b":0006")
    assert framer.abandon() == Leftover(5, "noise")


def test_a_reply_of_unknown_size_ends_with_its_line() -> None:
    framer = AsciiFramer()
    framer.begin(read_fifo(17, 1))
    assert framer.reply_size == 0
    assert events(framer, ascii_frame(17, b"\x18\x00\x02\x00\x00")) == [Answered(Data(b"\x00\x02\x00\x00"))]


@pytest.mark.parametrize(
    ("stream", "leftover"),
    [
        (b"", Leftover(0, "none")),
        (REPLY[:-1], Leftover(len(REPLY) - 1, "short")),
        (b":11830", Leftover(6, "short")),
        (b":1203", Leftover(5, "noise")),
        (b"\x80" * 30, Leftover(30, "crc")),
    ],
)
def test_what_lay_there_when_the_wait_was_given_up(stream: bytes, leftover: Leftover) -> None:
    framer = AsciiFramer()
    framer.begin(ASKED)
    assert events(framer, stream) == []
    assert framer.abandon() == leftover
    assert framer.abandon() == Leftover(0, "none")


def test_what_comes_after_the_answer_is_counted_and_never_answers_again() -> None:
    framer = AsciiFramer()
    framer.begin(ASKED)
    assert events(framer, REPLY + b"12") == [GOOD]
    assert framer.feed(REPLY) is None
    assert framer.abandon() == Leftover(2 + len(REPLY), "noise")
    assert framer.feed(REPLY) is None
