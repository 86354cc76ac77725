"""Bounds for JSON whose members are the caller's own: depth, size, and numbers every JSON reader takes alike."""

from __future__ import annotations

import json
import math

from gateway.agents.inspection import LONGEST_NAME, Inspection
from gateway.agents.issues import element, member
from gateway.core.ports import Json

# Integers beyond this are other numbers for readers that have only doubles; RFC 8785 cannot write them (D-036).
LARGEST_WHOLE = 2**53 - 1
_SURROGATES = range(0xD800, 0xE000)


def inspect_freeform(found: Inspection, value: Json, path: str, deepest: int) -> None:
    """Find what in a JSON value no signature could cover, or nests deeper than ``deepest`` levels.

    It does not recurse: nothing a caller sends exhausts the stack. What has been found at a place already is not said
    again in other words.
    """
    waiting: list[tuple[Json, str, int]] = [(value, path, 0)]
    while waiting:
        item, place, depth = waiting.pop()
        if isinstance(item, str):
            if _torn(item):
                found.error(place, "characters", "must be text that UTF-8 can carry")
        elif isinstance(item, int):
            if not -LARGEST_WHOLE <= item <= LARGEST_WHOLE:
                found.error(place, "range", "must be a whole number within 2^53; give a larger one as a string")
        elif isinstance(item, float):
            if not math.isfinite(item):
                found.error(place, "range", "must be a finite number")
        elif isinstance(item, dict | list):
            if depth == deepest:
                found.error(place, "too_deep", f"must not nest deeper than {deepest} levels")
                continue
            waiting.extend((inner, where, depth + 1) for inner, where in _inside(found, item, place))


def _inside(found: Inspection, item: dict[str, Json] | list[Json], place: str) -> list[tuple[Json, str]]:
    """What is in an object or array, the last first, so that it is looked at in the order of the document."""
    if isinstance(item, list):
        return [(inner, element(place, index)) for index, inner in enumerate(item)][::-1]
    sound = {name: inner for name, inner in item.items() if len(name) <= LONGEST_NAME and not _torn(name)}
    if len(sound) < len(item):
        found.error(place, "name", f"must have names of at most {LONGEST_NAME} characters, in UTF-8")
    return [(inner, member(place, name)) for name, inner in sound.items()][::-1]


def _torn(text: str) -> bool:
    return not text.isascii() and any(ord(character) in _SURROGATES for character in text)


def size_of(value: Json) -> int:
    """Bytes of a JSON value that ``inspect_freeform`` found nothing wrong with, written without spaces."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
