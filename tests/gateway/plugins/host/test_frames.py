"""Lines out of bytes: whole, bounded, whatever the pieces were."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.host.frames import LineReader, TooLong

LINES = st.lists(st.binary(min_size=1, max_size=20).filter(lambda line: b"\n" not in line), max_size=8)


@settings(max_examples=200)
@given(lines=LINES, cuts=st.lists(st.integers(0, 200), max_size=8))
def test_pieces_do_not_matter(lines: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    reader = LineReader(10)
    found = []
    for start, end in pairwise(sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})):
        found += reader.feed(stream[start:end])
        assert reader.held <= 10
    whole = [TooLong(len(line)) if len(line) > 10 else line.strip(b" \t\r") for line in lines]
    assert found == [line for line in whole if line != b""]


def test_a_line_without_an_end_takes_no_memory() -> None:
    reader = LineReader(1024)
    for _ in range(1000):
        assert reader.feed(b"x" * 1024) == []
        assert reader.held <= 1024
    assert reader.feed(b"\nnext\n") == [TooLong(1_024_000), b"next"]


def test_what_stands_at_the_end_counts_as_a_line() -> None:
    reader = LineReader()
    assert reader.feed(b"one\r\n\n  \ntwo") == [b"one"]
    assert reader.end() == b"two"
    assert reader.end() is None
