"""Bounds for JSON whose members are the caller's own: depth, size, and numbers every JSON reader takes alike."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

from gateway.agents.inspection import LONGEST_NAME, Inspection
from gateway.agents.issues import element, member
from gateway.core.ports import Json

# Integers beyond this are other numbers for readers that have only doubles; RFC 8785 cannot write them (D-036).
LARGEST_WHOLE = 2**53 - 1
_SURROGATES = range(0xD800, 0xE000)


class _Place(NamedTuple):
    """The way to a value; written out only where something is wrong there."""

    above: _Place | None
    step: str | int
    depth: int

    def path(self) -> str:
        steps: list[str | int] = []
        place: _Place | None = self
        while place is not None and place.above is not None:
            steps.append(place.step)
            place = place.above
        path = ""
        for step in reversed(steps):
            path = element(path, step) if isinstance(step, int) else member(path, step)
        return path


def larger_than(value: Json, size: int) -> bool:
    """Whether a value certainly takes more than ``size`` bytes as JSON.

    It gives up as soon as that is certain: a large value costs no more than one that is just too large. What it takes
    for small enough is at least bounded in the number of its parts and the length of its texts.
    """
    taken = 0
    waiting: list[Json] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            # A name has quotes, a colon and a value of one character at the least.
            taken += 2 + 4 * len(item)
            if taken <= size:
                taken += sum(map(len, item))
                waiting.extend(item.values())
        elif isinstance(item, list):
            taken += 2 + len(item)
            if taken <= size:
                waiting.extend(item)
        elif isinstance(item, str):
            taken += len(item)
        if taken > size:
            return True
    return False


def inspect_freeform(found: Inspection, value: Json, deepest: int) -> None:
    """Find what in a JSON document no signature could cover, or nests deeper than ``deepest`` levels.

    It does not recurse: nothing a caller sends exhausts the stack. What has been found at a place already is not said
    again in other words.
    """
    waiting: list[tuple[Json, _Place]] = [(value, _Place(None, "", 0))]
    while waiting:
        item, place = waiting.pop()
        if isinstance(item, str):
            if _torn(item):
                found.error(place.path(), "characters", "must be text that UTF-8 can carry")
        elif isinstance(item, int):
            if not -LARGEST_WHOLE <= item <= LARGEST_WHOLE:
                found.error(place.path(), "range", "must be a whole number within 2^53; give a larger one as a string")
        elif isinstance(item, float):
            if not math.isfinite(item):
                found.error(place.path(), "range", "must be a finite number")
        elif isinstance(item, dict | list):
            if place.depth == deepest:
                found.error(place.path(), "too_deep", f"must not nest deeper than {deepest} levels")
            else:
                waiting.extend(_inside(found, item, place))


def _inside(found: Inspection, item: dict[str, Json] | list[Json], place: _Place) -> list[tuple[Json, _Place]]:
    """What is in an object or array, the last first, so that it is looked at in the order of the document."""
    depth = place.depth + 1
    if isinstance(item, list):
        return [(inner, _Place(place, index, depth)) for index, inner in enumerate(item)][::-1]
    sound = {name: inner for name, inner in item.items() if len(name) <= LONGEST_NAME and not _torn(name)}
    if len(sound) < len(item):
        found.error(place.path(), "name", f"must have names of at most {LONGEST_NAME} characters, in UTF-8")
    return [(inner, _Place(place, name, depth)) for name, inner in sound.items()][::-1]


def _torn(text: str) -> bool:
    return not text.isascii() and any(ord(character) in _SURROGATES for character in text)


def size_of(value: Json) -> int:
    """Bytes of a JSON value that ``inspect_freeform`` found nothing wrong with, written without spaces."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
