"""Where in a JSON text each value stands, so that a mistake can be pointed at. Pure."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\]}]+")

# Names and indexes that lead to a value.
Way = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A spot in a text; line and column count from 1, the column counts characters."""

    line: int
    column: int


@dataclass(slots=True)
class Places:
    """Where everything stands.

    Attributes:
        spots: of each member its name, of each item its value.
        twice: members that stand in their object a second time.
    """

    spots: dict[Way, Spot] = field(default_factory=dict)
    twice: list[tuple[Way, Spot]] = field(default_factory=list)

    def nearest(self, way: Way) -> Spot:
        """Where something stands, or what it would stand in."""
        while way not in self.spots and way:
            way = way[:-1]
        return self.spots.get(way, Spot(1, 1))


def places_of(text: str) -> Places:
    """Where the values of a text stand.

    Args:
        text: JSON that can be read.

    Raises:
        RecursionError: it is nested too deep.
    """
    found = Places()
    _Walk(text, found).value((), _end(_SPACE, text, 0))
    return found


def way_of(dotted: str, document: object) -> Way:
    """The way a name like ``config_schema.properties.unit[2]`` tells, as far as there is one.

    Args:
        dotted: what an error names; members may have dots in their own names.
        document: what it is about.
    """
    way: Way = ()
    rest = dotted
    while rest:
        rest = rest.removeprefix(".")
        step = _step(rest, document)
        if step is None:
            return way
        name, rest = step
        way = (*way, name)
        document = document[name]  # type: ignore[index]  # the step was found in it
    return way


def _step(rest: str, document: object) -> tuple[str | int, str] | None:
    if isinstance(document, Mapping):
        fitting = [name for name in document if rest == name or rest.startswith((f"{name}.", f"{name}["))]
        name = max(fitting, key=len, default=None)
        return None if name is None else (name, rest[len(name) :])
    found = re.match(r"\[(\d+)\]", rest)
    if isinstance(document, list) and found is not None and int(found[1]) < len(document):
        return int(found[1]), rest[found.end() :]
    return None


class _Walk:
    """Goes through a text once, knowing that it is sound."""

    def __init__(self, text: str, found: Places) -> None:
        self._text, self._found = text, found
        self._starts = [0, *(end.end() for end in re.finditer("\n", text))]

    def value(self, way: Way, at: int) -> int:
        """Take a value; returns where it ends."""
        if not way or isinstance(way[-1], int):
            self._found.spots[way] = self._spot(at)
        match self._text[at]:
            case "{":
                return self._members(way, at + 1)
            case "[":
                return self._items(way, at + 1)
            case '"':
                return _end(_STRING, self._text, at)
            case _:
                return _end(_SCALAR, self._text, at)

    def _members(self, way: Way, at: int) -> int:
        seen: set[str] = set()
        at = self._skip(at)
        while self._text[at] != "}":
            end = _end(_STRING, self._text, at)
            name: str = json.loads(self._text[at:end])
            spot = self._spot(at)
            if name in seen:
                self._found.twice.append(((*way, name), spot))
            seen.add(name)
            self._found.spots[*way, name] = spot
            colon = self._skip(end)
            at = self._skip(self.value((*way, name), self._skip(colon + 1)))
            at = self._skip(at + 1) if self._text[at] == "," else at
        return at + 1

    def _items(self, way: Way, at: int) -> int:
        index = 0
        at = self._skip(at)
        while self._text[at] != "]":
            at = self._skip(self.value((*way, index), at))
            at = self._skip(at + 1) if self._text[at] == "," else at
            index += 1
        return at + 1

    def _skip(self, at: int) -> int:
        return _end(_SPACE, self._text, at)

    def _spot(self, at: int) -> Spot:
        line = bisect_right(self._starts, at)
        return Spot(line, at - self._starts[line - 1] + 1)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    if found is None:
        raise ValueError("the text is no JSON")
    return found.end()
