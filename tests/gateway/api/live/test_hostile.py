"""Frames made by hand: what RFC 6455 allows is understood, what it forbids is closed with the code it names."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, Pong

from tests.gateway.api.live.stage import Peer, Stage, on_stage

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
MASK = b"\x11\x22\x33\x44"


def frame(kind: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A frame of a client (RFC 6455, 5.2)."""
    first = (0x80 if final else 0) | reserved << 4 | kind
    length = len(payload)
    if length < 126:
        head = bytes((first, (0x80 if masked else 0) | length))
    elif length < 65536:
        head = bytes((first, (0x80 if masked else 0) | 126)) + struct.pack("!H", length)
    else:
        head = bytes((first, (0x80 if masked else 0) | 127)) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))


def pieces(payload: bytes, *cuts: int) -> bytes:
    """A text in frames."""
    edges = [0, *cuts, len(payload)]
    parts = [payload[begin:end] for begin, end in pairwise(edges)]
    return b"".join(
        frame(CONTINUATION if place else TEXT, part, final=place == len(parts) - 1) for place, part in enumerate(parts)
    )


ASK = '{"type": "subscribe", "patterns": ["alarm:*"], "filter": {"name": ["Kessel größer 🜂"]}}'.encode()


async def closed_with(peer: Peer) -> int | None:
    """The code of the close frame, whatever comes before."""
    while (event := await peer.socket.receive()) is not None:
        if isinstance(event, CloseConnection):
            return int(event.code)
    return None


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, len(ASK)), max_size=12).map(sorted), st.integers(0, 3))
def test_a_text_may_come_in_any_pieces_and_with_pings_between_them(cuts: list[int], pings: int) -> None:
    async def play(stage: Stage) -> None:
        peer = await stage.peer()
        edges = [0, *cuts, len(ASK)]
        parts = [ASK[begin:end] for begin, end in pairwise(edges)]
        for place, part in enumerate(parts):
            kind, final = (CONTINUATION if place else TEXT), place == len(parts) - 1
            await peer.socket.stream.send_all(frame(kind, part, final=final))
            for number in range(pings if not final else 0):
                await peer.socket.stream.send_all(frame(PING, b"%d" % number))
                assert await peer.socket.receive() == Pong(payload=b"%d" % number)
        assert (await peer.hear())["patterns"] == ["alarm:*"]
        stage.announce(data={"name": "Kessel größer 🜂"})
        assert (await peer.hear())["data"] == {"name": "Kessel größer 🜂"}

    on_stage(play)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(TEXT, ASK, masked=False), 1002, id="no mask"),
        pytest.param(frame(PING, masked=False), 1002, id="a ping without a mask"),
        *(pytest.param(frame(TEXT, ASK, reserved=bit), 1002, id=f"reserved bit {bit}") for bit in (1, 2, 4)),
        *(pytest.param(frame(kind, b""), 1002, id=f"unknown kind {kind}") for kind in (3, 7, 11, 15)),
        pytest.param(frame(CONTINUATION, b"x"), 1002, id="goes on with nothing"),
        pytest.param(frame(TEXT, b"x", final=False) + frame(TEXT, b"y"), 1002, id="a text within a text"),
        pytest.param(frame(TEXT, b"x", final=False) + frame(BINARY, b"y"), 1002, id="bytes within a text"),
        pytest.param(frame(PING, b"", final=False), 1002, id="a ping in pieces"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1000), final=False), 1002, id="a close in pieces"),
        pytest.param(frame(PING, bytes(126)), 1002, id="a ping too long"),
        pytest.param(frame(CLOSE, struct.pack("!H", 1000) + bytes(124)), 1002, id="a close too long"),
        pytest.param(frame(CLOSE, b"\x03"), 1002, id="half a close code"),
        *(
            pytest.param(frame(CLOSE, struct.pack("!H", code)), 1002, id=f"close code {code}")
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
        pytest.param(frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007, id="a reason that is no UTF-8"),
        pytest.param(frame(TEXT, b"\xc3"), 1007, id="half a letter"),
        pytest.param(frame(TEXT, b"\xed\xa0\x80"), 1007, id="a surrogate"),
        pytest.param(frame(TEXT, b"\xc0\xaf"), 1007, id="an overlong letter"),
        pytest.param(frame(TEXT, b"\xf5\x80\x80\x80"), 1007, id="beyond Unicode"),
        pytest.param(frame(TEXT, b"\xff", final=False), 1007, id="no UTF-8, told before the end"),
        pytest.param(
            bytes((0x81, 0xFE)) + struct.pack("!H", 5) + MASK + bytes(5), 1002, id="a length written too long"
        ),
        pytest.param(bytes((0x81, 0xFF)) + struct.pack("!Q", 1 << 63) + MASK, 1002, id="a length below zero"),
        pytest.param(frame(TEXT, b" " * 65_537), 1009, id="too long"),
        pytest.param(pieces(b" " * 70_000, 30_000, 60_000), 1009, id="too long in pieces"),
        pytest.param(frame(BINARY, b"{}"), 1003, id="bytes"),
        pytest.param(frame(PING) * 1200, 1008, id="a flood of pings"),
        pytest.param(frame(PONG) * 1200, 1008, id="a flood of pongs"),
        pytest.param(
            frame(TEXT, b"", final=False) + frame(CONTINUATION, b"", final=False) * 1200, 1008, id="pieces of nothing"
        ),
        pytest.param(frame(TEXT, b'{"type":"ping"}') * 60, 4429, id="a flood of frames"),
    ],
)
async def test_what_is_forbidden_closes_with_its_code_and_nobody_else_notices(
    stage: Stage, autojump_clock: MockClock, sent: bytes, code: int
) -> None:
    other, peer = await stage.peer(), await stage.peer()
    for each in (other, peer):
        await each.ask("subscribe", channels=["alarms"])
    await peer.socket.stream.send_all(sent)
    assert await closed_with(peer) == code
    # A peer that does not close in its turn is left after a moment.
    assert await peer.socket.receive() is None
    await wait_all_tasks_blocked()
    assert stage.live.figures.open == 1
    stage.announce()
    assert (await other.hear())["seq"] == 1


