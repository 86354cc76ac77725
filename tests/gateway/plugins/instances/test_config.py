"""Configurations get their defaults and are refused by the exact place, without a word of what stood there."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugins.config_schema import check_schema
from gateway.plugins.instances.config import check_config, completed, merged
from gateway.plugins.instances.refusal import ConfigError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "api_key": {"type": "string", "secret": True, "minLength": 5, "pattern": "^sk-"},
        "retention_days": {"type": "integer", "minimum": 1, "maximum": 365, "default": 90},
        "level": {"enum": ["low", "high"], "default": "low"},
        "mail": {"$ref": "#/$defs/mail"},
        "hooks": {"type": "array", "items": {"type": "object", "properties": {"tries": {"default": 3}}}},
        "sealed": {"type": "object", "additionalProperties": False, "properties": {"a": {}}},
    },
    "required": ["api_key"],
    "additionalProperties": False,
    "$defs": {
        "mail": {
            "type": "object",
            "default": {},
            "properties": {"port": {"default": 25}, "host": {"type": "string", "format": "hostname"}},
        }
    },
}
GOOD = {"api_key": "sk-12345"}


def test_what_is_not_said_gets_its_default() -> None:
    check_schema(SCHEMA)
    filled = completed(SCHEMA, {**GOOD, "hooks": [{}, {"tries": 1}], "mail": {"host": "a"}})
    assert filled == {
        **GOOD,
        "retention_days": 90,
        "level": "low",
        "mail": {"host": "a", "port": 25},
        "hooks": [{"tries": 3}, {"tries": 1}],
    }
    assert completed(SCHEMA, GOOD)["mail"] == {"port": 25}
    check_config(SCHEMA, filled)


WRONG: dict[str, tuple[dict[str, Any], tuple[str | int, ...], str]] = {
    "lacking": ({}, ("api_key",), "is required"),
    "unknown": ({**GOOD, "api.kay": 1}, ("api.kay",), "no such member"),
    "unknown within": ({**GOOD, "sealed": {"b/c": 1}}, ("sealed", "b/c"), "no such member"),
    "too short": ({"api_key": "sk-1"}, ("api_key",), "at least: 5"),
    "another form": ({"api_key": "canary-4711"}, ("api_key",), "expression"),
    "another type": ({"api_key": 4711}, ("api_key",), "type"),
    "too many": ({**GOOD, "retention_days": 1000}, ("retention_days",), "at most 365"),
    "none of these": ({**GOOD, "level": "canary-4711"}, ("level",), "low, high"),
    "in a list": ({**GOOD, "hooks": [{}, 4711]}, ("hooks", 1), "type"),
    "by reference": ({**GOOD, "mail": {"host": "canary 4711"}}, ("mail", "host"), "hostname"),
}


@pytest.mark.parametrize(("config", "place", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_by_its_place_and_nothing_of_what_stood_there(
    config: dict[str, Any], place: tuple[str | int, ...], words: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        check_config(SCHEMA, config)
    assert refused.value.place == place
    assert words in refused.value.reason
    assert "4711" not in refused.value.reason


@pytest.mark.parametrize(
    ("config", "changes", "after"),
    [
        # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_changes_are_merged(config: dict[str, Any], changes: dict[str, Any], after: dict[str, Any]) -> None:
    assert merged(config, changes) == after


def test_a_schema_that_finds_no_end_of_faults_is_soon_done() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"items": {"allOf": [{"type": "string"}] * 1500}}}}
    # As many faults as there are pairs: each would hold up the gateway for some microseconds, and take memory.
    with pytest.raises(ConfigError, match=r"must be of the type string") as raised:
        check_config(schema, {"a": [0] * 50})
    assert raised.value.place == ("a", 0)
    with pytest.raises(ConfigError, match="too large to be held against"):
        check_config(schema, {"a": [0] * 50_000})
    check_config({"type": "object"}, {"a": [0] * 50_000})
    check_config({"type": "object", "properties": {"a": {"enum": list(range(5000))}}}, {"a": 4999})


def test_defaults_of_defaults_have_an_end() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(7):
        schema = {"items": {"properties": {"x": schema}}, "default": [{}] * 50}
    with pytest.raises(ConfigError, match="too large for the defaults"):
        completed({"type": "object", "properties": {"x": schema}}, {})
