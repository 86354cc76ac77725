"""docs/websocket.md says what is there."""

from __future__ import annotations

from pathlib import Path

from gateway.api.live.client import BURST, RATE, Close
from gateway.api.live.recent import MOST
from gateway.core.channels import CHANNELS
from gateway.core.patterns import MOST_PATTERNS
from gateway.settings.model import LimitSettings

PAGE = (Path(__file__).parents[4] / "docs" / "websocket.md").read_text()


def test_the_channels_are_those_there_are() -> None:
    rows = [f"| `{one.name}` | {one.summary} | `{one.scope}` |" for one in CHANNELS.values()]
    assert [line for line in PAGE.splitlines() if line.startswith("| `") and ":read`" in line] == rows


def test_every_close_code_of_ours_and_every_number_is_told() -> None:
    told = {int(line.split("|")[1]) for line in PAGE.splitlines() if line.startswith(("| 4", "| 1003"))}
    assert told == {code.value for code in Close}
    assert f"more than {RATE:g} frames a second ({BURST} at once)" in PAGE
    assert f"`event_queue` ({LimitSettings().event_queue})" in PAGE
    assert f"the last {MOST} events" in PAGE
    assert f"Up to {MOST_PATTERNS} of them" in PAGE
