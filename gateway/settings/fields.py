"""Reads one table by its schema: unknown keys, missing keys and unfit values are noted, the rest is kept."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gateway.settings.kinds import Kind, UnfitError, shown
from gateway.settings.problems import Place, Problem
from gateway.settings.suggest import meant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gateway.settings.document import Node


class Findings:
    """The problems found so far. The same one is kept once, however many devices share the profile it is in."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}

    def error(self, place: Place, message: str) -> None:
        """Note an error."""
        self._problems[Problem.at(place, message)] = None

    def warn(self, place: Place, message: str) -> None:
        """Note something odd."""
        self._problems[Problem.at(place, message, "warning")] = None

    def add(self, problems: Iterable[Problem]) -> None:
        """Take over what somebody else found."""
        self._problems.update(dict.fromkeys(problems))

    def errors(self, first: str) -> tuple[Problem, ...]:
        """Return the errors in the order of their files, those of the file named ``first`` before the others'."""
        return self._sorted("error", first)

    def warnings(self, first: str) -> tuple[Problem, ...]:
        """Return the warnings in the same order."""
        return self._sorted("warning", first)

    def _sorted(self, severity: str, first: str) -> tuple[Problem, ...]:
        chosen = (problem for problem in self._problems if problem.severity == severity)
        return tuple(sorted(chosen, key=lambda one: (one.path != first, one.path, one.line, one.column)))


