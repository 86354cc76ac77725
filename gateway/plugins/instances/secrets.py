"""Where the secrets of a configuration stand, and what is shown in their place (D-110). Pure.

A value is secret where any schema that may apply to it says so, whether or not it does in the end: what is covered too
often harms nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from gateway.core.ports import Json
from gateway.plugins.host.concealing import COVER
from gateway.plugins.instances.refusal import ConfigError, Place

# Looks of a schema at a value; beyond that a configuration takes too long to look through.
MOST_LOOKS = 100_000

_BESIDE = ("allOf", "anyOf", "oneOf")
_INSTEAD = ("if", "then", "else")
_OTHER_MEMBERS = ("additionalProperties", "unevaluatedProperties")
_ITEMS = ("items", "contains", "unevaluatedItems")

Secrets = Mapping[Place, Json]


def find_secrets(schema: Mapping[str, Json], config: Mapping[str, Json]) -> Secrets:
    """The secrets of a configuration, by their places.

    Args:
        schema: one that was checked: its references have an end.
        config: the configuration, in the clear.

    Raises:
        ConfigError: there is too much to look through.
    """
    search = _Search(schema)
    search.look(schema, config, ())
    if () in search.found:
        return {(name,): value for name, value in config.items()}
    # What lies in a secret is covered with it.
    return {
        place: value
        for place, value in search.found.items()
        if not any(place[:length] in search.found for length in range(1, len(place)))
    }


def covered(config: Mapping[str, Json], secrets: Secrets) -> Mapping[str, Json]:
    """A configuration to be shown."""
    return _with(config, dict.fromkeys(secrets, COVER))


def uncovered(config: Mapping[str, Json], secrets: Secrets) -> Mapping[str, Json]:
    """The configuration that was covered."""
    return _with(config, secrets)


def kept(
    schema: Mapping[str, Json], sent: Mapping[str, Json], before: Mapping[str, Json], secrets: Secrets
) -> Mapping[str, Json]:
    """What was sent, with the secrets of before where their cover was sent.

    Args:
        schema: of the configuration.
        sent: by somebody who was shown a configuration.
        before: the configuration there was, covered.
        secrets: of it.

    Raises:
        ConfigError: a cover stands where there was no secret, or in a list that was changed otherwise: a secret could
            come to stand beside what it is not for.
    """
    found = find_secrets(schema, sent)
    shown = covered(sent, found)
    for place in (place for place, value in found.items() if value == COVER):
        if place not in secrets:
            raise ConfigError(place, "there is no secret here that could be kept: send it")
        index = next((at for at, step in enumerate(place) if isinstance(step, int)), None)
        if index is not None and value_at(shown, place[:index]) != value_at(before, place[:index]):
            raise ConfigError(place, "this list was changed: send its secrets anew")
    return _with(sent, {place: secrets[place] for place, value in found.items() if value == COVER})


def texts(secrets: Secrets) -> tuple[str, ...]:
    """All texts in secrets."""
    return tuple(dict.fromkeys(text for value in secrets.values() for text in _texts(value)))


def value_at(config: Json, place: Place) -> Json:
    """What stands at a place; None where there is none."""
    for step in place:
        if isinstance(config, Mapping) and isinstance(step, str):
            config = config.get(step)
        elif _is_list(config) and isinstance(step, int) and isinstance(config, Sequence) and step < len(config):
            config = config[step]
        else:
            return None
    return config


class _Search:
    """A look through a configuration.

    Attributes:
        found: secrets by their places.
    """

    def __init__(self, root: Mapping[str, Json]) -> None:
        self._root = root
        self._looks = 0
        self.found: dict[Place, Json] = {}

    def look(self, schema: Json, value: Json, place: Place) -> None:
        """Find what one schema says of one value."""
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise ConfigError(place, "this configuration is too large for its schema")
        if not isinstance(schema, Mapping):
            return
        if schema.get("secret") is True or schema.get("writeOnly") is True:
            self.found[place] = value
            return
        for other in self._applied(schema):
            self.look(other, value, place)
        if isinstance(value, Mapping):
            for name, inner in value.items():
                for other in _of_member(schema, name):
                    self.look(other, inner, (*place, name))
        elif _is_list(value) and isinstance(value, Sequence):
            for index, inner in enumerate(value):
                for other in _of_item(schema, index):
                    self.look(other, inner, (*place, index))

    def _applied(self, schema: Mapping[str, Json]) -> Iterator[Json]:
        """Schemas that look at the same value."""
        if isinstance(reference := schema.get("$ref"), str):
            yield target(self._root, reference)
        for name in _BESIDE:
            if isinstance(others := schema.get(name), Sequence) and not isinstance(others, str):
                yield from others
        for name in _INSTEAD:
            yield schema.get(name)
        if isinstance(dependent := schema.get("dependentSchemas"), Mapping):
            yield from dependent.values()


def target(root: Mapping[str, Json], reference: str) -> Json:
    """The schema a reference within a checked schema leads to."""
    found: Json = root
    for step in unquote(reference[1:]).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, Sequence) and not isinstance(found, str) and name.isdecimal():
            found = found[int(name)]
    return found


def _of_member(schema: Mapping[str, Json], name: str) -> Iterator[Json]:
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        yield properties[name]
    else:
        yield from (schema.get(other) for other in _OTHER_MEMBERS)
    # Whether the expression fits is for another engine to say: it is taken to.
    if isinstance(patterns := schema.get("patternProperties"), Mapping):
        yield from patterns.values()


def _of_item(schema: Mapping[str, Json], index: int) -> Iterator[Json]:
    prefix = schema.get("prefixItems")
    if isinstance(prefix, Sequence) and not isinstance(prefix, str) and index < len(prefix):
        yield prefix[index]
    yield from (schema.get(name) for name in _ITEMS)


def _with(config: Mapping[str, Json], values: Secrets) -> Mapping[str, Json]:
    changed: Json = config
    for place, value in values.items():
        changed = _put(changed, place, value)
    return changed if isinstance(changed, Mapping) else config


def _put(config: Json, place: Place, value: Json) -> Json:
    """The same with another value at a place that is there; where it is not, the very same."""
    if not place:
        return value
    step = place[0]
    if isinstance(config, Mapping) and isinstance(step, str) and step in config:
        return {**config, step: _put(config[step], place[1:], value)}
    if isinstance(config, Sequence) and _is_list(config) and isinstance(step, int) and step < len(config):
        return [*config[:step], _put(config[step], place[1:], value), *config[step + 1 :]]
    return config


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def _is_list(value: Json) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
