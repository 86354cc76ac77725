"""Configurations of instances: defaults filled in, held against the schema, merged. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

from gateway.core.ports import Json
from gateway.plugins.config_schema import TOO_MUCH, Fault, faults
from gateway.plugins.instances.refusal import ConfigError
from gateway.plugins.instances.secrets import target

# What a plugin has that has no schema.
NOTHING: Mapping[str, Json] = {"type": "object", "additionalProperties": False}
_MOST_SHOWN = 10
# Values that are looked at for defaults: a default may have members that have defaults.
_MOST_STEPS = 100_000
# Keywords whose value in the schema says what would be right.
_BOUNDS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "exclusiveMinimum": "must be more than",
    "exclusiveMaximum": "must be less than",
    "multipleOf": "must be a multiple of",
    "minLength": "characters it needs at least:",
    "maxLength": "characters it may have:",
    "minItems": "elements it needs at least:",
    "maxItems": "elements it may have:",
    "minProperties": "members it needs at least:",
    "maxProperties": "members it may have:",
    "format": "must be of the form",
    "pattern": "must fit the expression",
    "const": "must be",
}


def completed(schema: Mapping[str, Json], config: Mapping[str, Json]) -> Mapping[str, Json]:
    """A configuration with the defaults of what it does not say.

    Args:
        schema: one that was checked.
        config: what was sent.

    Raises:
        ConfigError: there is no end to what defaults make of it.
    """
    filled = _filled(schema, schema, config, count())
    return filled if isinstance(filled, Mapping) else config


def check_config(schema: Mapping[str, Json], config: Mapping[str, Json]) -> None:
    """See that a configuration is as its schema wants it. Takes some time: call it in a thread.

    Raises:
        ConfigError: it is not, with the first place at fault.
    """
    # A place that is known exactly says more than a schema as a whole.
    found = sorted(
        faults(schema, config), key=lambda fault: (fault.keyword in {"anyOf", "oneOf", "not"}, fault.place != ())
    )
    if found:
        raise _refused(found[0])


def merged(config: Json, changes: Json) -> Json:
    """JSON Merge Patch (RFC 7396)."""
    if not isinstance(changes, Mapping):
        return changes
    result = dict(config) if isinstance(config, Mapping) else {}
    for name, value in changes.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def _filled(root: Mapping[str, Json], schema: Json, value: Json, steps: count[int]) -> Json:
    if next(steps) > _MOST_STEPS:
        raise ConfigError((), "is too large for the defaults of this plugin's schema")
    if not isinstance(schema, Mapping):
        return value
    if isinstance(reference := schema.get("$ref"), str):
        value = _filled(root, target(root, reference), value, steps)
    properties = schema.get("properties")
    if isinstance(value, Mapping) and isinstance(properties, Mapping):
        said = dict(value)
        for name, inner in properties.items():
            if name not in said and isinstance(inner, Mapping) and "default" in (known := _followed(root, inner)):
                said[name] = known["default"]
            if name in said:
                said[name] = _filled(root, inner, said[name], steps)
        return said
    if isinstance(value, Sequence) and not isinstance(value, str) and "items" in schema:
        return [_filled(root, schema["items"], inner, steps) for inner in value]
    return value


def _followed(root: Mapping[str, Json], schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """A schema, or what it refers to where it says no default itself."""
    while "default" not in schema and isinstance(reference := schema.get("$ref"), str):
        found = target(root, reference)
        if not isinstance(found, Mapping):
            break
        schema = found
    return schema


def _refused(fault: Fault) -> ConfigError:
    keyword, wanted = fault.keyword, fault.wanted
    if keyword == "required" and isinstance(wanted, str):
        return ConfigError((*fault.place, wanted), "is required")
    if keyword in {"additionalProperties", "unevaluatedProperties"} and wanted and isinstance(wanted, Sequence):
        return ConfigError((*fault.place, str(wanted[0])), "there is no such member in the schema of this plugin")
    if keyword == "enum" and isinstance(wanted, Sequence):
        words = ", ".join(str(one) for one in wanted[:_MOST_SHOWN])
        return ConfigError(fault.place, f"there are: {words}")
    if keyword == "type":
        types = [wanted] if isinstance(wanted, str) or not isinstance(wanted, Sequence) else wanted
        return ConfigError(fault.place, f"must be of the type {' or '.join(map(str, types))}")
    if keyword == TOO_MUCH:
        return ConfigError(fault.place, "is too large to be held against a schema like that of this plugin")
    if keyword in _BOUNDS:
        return ConfigError(fault.place, f"{_BOUNDS[keyword]} {wanted}")
    return ConfigError(fault.place, f"is not as the schema of this plugin wants it: {keyword}")
