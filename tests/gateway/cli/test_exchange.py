"""What ``read --raw`` says of the frames behind a value."""

from __future__ import annotations

import pytest

from gateway.cli.exchange import show_exchange
from gateway.cli.screen import Screen

ASKED = {"table": "holding", "address": 0, "unit": 9, "count": 1, "function": 3, "frames": None, "reason": None}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"values": None, "message": "d9 did not answer when it was looked for"}, "the request was not sent"),
        ({"values": [215], "message": None}, "the frames were not overheard"),
    ],
)
def test_where_there_are_no_frames_nothing_is_claimed_of_the_wire(
    capsys: pytest.CaptureFixture[str], asked: dict[str, object], said: str
) -> None:
    show_exchange(Screen(), ASKED | asked, "int16")
    shown = capsys.readouterr().out
    assert said in shown
    assert "nothing was sent" not in shown
