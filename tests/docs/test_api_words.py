"""Words that programs compare stand in docs/api.md as the gateway sends them."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.core.reading import Reason

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_the_reasons_of_readings_are_those_of_the_code() -> None:
    [sentence] = re.findall(r"- `reason` is one of (.*?); null where", API, re.DOTALL)
    assert re.findall(r"`(\w+)`", sentence) == [reason.value for reason in Reason]
