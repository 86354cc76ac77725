"""Models as JSON Schema 2020-12, each of them once, under a name that says whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Schema = Mapping[str, Any]

_AT = "#/components/schemas/"
# A member that may be whatever JSON can carry.
_ANYTHING = {"type": ["null", "boolean", "number", "string", "array", "object"], "items": {}}


class Schemas:
    """The schemas of one family of models.

    Args:
        models: all there are.
        prefix: of their names, where another family may have the same ones.
    """

    def __init__(self, models: Iterable[type[msgspec.Struct]], prefix: str = "") -> None:
        known = list(dict.fromkeys(models))
        references, components = msgspec.json.schema_components(known, schema_hook=_any, ref_template=f"{_AT}{{name}}")
        names = {f"{_AT}{name}": f"{_AT}{prefix}{_short(name)}" for name in components}
        self._references = dict(zip(known, (_led(reference, names) for reference in references), strict=True))
        self.components: Mapping[str, Schema] = {
            f"{prefix}{_short(name)}": _titled(f"{prefix}{_short(name)}", _led(schema, names))
            for name, schema in components.items()
        }

    def of(self, model: type[msgspec.Struct]) -> Schema:
        """Leads to the schema of a model that was among them."""
        reference: Schema = self._references[model]
        return reference


def members(model: type[msgspec.Struct]) -> Mapping[str, tuple[Schema, bool]]:
    """The members of a model by their names on the wire: what each must be, and whether it must be there.

    For models whose members are plain: parameters of a query.
    """
    whole = _led(msgspec.json.schema(model, schema_hook=_any)["$defs"][model.__name__], {})
    required = frozenset(whole["required"])
    return {name: (schema, name in required) for name, schema in whole["properties"].items()}


def in_query(schema: Schema) -> Schema:
    """What a parameter of a query must be: there is no null in one, it is left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    given = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    if len(kinds) == 1:
        given = {**kinds[0], **given}
    elif kinds:
        given = {**given, "anyOf": kinds}
    if isinstance(given.get("enum"), list):
        given["enum"] = [value for value in given["enum"] if value is not None]
    return given


def named(name: str) -> Schema:
    """Leads to a schema by its name."""
    return {"$ref": f"{_AT}{name}"}


def an_object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object of these members and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def _short(name: str) -> str:
    """Models that share a name come with their modules: the last one tells them apart, as a word of the name."""
    *_, module, own = ["", *name.split(".")]
    return "".join(part.capitalize() for part in module.split("_")) + own


def _titled(name: str, schema: Schema) -> Schema:
    """Under its own name: what makes clients calls a model by its title, and families have names in common."""
    return {**schema, "title": name} if "title" in schema else schema


def _led(value: Any, names: Mapping[str, str]) -> Any:
    """The same with everything that leads to a schema leading to its other name, and patterns that all can read."""
    if isinstance(value, Mapping):
        return {name: _named(name, member, names) for name, member in value.items()}
    return [_led(member, names) for member in value] if isinstance(value, list) else value


def _named(name: str, member: Any, names: Mapping[str, str]) -> Any:
    if name == "$ref" and isinstance(member, str):
        return names[member]
    if name == "pattern" and isinstance(member, str):
        # The two ends of a text are Python's words; JSON Schema has those of ECMA-262 (2020-12 core, 6.4).
        return member.replace(r"\A", "^").replace(r"\Z", "$")
    return _led(member, names)


def _any(_: type) -> dict[str, Any]:
    return dict(_ANYTHING)
