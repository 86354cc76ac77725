"""Secrets are found wherever a schema may mean them, covered, and kept where their cover is sent back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.host.concealing import COVER
from gateway.plugins.instances.refusal import ConfigError
from gateway.plugins.instances.secrets import covered, find_secrets, kept, uncovered

SECRET: dict[str, Any] = {"type": "string", "secret": True}
LIST: dict[str, Any] = {
    "type": "object",
    "properties": {"servers": {"type": "array", "items": {"type": "object", "properties": {"url": {}, "key": SECRET}}}},
}
PLACES: dict[str, tuple[dict[str, Any], dict[str, Any], set[tuple[str | int, ...]]]] = {
    "a member": ({"properties": {"a": SECRET, "b": {}}}, {"a": "s", "b": "s"}, {("a",)}),
    "write only": ({"properties": {"a": {"writeOnly": True}}}, {"a": {"x": 1}}, {("a",)}),
    "within another": ({"properties": {"a": {"properties": {"b": SECRET}}}}, {"a": {"b": "s", "c": 1}}, {("a", "b")}),
    "in a list": (
        LIST,
        {"servers": [{"url": "u", "key": "s"}, {"key": "t"}]},
        {("servers", 0, "key"), ("servers", 1, "key")},
    ),
    "first of a list": ({"properties": {"a": {"prefixItems": [SECRET]}}}, {"a": ["s", "t"]}, {("a", 0)}),
    "by reference": ({"$defs": {"k/1": SECRET}, "properties": {"a": {"$ref": "#/$defs/k~11"}}}, {"a": "s"}, {("a",)}),
    "under a condition": (
        {"if": {"required": ["x"]}, "then": {"properties": {"a": SECRET}}},
        {"a": "s"},
        {("a",)},
    ),
    "in one of several": ({"anyOf": [{}, {"allOf": [{"properties": {"a": SECRET}}]}]}, {"a": "s"}, {("a",)}),
    "by a pattern": ({"patternProperties": {"^k": SECRET}}, {"k1": "s"}, {("k1",)}),
    "whatever else": ({"properties": {"b": {}}, "additionalProperties": SECRET}, {"a": "s", "b": 1}, {("a",)}),
    "all of it": ({"secret": True}, {"a": "s", "b": 1}, {("a",), ("b",)}),
    "within a secret": (
        {"properties": {"a": {"secret": True, "properties": {"b": SECRET}}}},
        {"a": {"b": "s"}},
        {("a",)},
    ),
    "not at all": ({"properties": {"a": {"secret": "yes", "writeOnly": 1}}}, {"a": "s"}, set()),
}


@pytest.mark.parametrize(("schema", "config", "places"), PLACES.values(), ids=PLACES)
def test_secrets_are_found(schema: dict[str, Any], config: dict[str, Any], places: set[tuple[str | int, ...]]) -> None:
    found = find_secrets(schema, config)
    assert set(found) == places
    shown = covered(config, found)
    assert uncovered(shown, found) == config
    assert json.dumps(shown).count(COVER) == len(places)


def test_a_cover_that_is_sent_back_leaves_the_secret_as_it_is() -> None:
    schema: dict[str, Any] = {"properties": {"key": SECRET, "days": {}}}
    secrets = find_secrets(schema, {"key": "sk-1", "days": 90})
    before = covered({"key": "sk-1", "days": 90}, secrets)
    assert kept(schema, {**before, "days": 30}, before, secrets) == {"key": "sk-1", "days": 30}
    assert kept(schema, {"key": "sk-2"}, before, secrets) == {"key": "sk-2"}
    assert kept(schema, {}, before, secrets) == {}


def test_a_cover_where_there_is_no_secret_is_refused() -> None:
    schema: dict[str, Any] = {"properties": {"key": SECRET, "other": SECRET, "plain": {}}}
    secrets = find_secrets(schema, {"key": "sk-1"})
    with pytest.raises(ConfigError, match="send it") as refused:
        kept(schema, {"other": COVER}, {"key": COVER}, secrets)
    assert refused.value.place == ("other",)
    assert kept(schema, {"plain": COVER}, {"key": COVER}, secrets) == {"plain": COVER}


def test_a_secret_never_comes_to_stand_beside_another_server() -> None:
    config = {"servers": [{"url": "one", "key": "s1"}, {"url": "two", "key": "s2"}]}
    secrets = find_secrets(LIST, config)
    before = covered(config, secrets)
    assert kept(LIST, before, before, secrets) == config
    anew = {"servers": [{"url": "one", "key": COVER}, {"url": "two", "key": "s3"}]}
    assert kept(LIST, anew, before, secrets) == {"servers": [{"url": "one", "key": "s1"}, {"url": "two", "key": "s3"}]}
    for changed in (
        [{"url": "two", "key": COVER}],
        [{"url": "evil", "key": COVER}, {"url": "two", "key": COVER}],
        [{"url": "two", "key": COVER}, {"url": "one", "key": COVER}],
    ):
        with pytest.raises(ConfigError, match="send its secrets anew"):
            kept(LIST, {"servers": changed}, before, secrets)


def test_a_schema_that_looks_for_ever_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(9):
        deep = {"allOf": [deep] * 3}
    with pytest.raises(ConfigError, match="too large"):
        find_secrets({"properties": {"a": {"items": deep}}}, {"a": [1] * 1000})


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "k"]), inner, max_size=3),
    max_leaves=10,
)
schemas = st.recursive(
    st.sampled_from([{}, SECRET, {"writeOnly": True}, True, False]),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b", "k"]), inner, max_size=3),
            "items": inner,
            "prefixItems": st.lists(inner, max_size=2),
            "additionalProperties": inner,
            "anyOf": st.lists(inner, max_size=2),
            "then": inner,
            "patternProperties": st.dictionaries(st.just("^k"), inner, max_size=1),
        },
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(schema=schemas, config=st.dictionaries(st.sampled_from(["a", "b", "k"]), values, max_size=3))
def test_what_is_covered_comes_back_whole(schema: Any, config: dict[str, Any]) -> None:
    if not isinstance(schema, dict):
        return
    found = find_secrets(schema, config)
    shown = covered(config, found)
    assert uncovered(shown, found) == config
    assert kept(schema, shown, shown, found) == config
