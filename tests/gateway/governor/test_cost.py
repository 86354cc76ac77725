"""What governors may cost: the memory, which does not depend on the machine (docs/governors.md)."""

from __future__ import annotations

from tests.gateway.governor.cost import MB, measure


def test_a_thousand_tags_take_a_bounded_memory() -> None:
    assert measure(1, 300).memory < 8 * MB
