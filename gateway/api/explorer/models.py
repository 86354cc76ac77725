"""Models as tables: each member with its type, its bounds and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from gateway.api.explorer.markup import anchor, code, table, words

Schema = Mapping[str, Any]

_AT = "#/components/schemas/"
_BOUNDS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "at most {}"),
    ("minLength", "at least {} characters"),
    ("maxLength", "at most {} characters"),
    ("minItems", "at least {} of them"),
    ("maxItems", "at most {} of them"),
    ("pattern", "matches {}"),
    ("format", "{}"),
)
_EVERY_TYPE = 6
# Alternatives that are written out; of more of them the first few stand for all.
_MOST = 8


def type_of(schema: Schema) -> str:
    """What a value must be, as markup: references are links."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_AT)
        return f'<a href="#model-{anchor(name)}">{escape(name)}</a>'
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return " | ".join(code(json.dumps(value)) for value in schema["enum"])
    for key in ("oneOf", "anyOf", "allOf"):
        if key in schema:
            return _alternatives(schema[key])
    type_ = schema.get("type")
    if isinstance(type_, list):
        return "any" if len(type_) == _EVERY_TYPE else " | ".join(type_)
    if type_ == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if type_ == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {type_of(schema['additionalProperties'])}"
    return str(type_ or "any")


def _alternatives(schemas: list[Schema]) -> str:
    shown = list(dict.fromkeys(type_of(one) for one in schemas))
    more = f" | {len(shown) - _MOST} more" if len(shown) > _MOST else ""
    return " | ".join(shown[:_MOST]) + more


def remarks(schema: Schema) -> str:
    """What is said of a value beside its type, as markup."""
    return "; ".join(_remarks(schema))


def _remarks(schema: Schema) -> Iterator[str]:
    if "description" in schema:
        yield words(schema["description"])
    for alternative in (schema, *schema.get("anyOf", ())):
        for key, text in _BOUNDS:
            if key in alternative:
                value = str(alternative[key])
                yield escape(text).format(code(value) if key == "pattern" else escape(value))
    if "default" in schema:
        yield f"otherwise {code(json.dumps(schema['default']))}"


def members(schema: Schema) -> str:
    """The members of an object as a table; empty where it has none."""
    required = frozenset(schema.get("required", ()))
    rows = (
        (code(name) + (" *" if name in required else ""), type_of(member), remarks(member))
        for name, member in schema.get("properties", {}).items()
    )
    return table(("member", "type", ""), rows)


def model(name: str, schema: Schema) -> str:
    """One model, closed until somebody opens it."""
    told = schema.get("description", "")
    return (
        f'<details class="model" id="model-{anchor(name)}"><summary><code>{escape(name)}</code></summary>'
        f"{f'<p>{words(told)}</p>' if told else ''}"
        f"{members(schema) or f'<p>{type_of(schema)}</p>'}</details>"
    )
