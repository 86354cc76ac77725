"""The lean TLS stream: whatever the network and the peer do, nothing is lost, mixed up, or sent after a fault."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Coroutine, Iterable
from itertools import pairwise
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.streams.encrypted import Encrypted
from tests.gateway.streams.cable import Cable, Caller, Forger, connect
from tests.gateway.streams.conftest import Contexts

messages = st.lists(st.binary(min_size=1, max_size=200) | st.integers(1, 40_000).map(bytes), max_size=6)
cuts = st.lists(st.integers(0, 2**16), max_size=12)
few = settings(max_examples=60, deadline=None)


def in_virtual_time(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    trio.run(scenario, clock=MockClock(autojump_threshold=0))


def split(sealed: bytes, places: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces that are not empty."""
    ends = sorted({place % (len(sealed) + 1) for place in places} | {0, len(sealed)})
    return [sealed[start:end] for start, end in pairwise(ends)]


async def read_all(stream: Encrypted) -> tuple[bytes, bool]:
    """What comes until the end, and whether that was a fault."""
    found = b""
    try:
        while data := await stream.receive_some():
            found += data
    except trio.BrokenResourceError:
        return found, True
    return found, False


@given(sent=messages, places=cuts, last=st.sampled_from([b"", b"close_notify"]))
@few
def test_what_was_sent_arrives_however_its_records_are_split(
    contexts: Contexts, sent: list[bytes], places: list[int], last: bytes
) -> None:
    async def scenario() -> None:
        stream, cable, caller = await connect(contexts.server, contexts.client)
        sealed = b"".join(map(caller.seal, sent)) + (caller.end() if last else b"")
        cable.bring(*split(sealed, places), b"")
        assert await read_all(stream) == (b"".join(sent), False)
        assert await stream.receive_some() == b""

    in_virtual_time(scenario)


@given(sent=messages, place=st.integers(0, 2**20), places=cuts)
@few
def test_of_what_is_cut_off_the_whole_records_arrive(
    contexts: Contexts, sent: list[bytes], place: int, places: list[int]
) -> None:
    async def scenario() -> None:
        stream, cable, caller = await connect(contexts.server, contexts.client)
        records = [caller.seal(message) for message in sent]
        sealed = b"".join(records)
        cut = sealed[: place % (len(sealed) + 1)]
        cable.bring(*split(cut, places), b"")
        found, faulty = await read_all(stream)
        assert b"".join(sent).startswith(found)
        assert not faulty
        whole = [message for number, message in enumerate(sent) if len(b"".join(records[: number + 1])) <= len(cut)]
        assert found.startswith(b"".join(whole))

    in_virtual_time(scenario)


@given(sent=messages.filter(bool), place=st.integers(0, 2**20), flip=st.integers(1, 255), places=cuts)
@few
def test_behind_a_changed_byte_nothing_is_read_and_nothing_sent(
    contexts: Contexts, sent: list[bytes], place: int, flip: int, places: list[int]
) -> None:
    async def scenario() -> None:
        stream, cable, caller = await connect(contexts.server, contexts.client)
        sealed = bytearray(b"".join(map(caller.seal, sent)))
        sealed[place % len(sealed)] ^= flip
        cable.bring(*split(bytes(sealed), places), b"")
        found, faulty = await read_all(stream)
        # The two bytes of the version in a record's head mean nothing (RFC 8446, 5.1).
        whole = found == b"".join(sent)
        assert b"".join(sent).startswith(found)
        if faulty and not whole:
            with pytest.raises(trio.BrokenResourceError):
                await stream.send_all(b"never")
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()
            assert b"never" not in caller_reads(caller, cable)

    in_virtual_time(scenario)


def caller_reads(caller: Caller, cable: Cable) -> bytes:
    try:
        return caller.open(bytes(cable.sent))[0]
    except OSError:
        # The alert.
        return b""


@given(sent=messages, before=st.integers(0, 5), places=cuts)
@few
def test_what_came_before_an_alert_arrives(
    contexts: Contexts, sent: list[bytes], before: int, places: list[int]
) -> None:
    async def scenario() -> None:
        stream, cable, caller = await connect(contexts.server, contexts.client)
        kept = sent[:before]
        sealed = b"".join(map(caller.seal, kept))
        # A record that means nothing makes the caller's library complain to the server.
        with pytest.raises(OSError, match="SSL"):
            caller.open(b"\x17\x03\x03\x00\x20" + bytes(32))
        cable.bring(*split(sealed + caller.outgoing.read(), places), b"")
        assert await read_all(stream) == (b"".join(kept), True)
        with pytest.raises(trio.BrokenResourceError):
            await stream.send_all(b"never")

    in_virtual_time(scenario)