async def test_after_its_close_frame_a_peer_is_not_listened_to(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.socket.stream.send_all(frame(CLOSE, struct.pack("!H", 4000)) + frame(TEXT, ASK) + frame(PING))
    assert await closed_with(peer) == 4000
    assert await peer.socket.receive() is None


async def test_a_message_of_the_longest_length_is_taken(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.socket.stream.send_all(frame(TEXT, b'{"type": "ping"}'.ljust(65_536)))
    assert await peer.hear() == {"type": "pong"}


async def test_pings_at_a_pace_are_answered_for_ever(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.peer()
    for number in range(1100):
        await peer.socket.send(Ping(payload=b"%d" % number))
        answer = await peer.socket.receive()
        while isinstance(answer, Ping):
            answer = await peer.socket.receive()
        assert answer == Pong(payload=b"%d" % number)
        await trio.sleep(0.02)


async def test_a_flood_after_our_close_frame_is_not_read(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.peer()
    await peer.socket.stream.send_all(frame(BINARY, b"x"))
    assert await closed_with(peer) == 1003
    for _ in range(20):
        await peer.socket.stream.send_all(frame(PING) * 1000)
    assert await peer.socket.receive() is None


async def test_a_long_event_and_a_pong_do_not_get_into_each_other(stage: Stage) -> None:
    peer = await stage.peer(lockstep=True)
    await peer.ask("subscribe", channels=["alarms"])
    data = {"message": "x" * 300_000}
    async with trio.open_nursery() as nursery:

        async def ping() -> None:
            for _ in range(3):
                await peer.socket.stream.send_all(frame(PING, b"now"))

        nursery.start_soon(ping)
        for _ in range(3):
            stage.announce(data=data)
        heard = [await peer.hear() for _ in range(3)]
    assert [json.dumps(event["data"]) for event in heard] == [json.dumps(data)] * 3
