"""How much memory data takes."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest

from gateway.core.weight import values, weight


@pytest.mark.parametrize(
    "text",
    [
        "[" + ",".join(['{"a":1.5}'] * 3000) + "]",
        "[" + ",".join(["[]"] * 3000) + "]",
        "[" + ",".join(['"ab"'] * 3000) + "]",
        "{" + ",".join(f'"name{number}":[{number}.5]' for number in range(3000)) + "}",
        '{"text":"' + "x" * 48_000 + '"}',
    ],
)
def test_data_weighs_what_it_takes(text: str) -> None:
    tracemalloc.start()
    try:
        data = msgspec.json.decode(text)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken / 3 < weight(data) < taken * 3


def test_values_are_counted_at_every_depth_and_no_further_than_asked() -> None:
    assert values({}, 10) == 1
    assert values({"a": [1, {"b": None}], "c": "text"}, 10) == 6
    assert values([0] * 1000, 10) == 11
