"""Schemas of plugins: those of the reference are taken, and none can cost the gateway more than a moment."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Code, GatewayError
from gateway.plugins.config_schema import DEEPEST, check_schema, faults, secrets

# S1, "POST /plugins".
REFERENCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "api_key": {"type": "string", "secret": True},
        "webhook_url": {"type": "string", "format": "uri"},
        "enabled_features": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["api_key"],
}


def test_the_schema_of_the_reference_is_taken_and_judges() -> None:
    check_schema(REFERENCE)
    assert secrets(REFERENCE) == {"api_key"}
    assert not list(faults(REFERENCE, {"api_key": "sk-1", "webhook_url": "https://a.example/", "more": 1}))
    found = {
        (fault.place, fault.keyword) for fault in faults(REFERENCE, {"webhook_url": "no", "enabled_features": [1]})
    }
    assert found == {((), "required"), (("webhook_url",), "format"), (("enabled_features", 0), "type")}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def fan_out() -> dict[str, Any]:
    """Each leads to two of the next: few letters, and a million schemas."""
    definitions: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(20)
    }
    return {"type": "object", "$ref": "#/$defs/d0", "$defs": {**definitions, "d20": {"minProperties": 1}}}


def chain(length: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"type": "object", "$ref": "#/$defs/d0", "$defs": {**definitions, f"d{length}": {}}}


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no object": ({"type": "string"}, "config_schema.type", "is an object"),
    "another dialect": (
        {"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"},
        "config_schema.$schema",
        "leave it out",
    ),
    "a reference elsewhere": (
        {"type": "object", "properties": {"a": {"$ref": "https://evil.example/s.json"}}},
        "config_schema.properties.a.$ref",
        "Nothing is fetched",
    ),
    "a reference to a file": (
        {"type": "object", "items": {"$ref": "file:///etc/passwd"}},
        "config_schema.items.$ref",
        "within the schema",
    ),
    "a reference to nothing": (
        {"type": "object", "allOf": [{"$ref": "#/$defs/none"}]},
        "config_schema.allOf[0].$ref",
        "no schema in this place",
    ),
    "a reference into values": (
        {"type": "object", "allOf": [{"$ref": "#/default"}], "default": {}},
        "config_schema.allOf[0].$ref",
        "no schema in this place",
    ),
    "itself": ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "config_schema", "circle"),
    "two in a circle": (
        {"type": "object", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "config_schema.$defs.a",
        "circle",
    ),
    "a dynamic reference": ({"type": "object", "$dynamicRef": "#x"}, "config_schema.$dynamicRef", "not taken"),
    "another base": ({"type": "object", "$id": "https://x.example/"}, "config_schema.$id", "not taken"),
    "too deep": (nested(DEEPEST), "config_schema" + ".properties.a" * DEEPEST, "deep"),
    "too much in few letters": (fan_out(), "config_schema", "more than"),
    "a long chain": (chain(400), "", "through too many"),
    "too large": ({"type": "object", "title": "x" * 40_000}, "config_schema", "bytes"),
    "a long expression": (
        {"type": "object", "properties": {"a": {"pattern": "a" * 300}}},
        "config_schema.properties.a.pattern",
        "characters",
    ),
    "look-around": (
        {"type": "object", "patternProperties": {"(?=a)b": {}}},
        "config_schema.patternProperties.(?=a)b",
        "no JSON Schema",
    ),
    "a back-reference": (
        {"type": "object", "properties": {"a": {"pattern": "(a)\\1"}}},
        "config_schema.properties.a.pattern",
        "no JSON Schema",
    ),
    "an expression that swells": (
        {"type": "object", "properties": {"a": {"pattern": "((a{900}){900}){900}"}}},
        "config_schema.properties.a.pattern",
        "no JSON Schema",
    ),
    "a wrong keyword": (
        {"type": "object", "properties": {"a": {"minimum": "x"}}},
        "config_schema.properties.a.minimum",
        "no JSON Schema",
    ),
    "a wrong type": ({"type": "object", "properties": {"a": 7}}, "config_schema.properties.a", "no JSON Schema"),
}


@pytest.mark.parametrize(("schema", "place", "words"), REFUSED.values(), ids=REFUSED)
def test_what_could_harm_is_refused_by_its_place(schema: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(GatewayError) as refused:
        check_schema(schema)
    assert refused.value.code is Code.INVALID
    assert words in refused.value.reason
    assert place in {refused.value.field, ""}


def test_names_of_members_are_no_keywords() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"$ref": {"type": "string"}, "$id": {"const": {"$ref": "https://x.example/"}}, "a/b~c": {}},
        "allOf": [{"$ref": "#/properties/a~1b~0c"}],
        "default": {"$ref": "https://x.example/"},
    }
    check_schema(schema)
    assert [fault.keyword for fault in faults(schema, {"$ref": 1})] == ["type"]


def test_no_text_takes_an_expression_long() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}
    check_schema(schema)
    assert len(list(faults(schema, {"a": "a" * 50_000 + "!"}))) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "$ref", "properties", "allOf", "$defs", "a", "not"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["properties", "allOf", "$defs", "$ref", "not", "items"]), values, max_size=4))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_taken_or_refused_in_words(schema: dict[str, Any]) -> None:
    schema = {**schema, "type": "object"}
    refused = None
    try:
        check_schema(schema)
        list(faults(schema, {"a": 1}))
    except GatewayError as error:
        refused = error
    assert refused is None or (refused.field or "").startswith("config_schema")
