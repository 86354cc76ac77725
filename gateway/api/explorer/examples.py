"""Examples, made of schemas: the shortest value that a reader can see the form of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_AT = "#/components/schemas/"
# What leads to itself ends there.
_DEEPEST = 6
_FORMATS = {
    "date-time": "2026-11-22T08:00:00Z",
    "uri": "https://192.168.1.20/in",
    "uri-reference": "/v1/plugins",
}
# Members whose form their schema does not tell.
_BY_NAME = {
    "url": "https://192.168.1.20/in",
    "events": ["alarm:*"],
    "start": "2026-11-22T00:00:00Z",
    "end": "2026-11-23T00:00:00Z",
    "endpoint": "/plugins",
    "version": "1.0.0",
    "event_type": "user:action",
    "event_pattern": "user:action:*",
    "handler_endpoint": "/plugins/analytics-plugin/events/user-action",
    "owner": "client:analytics-plugin",
    "password": "correct horse battery",
    "secret": "correct horse battery staple",
    "homepage": "https://plugins.example.com/analytics",
    "repository": "https://git.example.com/analytics",
    "scopes": ["plugins:read"],
}


def example(schema: Schema, schemas: Mapping[str, Schema], name: str = "", depth: int = 0) -> Any:
    """A value that fits a schema, as far as its form goes.

    Args:
        schema: what the value must be.
        schemas: those that references lead to.
        name: of the member it stands in.
        depth: of references gone through.
    """
    if "$ref" in schema:
        if depth >= _DEEPEST:
            return {}
        return example(schemas[schema["$ref"].removeprefix(_AT)], schemas, name, depth + 1)
    if "const" in schema:
        return schema["const"]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            real = [one for one in schema[key] if one.get("type") != "null"]
            return example(real[0], schemas, name, depth)
    if "enum" in schema:
        default = schema.get("default")
        return default if default is not None else schema["enum"][0]
    type_ = schema.get("type", "object")
    if not isinstance(type_, str):
        # Whatever JSON has, and what may be null beside something else.
        type_ = next((one for one in type_ if one != "null"), "null") if len(type_) < len(_SIMPLE) else "object"
    if type_ == "object":
        return _object(schema, schemas, depth)
    if type_ == "array":
        return _BY_NAME.get(name) or [example(schema.get("items", {}), schemas, name, depth)]
    return _simple(type_, schema, name)


_SIMPLE = ("null", "boolean", "number", "string", "array", "object")


def _object(schema: Schema, schemas: Mapping[str, Schema], depth: int) -> dict[str, Any]:
    members: Mapping[str, Schema] = schema.get("properties", {})
    # Where nothing must be there, the first few show what could be.
    shown = schema.get("required") or list(members)[:3]
    return {name: example(members[name], schemas, name, depth) for name in shown if name in members}


def _simple(type_: str, schema: Schema, name: str) -> Any:
    default = schema.get("default")
    if default not in {None, ""}:
        return default
    if type_ in {"integer", "number"}:
        return schema.get("minimum", schema.get("maximum", 1))
    if type_ == "boolean":
        return True
    if type_ == "string":
        return _FORMATS.get(str(schema.get("format"))) or _BY_NAME.get(name) or name or "text"
    return None