@given(sent=messages.filter(bool), places=cuts, patience=st.lists(st.integers(0, 3), min_size=1))
@few
def test_a_receive_that_is_cancelled_loses_nothing(
    contexts: Contexts, sent: list[bytes], places: list[int], patience: list[int]
) -> None:
    async def scenario() -> None:
        stream, cable, caller = await connect(contexts.server, contexts.client)
        pieces = split(b"".join(map(caller.seal, sent)), places)

        async def deliver() -> None:
            for piece in [*pieces, b""]:
                await trio.sleep(1)
                cable.bring(piece)

        found, number, over = b"", 0, False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            while not over:
                with trio.move_on_after(patience[number % len(patience)] / 2 if number < 30 else math.inf):
                    data = await stream.receive_some()
                    found, over = found + data, not data
                number += 1
                await trio.sleep(0.1)
        assert found == b"".join(sent)

    in_virtual_time(scenario)


@given(sent=messages, takes=st.lists(st.integers(0, 20_000), max_size=20))
@few
def test_what_several_tasks_send_arrives_whole_and_in_their_order(
    contexts: Contexts, sent: list[bytes], takes: list[int]
) -> None:
    async def scenario() -> None:
        stream, cable, caller = await connect(contexts.server, contexts.client, write_time=1000.0)
        cable.takes.extend(takes)

        async def send(letter: bytes) -> None:
            for number, message in enumerate(sent):
                await stream.send_all(b"<%b%d:" % (letter, number) + message.replace(b"<", b"") + b">")

        async with trio.open_nursery() as nursery:
            for letter in (b"a", b"b", b"c"):
                nursery.start_soon(send, letter)
        cable.takes.clear()
        await stream.aclose()
        found, over = caller.open(bytes(cable.sent))
        assert over
        heads = re.findall(rb"<([abc])(\d+):", found)
        for letter in (b"a", b"b", b"c"):
            assert [int(number) for who, number in heads if who == letter] == list(range(len(sent)))

    in_virtual_time(scenario)


async def test_a_long_answer_arrives_as_it_was(contexts: Contexts, autojump_clock: MockClock) -> None:
    stream, cable, caller = await connect(contexts.server, contexts.client)
    long = bytes(range(256)) * 5000
    cable.takes.extend([100, 5, 0, 70_000])
    await stream.send_all(long)
    assert caller.open(bytes(cable.sent)) == (long, False)


async def test_who_sends_again_and_again_leaves_time_for_others(contexts: Contexts, autojump_clock: MockClock) -> None:
    stream, cable, caller = await connect(contexts.server, contexts.client)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for _ in range(200):
            await stream.send_all(b"pong")
        assert turns >= 20
        nursery.cancel_scope.cancel()
    assert caller.open(bytes(cable.sent)) == (b"pong" * 200, False)


@pytest.mark.parametrize("how", ["too slow", "cancelled"])
async def test_after_a_send_that_was_given_up_nothing_more_goes_out(
    contexts: Contexts, autojump_clock: MockClock, how: str
) -> None:
    stream, cable, _ = await connect(contexts.server, contexts.client)
    cable.takes.append(10)
    cable.stuck = True
    if how == "cancelled":
        with trio.move_on_after(3):
            await stream.send_all(b"half of this is out")
        assert trio.current_time() == pytest.approx(3, abs=0.5)
    else:
        with pytest.raises(trio.TooSlowError):
            await stream.send_all(b"half of this is out")
        assert trio.current_time() == pytest.approx(8, abs=0.5)
    cable.stuck = False
    with pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"more")
    await stream.aclose()
    assert len(cable.sent) == 10
    assert cable.closed


async def test_a_peer_that_has_ended_its_half_is_still_answered(contexts: Contexts, autojump_clock: MockClock) -> None:
    stream, cable, caller = await connect(contexts.server, contexts.client)
    cable.bring(caller.seal(b"question") + caller.end())
    assert await stream.receive_some() == b"question"
    assert await stream.receive_some() == b""
    await stream.send_all(b"answer")
    await stream.aclose()
    assert caller.open(bytes(cable.sent)) == (b"answer", True)


