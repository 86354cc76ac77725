"""Parts of files: what is answered is what was asked for, and always within the file."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.rest.problems import Problem
from gateway.api.rest.ranges import part_of, range_header

TAG = b'"abc"'


def asked(text: bytes, size: int, method: str = "GET", *more: tuple[bytes, bytes]) -> tuple[int, int] | int | None:
    """The part; the status where there is a problem."""
    try:
        return part_of({"method": method, "headers": [(b"range", text), *more]}, size, TAG)
    except Problem as problem:
        return problem.status


@given(st.integers(0, 50), st.integers(0, 50), st.integers(1, 40))
@settings(deadline=None)
def test_a_range_is_what_a_slice_of_the_file_is(first: int, last: int, size: int) -> None:
    content = bytes(range(size))
    for text, wanted in (
        (f"bytes={first}-{last}", content[first : last + 1] if last >= first else None),
        (f"bytes={first}-", content[first:]),
        (f"bytes=-{last}", content[size - min(last, size) :]),
    ):
        found = asked(text.encode(), size)
        if wanted is None:
            assert found is None
        elif not wanted:
            assert found == 416
        else:
            assert isinstance(found, tuple)
            assert content[found[0] : found[1]] == wanted
            assert range_header(found, size)[0][1] == b"bytes %d-%d/%d" % (found[0], found[1] - 1, size)


@given(st.binary(max_size=20), st.integers(1, 40))
@settings(deadline=None)
def test_whatever_is_asked_for_lies_within_the_file(text: bytes, size: int) -> None:
    for found in (asked(text, size), asked(b"bytes=" + text, size)):
        assert found in {None, 416} or (isinstance(found, tuple) and 0 <= found[0] < found[1] <= size)


def test_only_get_has_parts_and_one_header_says_which() -> None:
    assert asked(b"bytes=0-1", 10, "HEAD") is None
    assert asked(b"bytes=0-1", 10, "GET", (b"range", b"bytes=2-3")) is None
    assert asked(b"bytes=0-1", 10, "GET", (b"if-range", TAG)) == (0, 2)
    assert asked(b"bytes=0-1", 10, "GET", (b"if-range", TAG), (b"if-range", TAG)) is None
