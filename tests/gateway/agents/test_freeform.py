"""A document of any size is judged at a price that does not grow with it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.announcement import validate_service
from gateway.agents.card import validate_card
from gateway.agents.freeform import larger_than
from gateway.core.ports import Json
from tests.gateway.agents.board import card_json, service_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
    max_leaves=20,
)


@given(JSON, st.integers(0, 200))
def test_what_is_called_too_large_is(value: Json, size: int) -> None:
    if larger_than(value, size):
        assert len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > size


class Untouched(list[Json]):
    """An array nobody may look into."""

    def __iter__(self) -> None:  # type: ignore[override] # it has no elements to give
        raise AssertionError


@pytest.mark.parametrize(
    "value", [Untouched([1] * 70_000), [Untouched([1]), "x" * 70_000], {"k" * 70_000: Untouched([1])}, [[[]] * 40_000]]
)
def test_too_large_is_said_without_looking_at_all_of_it(value: Json) -> None:
    assert larger_than(value, 65_536)


@pytest.mark.parametrize("metadata", [[[1]] * 400_000, {f"k{n}": "\ud800" for n in range(100_000)}, "x" * 1_000_000])
def test_of_a_document_that_is_far_too_large_only_that_is_said(metadata: Json) -> None:
    (issue,) = validate_card(card_json(metadata=metadata)).issues
    assert (issue.field, issue.code) == ("", "too_large")
    (issue,) = validate_service(service_json(metadata=metadata)).issues
    assert (issue.field, issue.code) == ("", "too_large")
