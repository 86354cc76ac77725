"""What is printed: tables that line up, colour only where it is wanted, nothing a device could do to a terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import struct
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.screen import Progress, Screen, clean, colourful, say_age, say_value, sparkline, width_of


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "wanted"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    stream: io.StringIO, environment: dict[str, str], *, wanted: bool
) -> None:
    assert colourful(stream, environment) is wanted


def test_columns_line_up_also_with_wide_and_combining_letters() -> None:
    out = io.StringIO()
    Screen(out).table(["tag", "value"], [["漢字", "1"], ["e\u0301a", "22"], ["abc", ("3", "red")]], right=(1,))
    lines = out.getvalue().splitlines()
    assert len({width_of(line) for line in lines}) == 1
    assert "\x1b" not in out.getvalue()


def test_colour_does_not_shift_columns() -> None:
    plain, painted = io.StringIO(), io.StringIO()
    for stream, colour in ((plain, False), (painted, True)):
        Screen(stream, colour=colour).table(["a", "b"], [[("x", "red"), "1"], ["long", "2"]])
    text = painted.getvalue().replace("\x1b[0m", "")
    for code in ("1", "31"):
        text = text.replace(f"\x1b[{code}m", "")
    assert text == plain.getvalue()
    assert "\x1b[31mx" in painted.getvalue()


@given(st.text())
def test_no_text_can_drive_the_terminal(text: str) -> None:
    assert clean(text).isprintable()


def test_what_a_device_sends_stays_readable() -> None:
    assert clean("\x1b]0;owned\x07 21 °C") == "\\x1b]0;owned\\x07 21 °C"


def test_json_is_one_line_where_many_follow() -> None:
    out = io.StringIO()
    screen = Screen(out)
    screen.json({"a": "ä"}, one_line=True)
    screen.json({"a": "ä"}, one_line=True)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [{"a": "ä"}] * 2


def test_progress_shows_on_a_terminal_only() -> None:
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        progress = Progress("copying", stream)
        progress.show(0.5, "history.db")
        progress.end()
    assert " 50% history.db" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert pipe.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.0, "0 ms"), (0.25, "250 ms"), (1.5, "1.5 s"), (150, "2 min"), (7300, "2 h"), (1e6, "12 d")],
)
def test_ages_are_said_with_a_unit(seconds: float | None, words: str) -> None:
    assert say_age(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "-"),
        (True, "true"),
        (7, "7"),
        (228.8454132080078, "228.84541"),
        (0.30000001192092896, "0.3"),
        (21.4, "21.4"),
        (12345678.91, "12345678.91"),
        (16777216.0, "16777216"),
        (1e300, "1e+300"),
        ("run", "run"),
    ],
)
def test_values_have_the_digits_their_type_can_hold(value: object, words: str) -> None:
    assert say_value(value) == words


@given(st.floats(allow_nan=False, allow_infinity=False, width=32) | st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_that_counts_is_lost(value: float) -> None:
    assert float(say_value(value)) == pytest.approx(value, rel=1e-7)


def test_a_sparkline_spans_from_least_to_greatest_and_leaves_gaps() -> None:
    assert sparkline([0, None, 7]) == "▁ █"
    assert sparkline([5, 5]) == "▄▄"
    assert sparkline([None, None]) == "  "


def shown_on(columns: int, encoding: str) -> str:
    """What a bar writes to a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(slave, "w", encoding=encoding) as stream:
        Progress("scan", stream).show(0.5, "12 s left, 0 found, 19200 8N2, unit 7")
        text = os.read(master, 4096).decode(encoding)
    os.close(master)
    return text.removeprefix("\r\x1b[K")


def test_a_bar_stays_in_its_line() -> None:
    """What goes on in a second line could not be cleared any more."""
    assert len(shown_on(40, "utf-8")) == 39
    assert "50% 12 s left" in shown_on(30, "utf-8")
    assert shown_on(120, "utf-8").endswith("unit 7")
    # A terminal that does not say.
    assert 60 < len(shown_on(0, "utf-8")) < 80


def test_a_bar_is_shown_where_there_are_no_blocks() -> None:
    assert "scan ############............  50% 12 s left" in shown_on(120, "ascii")
