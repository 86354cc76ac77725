"""Patterns and filters: D-118, D-119 and D-123."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.core.errors import Code, GatewayError
from gateway.core.events import Data, Event
from gateway.core.patterns import (
    LARGEST_FILTER,
    MOST_KEYS,
    MOST_PATTERNS,
    MOST_VALUES,
    parse_pattern,
    parse_selection,
)
from gateway.core.ports import Json

# Few words, so that they often agree; ones that would mean something in a regular expression, too.
WORDS = st.sampled_from(["a", "b", "ab", "user-1", "under_score", "0"])
TYPES = st.lists(WORDS, min_size=1, max_size=5)
PATTERNS = st.lists(st.one_of(WORDS, st.just("*")), min_size=1, max_size=5)
SCALARS: st.SearchStrategy[Json] = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2), st.sampled_from([0.0, 1.0, 0.5]), st.sampled_from(["", "1", "true"])
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(WORDS, inner, max_size=2))
)


def means(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """D-118, word for word: at the end `*` is zero or more segments, elsewhere exactly one."""
    if not pattern:
        return not words
    if list(pattern) == ["*"]:
        return True
    return bool(words) and pattern[0] in {"*", words[0]} and means(pattern[1:], words[1:])


def told(type_: str = "user:action", routing_key: str | None = None, data: Data | None = None) -> Event:
    return Event("id", "gw", 1, type_, 0.0, "synchronised", data or {}, routing_key)


@given(PATTERNS, TYPES)
def test_a_pattern_over_types_means_what_was_settled(pattern: list[str], words: list[str]) -> None:
    assert parse_pattern(":".join(pattern)).matches(":".join(words)) == means(pattern, words)


@given(PATTERNS.filter(lambda pattern: len(pattern) > 1), TYPES, st.text(max_size=5))
def test_a_pattern_over_routing_keys_means_the_same_over_dots(pattern: list[str], words: list[str], type_: str) -> None:
    read = parse_pattern(".".join(pattern))
    assert read.routed
    assert read.matches(type_, ".".join(words)) == means(pattern, words)
    assert not read.matches(type_, None)


@given(TYPES, st.lists(WORDS, max_size=3))
def test_a_pattern_with_a_star_at_the_end_takes_the_type_itself_and_all_below(
    words: list[str], below: list[str]
) -> None:
    pattern = parse_pattern(":".join([*words, "*"]))
    assert pattern.matches(":".join(words))
    assert pattern.matches(":".join([*words, *below]))


@given(TYPES, st.one_of(st.none(), st.text(max_size=5)))
def test_a_type_is_a_pattern_for_itself_and_a_star_for_all(words: list[str], routing_key: str | None) -> None:
    assert parse_pattern(":".join(words)).matches(":".join(words), routing_key)
    assert parse_pattern("*").matches(":".join(words), routing_key)


@pytest.mark.parametrize(
    ("pattern", "type_", "expected"),
    [
        ("user:action:*", "user:action", True),
        ("user:action:*", "user:action:click", True),
        ("user:action:*", "user:action:click:left", True),
        ("user:action:*", "user:actions", False),
        ("user:action", "user:action:click", False),
        ("*:action", "user:action", True),
        ("*:action", "user:an:action", False),
        ("user:*:click", "user:action:click", True),
        ("user:*:click", "user:click", False),
        ("plugin:*", "plugins:installed", False),
        ("USER:action", "user:action", False),
    ],
)
def test_patterns_by_example(pattern: str, type_: str, expected: bool) -> None:  # noqa: FBT001 - a table
    assert parse_pattern(pattern).matches(type_) is expected


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:", ":a", "a::b", "a b", "a*", "**", "a:**", "a.b:c", "a:b.c", ".", "a.", "a\n", "é", "(a)", "a" * 129],
)
def test_what_is_no_pattern_is_told_with_place_and_example(text: str) -> None:
    with pytest.raises(GatewayError, match="alarm:raised") as raised:
        parse_pattern(text, "patterns[3]")
    assert (raised.value.code, raised.value.field, raised.value.provided) == (Code.INVALID, "patterns[3]", text)


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_text_makes_it_fall_over(text: str, type_: str) -> None:
    try:
        pattern = parse_pattern(text)
    except GatewayError:
        return
    pattern.matches(type_, type_)


def calls_of(work: Callable[[], object]) -> int:
    """How many functions some work calls."""
    count = 0

    def note(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_thousands_of_patterns_of_others_cost_no_more_each_than_one() -> None:
    patterns = [parse_pattern(f"user:*:w{number}:*") for number in range(3000)]
    for _ in range(2):
        calls = calls_of(lambda: [pattern.matches("user:a:w7:x") for pattern in patterns])
        assert calls < 20 * len(patterns)


def test_the_filter_of_the_seed() -> None:
    selection = parse_selection(["user:action:*"], {"action": ["button_click", "form_submit"]})
    assert selection.takes(told(data={"action": "button_click"}))
    assert selection.takes(told(data={"action": "form_submit", "more": 1}))
    assert not selection.takes(told(data={"action": "scroll"}))
    assert not selection.takes(told(data={}))
    assert not selection.takes(told("user:left", data={"action": "button_click"}))


def test_all_members_must_agree_and_any_value_of_each() -> None:
    selection = parse_selection(["*"], {"line": ["bus", "net"], "unit": [1, 2]})
    assert selection.takes(told(data={"line": "net", "unit": 2}))
    assert not selection.takes(told(data={"line": "net", "unit": 3}))
    assert not selection.takes(told(data={"line": "net"}))


def test_an_empty_filter_takes_all_and_any_pattern_is_enough() -> None:
    selection = parse_selection(["alarm:*", "analytics.*"], {})
    assert selection.takes(told("alarm:raised"))
    assert selection.takes(told("user:action", "analytics.user"))
    assert not selection.takes(told("user:action", "billing.user"))


def test_dots_reach_into_the_data_and_null_is_what_is_not_there() -> None:
    data = {"metadata": {"session": {"id": 7}}, "dotted.name": 1}
    assert parse_selection(["*"], {"metadata.session.id": [7]}).takes(told(data=data))
    assert parse_selection(["*"], {"dotted.name": [1]}).takes(told(data=data))
    assert parse_selection(["*"], {"metadata.nothing.id": [None]}).takes(told(data=data))
    assert not parse_selection(["*"], {"metadata.session.id.deeper": [7]}).takes(told(data=data))


def same(one: Json, other: Json) -> bool:
    """As JSON has it: 1 is 1.0, and true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@example([True], [[1]])
