"""How much memory data takes: what is small as JSON may be large here, and callers choose what they send."""

from __future__ import annotations

from collections.abc import Mapping

# An object, a place in a list, a place in a dictionary; more or less.
_OBJECT, _PLACE, _PAIR = 56, 8, 100


def weight(data: object) -> int:
    """Bytes that JSON data takes in memory, more or less."""
    total, left = 0, [data]
    while left:
        value = left.pop()
        total += _OBJECT
        if isinstance(value, str):
            total += len(value)
        elif isinstance(value, Mapping):
            total += _PAIR * len(value) + sum(map(len, value))
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            total += _PLACE * len(value)
            left.extend(value)
    return total


def values(data: object, most: int) -> int:
    """How many values JSON data holds, itself included; counted no further than one beyond ``most``."""
    count, left = 0, [data]
    while left and count <= most:
        value = left.pop()
        count += 1
        if isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list | tuple):
            left.extend(value)
    return count
