from itertools import pairwise

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.ports.port import LineFaults, LinkDown
from drivers.ports.raw import (
    FixedSplitter,
    GapSplitter,
    OversizeMessage,
    Splitter,
    TerminatorSplitter,
    read_message,
)


class ScriptedPort:
    """A device that talks by itself: what arrives when."""

    name = "scale"

    def __init__(self, *script: tuple[float, bytes]) -> None:
        self._script = list(script)

    async def send(self, data: bytes) -> None:
        raise NotImplementedError

    async def receive(self, deadline: float) -> bytes | None:
        if not self._script:
            await trio.sleep_until(deadline)
            return None
        at, data = self._script[0]
        await trio.sleep_until(min(at, deadline))
        if at > deadline:
            return None
        del self._script[0]
        if not data:
            raise LinkDown("hung_up", "unplugged")
        return data

    def drain(self) -> bytes:
        return b""

    async def pause_until(self, moment: float) -> None:
        await trio.sleep_until(moment)

    def faults(self) -> LineFaults | None:
        return None

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def messages(splitter: Splitter, *chunks: bytes) -> list[bytes]:
    found = []
    for chunk in chunks:
        splitter.feed(chunk, 0.0)
        while True:
            try:
                message = splitter.take(0.0)
            except OversizeMessage as oversize:
                message = b"OVERSIZE " + oversize.beginning
            if message is None:
                break
            found.append(message)
    return found


@settings(max_examples=200)
@given(
    lines=st.lists(st.binary(max_size=20).filter(lambda line: b"\r" not in line and b"\n" not in line), max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=10),
)
def test_any_chunking_gives_the_same_messages(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\r\n" for line in lines)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[a:b] for a, b in pairwise(edges)]
    assert messages(TerminatorSplitter(b"\r\n", limit=20), *chunks) == lines


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_an_oversize_message_is_reported_and_the_next_is_whole(chunk: int) -> None:
    stream = b"0123456789abcdef\r\nnext\r\n"
    chunks = [stream[i : i + chunk] for i in range(0, len(stream), chunk)]
    assert messages(TerminatorSplitter(b"\r\n", limit=10), *chunks) == [b"OVERSIZE 0123456789", b"next"]


def test_endless_noise_without_terminator_stays_bounded() -> None:
    splitter = TerminatorSplitter(b"\r\n", limit=10)
    found = messages(splitter, *[b"x" * 500] * 100, b"\r\nok\r\n")
    assert found == [b"OVERSIZE xxxxxxxxxx", b"ok"]
    assert len(splitter._buffer) == 0


def test_fixed_length_messages() -> None:
    assert messages(FixedSplitter(3), b"ab", b"cdefg") == [b"abc", b"def"]


def test_a_lost_character_does_not_shift_what_follows() -> None:
    splitter = FixedSplitter(3, gap_s=0.1)
    splitter.feed(b"ab", 0.0)
    assert splitter.take(0.0) is None
    splitter.feed(b"def", 1.0)
    assert splitter.take(1.0) == b"def"
    assert splitter.dropped == 1


@pytest.mark.parametrize("wrong", [lambda: TerminatorSplitter(b""), lambda: FixedSplitter(0)])
def test_rules_that_make_no_sense_are_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(ValueError, match="at least one byte"):
        wrong()


async def test_silence_ends_a_message(autojump_clock: trio.testing.MockClock) -> None:
    port = ScriptedPort((1.0, b"12"), (1.01, b"34"), (2.0, b"56"))
    splitter = GapSplitter(0.05)
    assert await read_message(port, splitter, 10.0) == b"1234"
    assert trio.current_time() == pytest.approx(1.06)
    assert await read_message(port, splitter, 10.0) == b"56"
    assert await read_message(port, splitter, 10.0) is None
    assert trio.current_time() == 10.0


class HeldUpPort(ScriptedPort):
    """Its reader is woken late: bytes are there by then, and nobody knows since when."""

    async def receive(self, deadline: float) -> bytes | None:
        return await super().receive(max(deadline, trio.current_time() + 0.5))


@pytest.mark.parametrize(("before", "after"), [(b"12.0", b"12.5"), (b"12", b".5")])
async def test_bytes_that_are_found_too_late_are_neither_joined_nor_cut(
    before: bytes, after: bytes, autojump_clock: trio.testing.MockClock
) -> None:
    """12.0 and 12.5 are no 12.012.5, and 12.5 is no 12."""
    splitter = GapSplitter(0.02)
    assert await read_message(HeldUpPort((1.0, before), (1.3, after)), splitter, 1.1) is None
    port = ScriptedPort((2.0, b"13.0"), (2.01, b"00"))
    assert await read_message(port, splitter, 10.0) == b"13.000"
    assert splitter.dropped == 1


async def test_a_message_cut_by_the_deadline_is_kept(autojump_clock: trio.testing.MockClock) -> None:
    port = ScriptedPort((1.0, b"12"), (3.0, b"34\n"))
    splitter = TerminatorSplitter(b"\n")
    assert await read_message(port, splitter, 2.0) is None
    assert await read_message(port, splitter, 4.0) == b"1234"


async def test_raw_gives_each_delivery(autojump_clock: trio.testing.MockClock) -> None:
    port = ScriptedPort((1.0, b"12"), (1.01, b"34"))
    splitter = GapSplitter(0.0)
    assert await read_message(port, splitter, 10.0) == b"12"
    assert await read_message(port, splitter, 10.0) == b"34"


async def test_a_babbling_device_is_reported_once_a_burst(autojump_clock: trio.testing.MockClock) -> None:
    port = ScriptedPort(*[(1 + i / 100, b"x" * 8) for i in range(10)], (2.0, b"ok"))
    splitter = GapSplitter(0.05, limit=16)
    with pytest.raises(OversizeMessage, match="longer than 16") as oversize:
        await read_message(port, splitter, 10.0)
    assert oversize.value.beginning == b"x" * 16
    assert await read_message(port, splitter, 10.0) == b"ok"


async def test_an_unplugged_device_is_told(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(LinkDown):
        await read_message(ScriptedPort((1.0, b"")), TerminatorSplitter(b"\n"), 10.0)
