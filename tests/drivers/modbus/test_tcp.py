"""The TCP framer: the transaction, the unit and the shape must all be those of the request."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.framing import Answered, Broken, Event, Leftover, Stray
from drivers.modbus.pdu import Data, Refusal, read_registers, write_register
from drivers.modbus.rare import read_fifo
from drivers.modbus.tcp import TcpFramer
from tests.drivers.modbus.fuzz_frames import tcp_frame

ASKED = read_registers(17, 3, 0x6B, 3)
VALUES = bytes.fromhex("022b 0000 0064")
PDU = b"\x03\x06" + VALUES
REPLY = tcp_frame(1, 17, PDU)
GOOD = Answered(Data(VALUES))


def events(framer: TcpFramer, stream: bytes) -> list[Event]:
    found = []
    event = framer.feed(stream)
    while event is not None:
        found.append(event)
        if not isinstance(event, Stray):
            break
        event = framer.feed(b"")
    return found


def hears(stream: bytes) -> list[Event]:
    framer = TcpFramer()
    framer.begin(ASKED)
    return events(framer, stream)


def test_every_request_takes_the_next_transaction_and_none_is_0() -> None:
    framer = TcpFramer()
    assert (framer.request_size, framer.reply_size) == (0, 0)
    assert framer.begin(ASKED) == tcp_frame(1, 17, ASKED.pdu)
    assert framer.begin(ASKED) == tcp_frame(2, 17, ASKED.pdu)
    assert (framer.request_size, framer.reply_size) == (12, len(REPLY))
    seen = {framer.begin(ASKED)[:2] for _ in range(0xFFFF)}
    assert len(seen) == 0xFFFF
    assert b"\0\0" not in seen


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        pytest.param(REPLY, [GOOD], id="the reply"),
        pytest.param(tcp_frame(9, 17, PDU) + REPLY, [Stray("wrong_transaction", 17), GOOD], id="late reply"),
        pytest.param(tcp_frame(0, 17, PDU) + REPLY, [Stray("wrong_transaction", 17), GOOD], id="transaction 0"),
        pytest.param(tcp_frame(1, 18, PDU) + REPLY, [Stray("wrong_unit", 18), GOOD], id="wrong unit"),
        pytest.param(tcp_frame(1, 17, b"\x04" + PDU[1:]), [Stray("wrong_function", 17)], id="wrong function"),
        pytest.param(tcp_frame(1, 17, b"\x84\x02"), [Stray("wrong_function", 17)], id="exception of another"),
        pytest.param(tcp_frame(1, 17, PDU[:-2]), [Stray("wrong_shape", 17)], id="count that lies"),
        pytest.param(tcp_frame(1, 17, b"\x03\x04" + VALUES[:4]), [Stray("wrong_shape", 17)], id="too few"),
        pytest.param(tcp_frame(1, 17, b"\x03\x05" + VALUES[:5]), [Stray("wrong_shape", 17)], id="odd count"),
        pytest.param(tcp_frame(1, 17, b"\x83\x77"), [Answered(Refusal(0x77))], id="exception"),
        pytest.param(tcp_frame(1, 17, b"\x83"), [Stray("wrong_shape", 17)], id="exception without a code"),
        pytest.param(b"\0\1\0\1" + REPLY[4:], [Broken("length")], id="protocol 1"),
        pytest.param(b"\0\1\0\0\xff\xff\x11", [Broken("length")], id="length 65535"),
        pytest.param(b"\0\1\0\0\0\xff\x11", [Broken("length")], id="length 255"),
        pytest.param(b"\0\1\0\0\0\1\x11", [Broken("length")], id="length 1"),
        pytest.param(b"\0\1\0\0\0\7" + REPLY[6:], [Stray("wrong_shape", 17)], id="length too short"),
        pytest.param(b"\0\1\0\0\0\x0a" + REPLY[6:], [], id="length too long"),
        pytest.param(REPLY + b"\0\1\2", [GOOD], id="trailing bytes"),
    ],
)
def test_strictness(stream: bytes, expected: list[Event]) -> None:
    assert hears(stream) == expected


def test_a_late_reply_never_answers_the_next_request() -> None:
    framer = TcpFramer()
    framer.begin(ASKED)
    assert framer.abandon() == Leftover(0, "none")
    framer.begin(ASKED)
    assert events(framer, REPLY + tcp_frame(2, 17, PDU)) == [Stray("wrong_transaction", 17), GOOD]


def test_the_rest_of_a_reply_that_was_given_up_in_its_middle_is_no_new_frame() -> None:
    framer = TcpFramer()
    framer.begin(ASKED)
    assert events(framer, REPLY[:9]) == []
    assert framer.abandon() == Leftover(9, "short")
    framer.begin(ASKED)
    assert events(framer, REPLY[9:]) == [Stray("wrong_transaction", 17)]
    assert events(framer, tcp_frame(2, 17, PDU)) == [GOOD]


def test_what_comes_behind_the_answer_is_the_beginning_of_the_next_frame() -> None:
    framer = TcpFramer()
    framer.begin(ASKED)
    assert events(framer, REPLY + REPLY[:5]) == [GOOD]
    framer.begin(ASKED)
    assert events(framer, REPLY[5:] + tcp_frame(2, 17, PDU)) == [Stray("wrong_transaction", 17), GOOD]


def test_answers_to_what_was_not_asked_yet_are_dropped_and_never_heaped_up() -> None:
    framer = TcpFramer()
    for number in range(1, 200):
        framer.begin(ASKED)
        early = b"".join(tcp_frame(number + more, 17, PDU) for more in range(1, 40))
        assert events(framer, tcp_frame(number, 17, PDU) + early) == [GOOD]
        framer.begin(ASKED)
        assert framer.abandon() == Leftover(0, "none")
        framer._transaction = number


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_however_replies_lag_behind_each_is_taken_for_its_own_request_or_none(lags: list[int], rng: Random) -> None:
    """A peer that answers in order, and later than it is waited for: at each request some bytes are still missing."""
    framer = TcpFramer()
    stream, heard = b"", 0
    for number, lag in enumerate(lags, 1):
        framer.begin(ASKED)
        stream += tcp_frame(number, 17, b"\x03\x06" + number.to_bytes(6, "big"))
        until = max(heard, len(stream) - lag)
        answers = []
        while heard < until:
            step = rng.randint(1, until - heard)
            answers += [event for event in events(framer, stream[heard : heard + step]) if isinstance(event, Answered)]
            heard += step
        assert answers == ([Answered(Data(number.to_bytes(6, "big")))] if heard == len(stream) else [])
        framer.abandon()


def test_unit_0_is_answered_on_tcp() -> None:
    framer = TcpFramer()
    request = write_register(0, 1, 3)
    framer.begin(request)
    assert framer.reply_size == 12
    assert events(framer, tcp_frame(1, 0, request.pdu)) == [Answered(Data(b""))]


def test_a_reply_of_unknown_size_ends_where_the_header_says() -> None:
    framer = TcpFramer()
    framer.begin(read_fifo(17, 1))
    assert framer.reply_size == 0
    queue = b"\x00\x06\x00\x02\x01\xb8\x12\x84"
    assert events(framer, tcp_frame(1, 17, b"\x18" + queue)) == [Answered(Data(queue))]
    framer.begin(read_fifo(17, 1))
    assert events(framer, tcp_frame(2, 17, b"\x18" + queue + b"\0")) == [Stray("wrong_shape", 17)]


@pytest.mark.parametrize(
    ("stream", "leftover"),
    [
        (b"", Leftover(0, "none")),
        (b"\0", Leftover(1, "short")),
        (REPLY[:-1], Leftover(len(REPLY) - 1, "short")),
        (b"\0\2\0", Leftover(3, "noise")),
    ],
)
def test_what_lay_there_when_the_wait_was_given_up(stream: bytes, leftover: Leftover) -> None:
    framer = TcpFramer()
    framer.begin(ASKED)
    assert events(framer, stream) == []
    assert framer.abandon() == leftover


def test_what_comes_after_the_answer_is_counted_and_never_answers_again() -> None:
    framer = TcpFramer()
    framer.begin(ASKED)
    assert events(framer, REPLY) == [GOOD]
    assert framer.feed(REPLY) is None
    assert framer.abandon() == Leftover(len(REPLY), "noise")


def test_requests_beyond_what_is_kept_prepared_are_sent_right() -> None:
    framer = TcpFramer()
    for number in range(1500):
        request = read_registers(1, 3, number, 1)
        assert framer.begin(request) == tcp_frame(number + 1, 1, request.pdu)
