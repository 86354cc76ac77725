"""What an agent offers, as its card describes it (D-041, D-042)."""

from __future__ import annotations

import re

from gateway.agents.inspection import Inspection
from gateway.agents.issues import element, member
from gateway.agents.versions import SEMANTIC, SEMANTIC_CURE
from gateway.core.ports import Json

MOST_PARAMETERS = 32
MOST_CHOICES = 64
# Categories that are in use; any other token is taken as well (D-041).
KNOWN_CATEGORIES = ("serial", "modbus", "sensor", "actuator", "logging", "analytics", "gateway", "control")

CAPABILITY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
CAPABILITY_ID_CURE = 'must begin with a letter or digit, and be made of letters, digits and "._:-"'
_CATEGORY = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CATEGORY_CURE = f"must be a lower-case word such as {', '.join(KNOWN_CATEGORIES[:3])}"
_KNOWN = ("id", "name", "description", "category", "version", "parameters")
_PARAMETER_KNOWN = ("name", "type", "required", "description", "default", "minimum", "maximum", "enum")
_TYPES = ("string", "number", "integer", "boolean", "array", "object")
_NUMERIC = ("number", "integer")


def inspect_capability(found: Inspection, value: Json, path: str) -> str | None:
    """Look at one capability. Returns its id where that is sound."""
    given = found.object(value, path, _KNOWN, "a capability")
    if given is None:
        return None
    capability_id = found.text(given, path, "id", 128, form=CAPABILITY_ID, cure=CAPABILITY_ID_CURE)
    found.text(given, path, "name", 200)
    found.text(given, path, "description", 2000, empty=True, prose=True)
    found.text(given, path, "category", 64, form=_CATEGORY, cure=_CATEGORY_CURE)
    found.text(given, path, "version", 128, form=SEMANTIC, cure=SEMANTIC_CURE)
    names: set[str] = set()
    for place, parameter in found.elements(given, path, "parameters", MOST_PARAMETERS, required=False):
        name = _inspect_parameter(found, parameter, place)
        if name in names:
            found.error(member(place, "name"), "duplicate", "must differ from the names before it", name)
        elif name is not None:
            names.add(name)
    return capability_id


def _inspect_parameter(found: Inspection, value: Json, path: str) -> str | None:
    given = found.object(value, path, _PARAMETER_KNOWN, "a parameter")
    if given is None:
        return None
    name = found.text(given, path, "name", 128)
    type_ = found.choice(given, path, "type", _TYPES)
    if "required" in given and not isinstance(given["required"], bool):
        found.error(member(path, "required"), "type", "must be true or false", given["required"])
    if "description" in given:
        found.text(given, path, "description", 2000, empty=True, prose=True)
    if type_ is not None:
        _inspect_range(found, given, path, type_)
        _inspect_values(found, given, path, type_)
    return name


def _inspect_range(found: Inspection, given: dict[str, Json], path: str, type_: str) -> None:
    bounds: dict[str, float] = {}
    for name in ("minimum", "maximum"):
        if name not in given:
            continue
        value = given[name]
        if type_ not in _NUMERIC:
            found.error(member(path, name), "type", f"goes with numbers, not with type {type_}", value)
        elif not _fits(value, "number"):
            found.error(member(path, name), "type", "must be a number", value)
        elif isinstance(value, int | float):
            bounds[name] = value
    if len(bounds) > 1 and bounds["minimum"] > bounds["maximum"]:
        found.error(member(path, "minimum"), "range", "must not be more than maximum", bounds["minimum"])


def _inspect_values(found: Inspection, given: dict[str, Json], path: str, type_: str) -> None:
    if "default" in given and not _fits(given["default"], type_):
        found.error(member(path, "default"), "type", f"must be of type {type_}", given["default"])
    place = member(path, "enum")
    choices = list(found.elements(given, path, "enum", MOST_CHOICES, required=False))
    if given.get("enum") == []:
        found.error(place, "empty", "must have at least one element; leave it out where any value will do")
    for index, (_, choice) in enumerate(choices):
        if not _fits(choice, type_):
            found.error(element(place, index), "type", f"must be of type {type_}", choice)


def _fits(value: Json, type_: str) -> bool:
    """Whether a value is of a JSON Schema type; 1.0 is an integer there (JSON Schema 2020-12, 6.1.1)."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match type_:
        case "string":
            return isinstance(value, str)
        case "number":
            return number
        case "integer":
            return isinstance(value, int | float) and number and value == value // 1
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)