@dataclass(frozen=True, slots=True)
class Schema:
    """What a table may hold.

    Attributes:
        title: the table as it is written: ``[[line.device]]``.
        keys: kinds of its values, by key.
        required: keys that must be there.
        tables: tables inside it: "one" is ``[a.b]``, "many" is ``[[a.b]]``, "switch" is a table or true or false.
        model: the dataclass that has the defaults, where there is one.
        renamed: attribute of the model, for keys that have another name there.
    """

    title: str
    keys: Mapping[str, Kind]
    model: type[Any] | None = None
    required: frozenset[str] = frozenset()
    tables: Mapping[str, Literal["one", "many", "switch"]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def default(self, key: str) -> Any:
        """Return the model's default of a key, None where it has none."""
        attribute = self.renamed.get(key, key)
        found = self.model.__dataclass_fields__.get(attribute) if self.model else None
        return None if found is None or found.default is MISSING else found.default


@dataclass(slots=True)
class Fields:
    """The values of one table, as far as they are sound."""

    schema: Schema
    node: Node
    findings: Findings
    values: dict[str, Any]
    faulty: set[str]

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key, or its default."""
        return self.values[key] if key in self.values else self.schema.default(key)

    def given(self, key: str) -> bool:
        """Tell whether a key was written in the file."""
        return key in self.node

    def sound(self, *keys: str) -> bool:
        """Tell whether none of these keys is missing or has been refused, so that a check may lean on them."""
        return self.faulty.isdisjoint(keys)

    def refuse(self, key: str, words: str) -> None:
        """Refuse the value of a key; ``words`` begin with the reason and end with the cure."""
        self.faulty.add(key)
        self.findings.error(self.place(key), f"{key}: {words}")

    def warn(self, key: str, words: str) -> None:
        """Note something odd about a key."""
        self.findings.warn(self.place(key), f"{key}: {words}")

    def place(self, key: str) -> Place:
        """Return where a key's value stands, or its table where it is not given."""
        return self.node.place_of_value(key) if key in self.node else self.node.place

    def table(self, key: str) -> Node | None:
        """Return the table under a key, None where there is none."""
        return self.node.table(key) if key in self.node and self.sound(key) else None

    def tables(self, key: str) -> list[Node]:
        """Return the tables under a key."""
        return self.node.tables(key) if key in self.node and self.sound(key) else []

    def arguments(self) -> dict[str, Any]:
        """Return the values that were given, by the names the model has for them."""
        return {self.schema.renamed.get(key, key): value for key, value in self.values.items()}


class Distinct:
    """Refuses what has been given before, and says where that was."""

    def __init__(self, words: str, cure: str = "Rename or remove one") -> None:
        """Expect things to differ.

        Args:
            words: the reason for refusing a second one; ``{}`` is the thing.
            cure: what to do about it.
        """
        self._words = words
        self._cure = cure
        self._first: dict[object, Place] = {}

    def check(self, fields: Fields, key: str, thing: object = None) -> None:
        """Note the value of a key (or a thing made of it), or refuse the key."""
        if not fields.sound(key) or not fields.given(key):
            return
        here = fields.place(key)
        first = self._first.setdefault(fields[key] if thing is None else thing, here)
        if first is not here:
            where = f"line {first.line}" if first.path == here.path else str(first)
            fields.refuse(key, f"{self._words.format(fields[key])} ({where}). {self._cure}")


def read_fields(node: Node, schema: Schema, findings: Findings, defaults: Mapping[str, Any] | None = None) -> Fields:
    """Read a table.

    Args:
        node: the table.
        schema: what it may hold.
        findings: where problems are noted.
        defaults: values that stand in for keys that are not given, before the model's own defaults.
    """
    fields = Fields(schema, node, findings, dict(defaults or {}), set())
    misspelt = set()
    for key in node.keys():  # noqa: SIM118 - a Node is no dict: its layers are walked in order
        if key in schema.keys:
            _read_value(fields, key, schema.keys[key])
        elif key in schema.tables:
            _check_table(fields, key, schema.tables[key])
        else:
            known = [*schema.keys, *schema.tables]
            near = meant(key, known)
            hint = f'Did you mean "{near}"?' if near else f"Known here: {', '.join(known)}"
            findings.error(node.place_of_key(key), f'unknown key "{key}" in {schema.title}. {hint}')
            misspelt.add(near)
    for key, kind in schema.keys.items():
        if key in schema.required and key not in node:
            fields.faulty.add(key)
            # One slip of the pen is one error: the key is there, under a wrong name.
            if key not in misspelt:
                findings.error(node.place, f'{schema.title} has no "{key}". Add {key} ({kind.words})')
    return fields


def _read_value(fields: Fields, key: str, kind: Kind) -> None:
    try:
        fields.values[key] = kind.read(fields.node.value(key))
    except UnfitError as refusal:
        if refusal.element is None:
            fields.refuse(key, str(refusal))
        else:
            fields.faulty.add(key)
            place = fields.node.place_of_value(key, refusal.element)
            fields.findings.error(place, f"{key}: {refusal}")
    except ValueError as refusal:
        fields.refuse(key, str(refusal))


def _check_table(fields: Fields, key: str, form: Literal["one", "many", "switch"]) -> None:
    value = fields.node.value(key)
    within = fields.schema.title.strip("[]")
    name = f"{within}.{key}" if within and not within.startswith("the ") else key
    if form == "many":
        if not isinstance(value, list):
            if isinstance(value, dict) and value and all(isinstance(inner, dict | list) for inner in value.values()):
                # Nothing but what the headers of tables within it made.
                words = f"no [[{name}]] stands above the tables that belong to it. Put [[{name}]] above them"
            else:
                cure = f"Write [[{name}]] with two brackets" if isinstance(value, dict) else f"Write [[{name}]] tables"
                words = f"must be a list of tables, not {shown(value)}. {cure}"
            fields.refuse(key, words)
            return
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                place = fields.node.place_of_value(key, index)
                fields.findings.error(place, f"{key}: must be a table, not {shown(item)}. Write [[{name}]] tables")
    elif not isinstance(value, dict) and not (form == "switch" and isinstance(value, bool)):
        or_flag = "true, false or " if form == "switch" else ""
        cure = f"Write [{name}] with one bracket" if isinstance(value, list) else f"Write it as [{name}]"
        fields.refuse(key, f"must be {or_flag}a table, not {shown(value)}. {cure}")
