"""Schemas of configurations, as plugins bring them: JSON Schema 2020-12 that costs little to check and asks nobody.

``secret: true`` is an annotation: it marks what is sealed on the disk and covered in answers (D-110). Whoever writes a
schema is not trusted: references lead within it and never back, so that what there is to look at has an end; regular
expressions are those that need no going back, and short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from gateway.core.errors import GatewayError, invalid
from gateway.core.ports import Json

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
LARGEST = 32 * 1024
DEEPEST = 16
LONGEST_PATTERN = 200
# Schemas that are looked at, each as often as something leads to it.
MOST = 2000
# What is compared with what, each pair once: beyond that a judge would hold up the gateway, and where all that is wrong
# were to be told, so would telling it.
_MOST_WORK = 500_000
_MOST_TOLD = 4000
# Bytes of a compiled expression.
_PATTERN_SIZE = 256 * 1024

# What of a schema holds other schemas: one, a list of them, or some by name.
_ONE = frozenset(
    {
        "additionalProperties",
        "contains",
        "contentSchema",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_LIST = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
# Keywords of which a fault says what they want; others would say what was sent.
_SAY_WHAT = frozenset(
    {
        "additionalProperties",
        "const",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
        "unevaluatedProperties",
    }
)
# Stands for a keyword where a configuration was not looked at.
TOO_MUCH = "too much"
_REFUSED = frozenset({"$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveRef", "$vocabulary"})


def check_schema(schema: Mapping[str, Json], at: str = "config_schema") -> None:
    """See that a schema can be used.

    Args:
        schema: as it was sent.
        at: name of the member it stands in, for errors.

    Raises:
        GatewayError: INVALID, with the place and the cure.
    """
    if len(msgspec.json.encode(schema)) > LARGEST:
        raise invalid(at, f"a schema may have {LARGEST} bytes")
    if schema.get("$schema", DIALECT) not in {DIALECT, f"{DIALECT}#"}:
        raise invalid(f"{at}.$schema", f"leave it out, or write {DIALECT}")
    if schema.get("type") != "object":
        raise invalid(f"{at}.type", 'a configuration is an object: write "type": "object"')
    tree = _Tree()
    tree.walk(schema, "", at, 1)
    tree.check_references()
    _compiled(schema, at)


def faults(schema: Mapping[str, Json], config: Mapping[str, Json]) -> Iterator[Fault]:
    """What of a configuration is not as a schema wants it. No value is told: it may be secret.

    Args:
        schema: one that was checked.
        config: the configuration.
    """
    tree = _Tree()
    tree.walk(schema, "", "config_schema", 1)
    work = tree.weight() * _nodes(config)
    if work > _MOST_WORK:
        yield Fault((), TOO_MUCH)
        return
    judge = _compiled(schema, "config_schema")
    for error in judge.iter_errors(config) if work <= _MOST_TOLD else _first(judge, config):
        name = error.kind.name
        yield Fault(tuple(error.instance_path), name, error.kind.value if name in _SAY_WHAT else None)


def _first(judge: Validator, config: Mapping[str, Json]) -> Iterator[ValidationError]:
    import jsonschema_rs  # noqa: PLC0415 - as where it is compiled

    try:
        judge.validate(config)
    except jsonschema_rs.ValidationError as error:
        yield error


def _nodes(value: Json) -> int:
    """How many values there are in one."""
    count, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        count += 1
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, Sequence) and not isinstance(one, str):
            waiting += one
    return count


def secrets(schema: Mapping[str, Json]) -> frozenset[str]:
    """Names of the members of a configuration that are secrets, by ``secret`` or ``writeOnly``."""
    members = schema.get("properties")
    if not isinstance(members, Mapping):
        return frozenset()
    marked = (
        name
        for name, member in members.items()
        if isinstance(member, Mapping) and (member.get("secret") is True or member.get("writeOnly") is True)
    )
    return frozenset(marked)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something of a configuration that its schema does not allow.

    Attributes:
        place: names and indexes that lead to it.
        keyword: of the schema that it stands against.
        wanted: what the schema says by that keyword, or the names of members that are lacking or too many.
    """

    place: tuple[str | int, ...]
    keyword: str
    wanted: Json = None


@dataclass(slots=True)
class _Spot:
    """A schema within a schema: where it stands, for errors; what is in it, where it leads to, and what it weighs."""

    at: str
    inside: list[str] = field(default_factory=list)
    target: str | None = None
    own: int = 1


