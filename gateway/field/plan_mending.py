"""Mends a devices file where it is wrong, so that what else is wrong with it can be found as well.

The reader stops at the first mistake. What was wrong is taken out, or something that would have done is put in its
place; nothing of that is ever served.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gateway.field.plan_shape import FREE, MISSING, UNKNOWN, Keys, keys_of, known_at, parts_of, types_at, value_at
from gateway.settings.suggest import meant


@dataclass(frozen=True, slots=True)
class Mended:
    """A change that was made.

    Attributes:
        where: as the file has it.
        taken_for: what an unknown key there was taken for; None where it was none.
    """

    where: Keys
    taken_for: Keys | None = None


def mend(data: dict[str, object], message: str) -> Mended | None:
    """Take out what a message complains of, or put in what it misses.

    Args:
        data: the file, which is changed.
        message: what its reader said.

    Returns:
        What was changed; None where nothing is known that would do.
    """
    reason, path = parts_of(message)
    keys = keys_of(path)
    if found := UNKNOWN.fullmatch(reason):
        table = value_at(data, keys)
        if not isinstance(table, dict):
            return None
        value = table.pop(found[1])
        near = meant(found[1], list(known_at(data, keys)))
        if near and near not in table:
            # Most likely that is what it is: it must not be missed then, and can be wrong itself.
            table[near] = value
            return Mended((*keys, found[1]), (*keys, near))
        return Mended((*keys, found[1]))
    if found := MISSING.fullmatch(reason):
        where = _put(data, (*keys, found[1]))
    else:
        where = _put(data, keys) if not path.endswith(FREE) else _without(data, keys)
    return None if where is None else Mended(where)


def _put(data: dict[str, object], keys: Keys) -> Keys | None:
    """Put something right at a place that must have something, or leave out what need not be there."""
    table, key = value_at(data, keys[:-1]), keys[-1] if keys else None
    if isinstance(table, list) and isinstance(key, int):
        for kind in types_at(data, keys):
            table[key] = _stand_in(kind)
            return keys
    if isinstance(table, dict) and isinstance(key, str):
        for kind in types_at(data, keys[:-1]):
            field = next((one for one in _fields(kind) if one.encode_name == key), None)
            if field is not None and field.required:
                table[key] = _stand_in(field.type)
                return keys
            if field is not None:
                del table[key]
                return keys
    # What tells apart which of several tables it is: without that, nothing in it can be judged.
    return _without(data, keys[:-1])


def _without(data: dict[str, object], keys: Keys) -> Keys | None:
    table = value_at(data, keys[:-1])
    if keys and isinstance(table, dict) and keys[-1] in table:
        del table[keys[-1]]
        return keys
    return None


def _fields(kind: msgspec.inspect.Type) -> tuple[msgspec.inspect.Field, ...]:
    return kind.fields if isinstance(kind, msgspec.inspect.StructType) else ()


def _stand_in(kind: msgspec.inspect.Type) -> object:
    """The plainest thing of a type."""
    match kind:
        case msgspec.inspect.Metadata():
            return _stand_in(kind.type)
        case msgspec.inspect.UnionType():
            return _stand_in(kind.types[0])
        case msgspec.inspect.LiteralType():
            return kind.values[0]
        case msgspec.inspect.StructType():
            return {field.encode_name: _stand_in(field.type) for field in kind.fields if field.required}
        case msgspec.inspect.ListType():
            return []
        case msgspec.inspect.StrType():
            return "?"
        case _:
            return 1