@example({"a": 0}, [{"a": False}])
@example([1], [[1.0]])
@given(VALUES, st.lists(VALUES, min_size=1, max_size=3))
def test_values_are_equal_as_json_is(value: Json, wanted: list[Json]) -> None:
    selection = parse_selection(["*"], {"member": wanted})
    assert selection.takes(told(data={"member": value})) == any(same(value, one) for one in wanted)


@pytest.mark.parametrize(
    ("patterns", "wanted", "field"),
    [
        ([], {}, "events"),
        (["a"] * (MOST_PATTERNS + 1), {}, "events"),
        (["a", "b c"], {}, "events[1]"),
        (["a"], {"x": "text"}, "filter.x"),
        (["a"], {"x": 5}, "filter.x"),
        (["a"], {"x": {}}, "filter.x"),
        (["a"], {"x": []}, "filter.x"),
        (["a"], {"x": [1] * (MOST_VALUES + 1)}, "filter.x"),
        (["a"], {f"x{number}": [1] for number in range(MOST_KEYS + 1)}, "filter"),
        (["a"], {"x": ["y" * LARGEST_FILTER]}, "filter"),
    ],
)
def test_what_cannot_be_subscribed_to_is_told_with_its_place(
    patterns: list[str], wanted: dict[str, Json], field: str
) -> None:
    with pytest.raises(GatewayError) as raised:
        parse_selection(patterns, wanted)
    assert raised.value.field == field