class _Tree:
    """All schemas within one, by their JSON pointers."""

    def __init__(self) -> None:
        self._spots: dict[str, _Spot] = {}
        self._sizes: dict[str, int] = {}
        self._open: set[str] = set()

    def walk(self, schema: Json, pointer: str, at: str, depth: int) -> None:
        """Take a schema and those in it."""
        if depth > DEEPEST:
            raise invalid(at, f"schemas may stand in each other {DEEPEST} deep")
        spot = self._spots[pointer] = _Spot(at)
        if not isinstance(schema, Mapping):
            # True and false are schemas; whatever else stands here is for the dialect to refuse.
            return
        for name, value in schema.items():
            here, place = f"{pointer}/{_escaped(name)}", f"{at}.{name}"
            # Each of many values may have to be compared.
            spot.own += len(value) if isinstance(value, list | tuple | Mapping) else 1
            if name in _REFUSED:
                raise invalid(place, "this keyword is not taken: a schema stands for itself, refer within it by #/...")
            if name == "$ref":
                spot.target = _target(value, place)
            elif name == "pattern" and isinstance(value, str):
                _check_pattern(value, place)
            elif name == "patternProperties" and isinstance(value, Mapping):
                for pattern in value:
                    _check_pattern(pattern, place)
            for step, inner in _schemas_in(name, value):
                inside = f"{here}{step}"
                spot.inside.append(inside)
                self.walk(inner, inside, _place(place, step), depth + 1)

    def check_references(self) -> None:
        """See that each leads to a schema, none in a circle, and all of them together not to too many."""
        if self._size("", 0) > MOST:
            raise invalid(self._spots[""].at, f"its references lead to more than {MOST} schemas")
        for pointer in self._spots:
            self._size(pointer, 0)

    def weight(self) -> int:
        """What there is to be compared with one value, at most; of schemas whose references were checked."""
        known: dict[str, int] = {}

        def weigh(pointer: str) -> int:
            if pointer not in known:
                spot = self._spots[pointer]
                leads = spot.inside if spot.target is None else [*spot.inside, spot.target]
                known[pointer] = spot.own + sum(weigh(other) for other in leads)
            return known[pointer]

        return weigh("")

    def _size(self, pointer: str, depth: int) -> int:
        """How many schemas there are to look at for one."""
        if pointer in self._sizes:
            return self._sizes[pointer]
        spot = self._spots[pointer]
        if pointer in self._open or depth > 4 * DEEPEST:
            raise invalid(spot.at, "references lead in a circle, or through too many others: write it out")
        self._open.add(pointer)
        leads = spot.inside if spot.target is None else [*spot.inside, spot.target]
        if spot.target is not None and spot.target not in self._spots:
            raise invalid(f"{spot.at}.$ref", "there is no schema in this place")
        size = 1 + sum(self._size(other, depth + 1) for other in leads)
        self._open.discard(pointer)
        self._sizes[pointer] = min(size, MOST + 1)
        return self._sizes[pointer]


def _schemas_in(name: str, value: Json) -> Iterator[tuple[str, Json]]:
    """The schemas a keyword holds, each with the rest of its pointer."""
    if name in _ONE:
        yield "", value
    elif name in _LIST and isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield f"/{index}", inner
    elif name in _NAMED and isinstance(value, Mapping):
        for key, inner in value.items():
            yield f"/{_escaped(key)}", inner


def _place(place: str, step: str) -> str:
    name = step.removeprefix("/")
    if not step:
        return place
    return f"{place}[{name}]" if name.isdecimal() else f"{place}.{name.replace('~1', '/').replace('~0', '~')}"


def _target(value: Json, place: str) -> str:
    if not isinstance(value, str) or not value.startswith("#"):
        raise invalid(place, "a reference must lead within the schema: #/$defs/... Nothing is fetched")
    return unquote(value[1:])


def _check_pattern(pattern: str, place: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise invalid(place, f"a regular expression may have {LONGEST_PATTERN} characters")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _compiled(schema: Mapping[str, Json], at: str) -> Validator:
    # Some megabytes: only who publishes or configures a plugin needs it.
    import jsonschema_rs  # noqa: PLC0415

    # This engine never goes back, so that no text takes it long; it has no look-around and no back-references.
    options = jsonschema_rs.RegexOptions(size_limit=_PATTERN_SIZE, dfa_size_limit=_PATTERN_SIZE)
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(schema), pattern_options=options, validate_formats=True, offline=True
        )
    except ValueError as error:
        raise _refused(error, at) from None


def _refused(error: ValueError, at: str) -> GatewayError:
    """What the dialect has against a schema, with the place."""
    place = at
    for step in getattr(error, "instance_path", ()):
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    reason = str(getattr(error, "message", error)).splitlines()[0][:200]
    return invalid(place, f"is no JSON Schema 2020-12: {reason}")