async def test_closing_says_that_all_was_said_and_aborting_does_not(
    contexts: Contexts, autojump_clock: MockClock
) -> None:
    for close, said in ((Encrypted.aclose, True), (Encrypted.abort, False)):
        stream, cable, caller = await connect(contexts.server, contexts.client)
        await stream.send_all(b"so far")
        await close(stream)
        assert cable.closed
        assert caller.open(bytes(cable.sent)) == (b"so far", said)
        for use in (stream.send_all(b"x"), stream.receive_some()):
            with pytest.raises(trio.ClosedResourceError):
                await use
        await close(stream)


async def test_closing_does_not_wait_for_a_peer_that_does_not_read(
    contexts: Contexts, autojump_clock: MockClock
) -> None:
    stream, cable, _ = await connect(contexts.server, contexts.client)
    cable.stuck = True
    cable.takes.append(0)
    await stream.aclose()
    assert cable.closed
    assert trio.current_time() < 1


async def test_what_comes_with_the_end_of_the_handshake_is_read(contexts: Contexts, autojump_clock: MockClock) -> None:
    stream, _, _ = await connect(contexts.server, contexts.client, at_once=b"at once")
    assert await stream.receive_some() == b"at once"


async def forged(contexts: Contexts) -> tuple[Encrypted, Cable, Caller, Forger]:
    stream, cable, caller = await connect(contexts.server, contexts.client)
    lines = contexts.secrets.read_text(encoding="ascii").splitlines()
    secret = [line.split()[2] for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")][-1]
    return stream, cable, caller, Forger(bytes.fromhex(secret))


async def test_a_forged_record_is_taken_for_what_it_says(contexts: Contexts, autojump_clock: MockClock) -> None:
    """What the tests below send arrives, so that what they show is not shown by a bad forgery."""
    stream, cable, _, forger = await forged(contexts)
    cable.bring(forger.seal(b"hello", 23))
    assert await stream.receive_some() == b"hello"


KEY_UPDATE = b"\x18\x00\x00\x01"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b"", 23, id="data without data"),
        pytest.param(KEY_UPDATE + b"\x02", 22, id="a key update of no kind"),
        pytest.param(KEY_UPDATE + b"\x00" + KEY_UPDATE + b"\x00", 22, id="two key updates in one record"),
        pytest.param(b"\x01\x00\x00\x02\x03\x03", 22, id="a second hello of the client"),
        pytest.param(b"\x00\x00\x00\x00", 22, id="a hello request"),
        pytest.param(b"\x04\x00\x00\x00", 22, id="a ticket from a client"),
        pytest.param(b"\x0b\x00\x00\x04\x00\x00\x00\x00", 22, id="a certificate nobody asked for"),
        pytest.param(b"\x01", 20, id="a change of the cipher"),
        pytest.param(b"\x02\x28", 21, id="a fatal alert"),
        pytest.param(b"\x01", 24, id="a heartbeat"),
    ],
)
async def test_nothing_that_has_no_place_after_the_handshake_goes_on_for_ever(
    contexts: Contexts, autojump_clock: MockClock, content: bytes, kind: int
) -> None:
    stream, cable, caller, forger = await forged(contexts)
    cable.bring(*(b"".join(forger.seal(content, kind) for _ in range(100)) for _ in range(40)))
    with pytest.raises(trio.BrokenResourceError), trio.fail_after(1):
        await stream.receive_some()
    assert cable.coming, "it went on reading"
    assert len(cable.sent) < 1000
    del caller


async def test_new_keys_are_taken_and_answered_with_new_ones(contexts: Contexts, autojump_clock: MockClock) -> None:
    stream, cable, caller, forger = await forged(contexts)
    cable.bring(forger.seal(b"before", 23) + forger.seal(KEY_UPDATE + b"\x01", 22))
    assert await stream.receive_some() == b"before"
    # The answer of the server goes on under its own new keys, which the client follows.
    await stream.send_all(b"after")
    assert caller.open(bytes(cable.sent)) == (b"after", False)


async def test_a_handshake_that_fails_leaves_an_alert_and_no_stream(
    contexts: Contexts, autojump_clock: MockClock
) -> None:
    cable = Cable()
    stream = Encrypted(cable, contexts.server, 8.0)  # type: ignore[arg-type] # a cable is a Plain as far as it goes
    cable.bring(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(trio.BrokenResourceError):
        await stream.do_handshake()
    for use in (stream.send_all(b"x"), stream.receive_some()):
        with pytest.raises(trio.BrokenResourceError):
            await use
