"""How a driver cuts the stream into pieces must not change what the framers say."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.modbus.ascii import AsciiFramer
from drivers.modbus.framing import Event, Framer, Leftover, Stray
from drivers.modbus.rtu import RtuFramer
from drivers.modbus.tcp import TcpFramer
from tests.drivers.modbus.fuzz_frames import Case, ascii_frame, cases, rtu_frame, tcp_frame

Wire = Callable[[int, bytes], bytes]


def hear(framer: Framer, case: Case, chunks: list[bytes]) -> tuple[list[Event], Leftover]:
    """Everything a framer says, and what it has left; it goes on listening after the end."""
    framer.begin(case.request)
    found: list[Event] = []
    for chunk in chunks:
        event = framer.feed(chunk)
        while event is not None:
            found.append(event)
            event = framer.feed(b"") if isinstance(event, Stray) else None
    return found, framer.abandon()


def flip(frame: bytes, at: int, bit: int) -> bytes:
    at %= len(frame)
    return frame[:at] + bytes((frame[at] ^ 1 << bit,)) + frame[at + 1 :]


@st.composite
def streams(draw: st.DrawFn, wire: Wire) -> tuple[Case, bytes]:
    """A request and a stream of replies, echoes, frames of others, pieces of these, and noise."""
    pool = cases(random.Random(draw(st.integers(0, 50))))
    case = draw(st.sampled_from(pool))
    unit = case.request.unit
    pdus = st.one_of(
        st.just(case.reply),
        st.just(case.refusal),
        st.sampled_from(pool).map(lambda other: other.reply),
        st.sampled_from(pool).map(lambda other: other.request.pdu),
        st.just(case.request.pdu),
    )
    units = st.sampled_from([unit, unit, unit % 247 + 1, 3])
    frames = st.builds(wire, units, pdus)
    cuts = st.builds(lambda frame, a, b: frame[min(a, b) : max(a, b)], frames, st.integers(0, 30), st.integers(0, 30))
    flips = st.builds(flip, frames, st.integers(0, 300), st.integers(0, 7))
    noise = st.lists(st.sampled_from([unit, case.request.function, 3, 0, 0x10, 0x2B, 0x83, 0x3A]), max_size=12).map(
        bytes
    )
    parts = draw(st.lists(st.one_of(frames, cuts, flips, noise, st.binary(max_size=4)), min_size=1, max_size=5))
    return case, b"".join(parts)


def tcp(unit: int, pdu: bytes) -> bytes:
    return tcp_frame(1 if unit != 3 else 9, unit, pdu)


@pytest.mark.parametrize(
    ("make", "wire"),
    [
        pytest.param(RtuFramer, rtu_frame, id="rtu"),
        pytest.param(lambda: RtuFramer(echo=True), rtu_frame, id="rtu with echo"),
        pytest.param(TcpFramer, tcp, id="tcp"),
        pytest.param(AsciiFramer, ascii_frame, id="ascii"),
        pytest.param(lambda: AsciiFramer(echo=True), ascii_frame, id="ascii with echo"),
    ],
)
@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_any_split_gives_the_same_events(make: Callable[[], Framer], wire: Wire, data: st.DataObject) -> None:
    case, stream = data.draw(streams(wire))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = hear(make(), case, [stream])
    assert hear(make(), case, chunks) == whole
    assert hear(make(), case, [stream[i : i + 1] for i in range(len(stream))]) == whole
