"""What may stand where in a devices file of ``ferrule simulate``, and what a message of its reader is about."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from drivers.simulated.plan import Plan

Keys = tuple[str | int, ...]
"""The way to a value: keys of tables, indexes of lists."""

UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
MISSING = re.compile(r"Object missing required field `(.+)`")
# How a message calls a value of a table whose keys are free.
FREE = "[...]"
_AT = re.compile(r"(?P<reason>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")


def parts_of(message: str) -> tuple[str, str]:
    """The reason a message gives, and the path it names; an empty one where it names none."""
    match = _AT.fullmatch(message)
    return (match["reason"], match["path"]) if match else (message, "")


def keys_of(path: str) -> Keys:
    """The path of a message, as far as it can be followed: keys of free tables are not told."""
    keys: Keys = ()
    at = 0
    while match := _STEP.match(path, at):
        keys = (*keys, match[1] if match[1] is not None else int(match[2]))
        at = match.end()
    return keys


def value_at(data: object, keys: Keys) -> object:
    """What stands at a place; None where there is none."""
    for key in keys:
        in_table = isinstance(data, dict) and key in data
        in_list = isinstance(data, list) and isinstance(key, int) and key < len(data)
        if isinstance(data, dict | list) and (in_table or in_list):
            data = data[key]  # type: ignore[index]  # which of the two it is was just asked
        else:
            return None
    return data


def types_at(data: object, keys: Keys) -> Iterator[msgspec.inspect.Type]:
    """What may stand at a place of a plan."""
    found: list[msgspec.inspect.Type] = [msgspec.inspect.type_info(Plan)]
    for number, key in enumerate(keys):
        inner: list[msgspec.inspect.Type] = []
        for kind in _plain(found, value_at(data, keys[:number]), keep=key):
            if isinstance(kind, msgspec.inspect.ListType) and isinstance(key, int):
                inner.append(kind.item_type)
            if isinstance(kind, msgspec.inspect.StructType):
                inner.extend(field.type for field in kind.fields if field.encode_name == key)
        found = inner
    yield from _plain(found, value_at(data, keys))


def _plain(
    kinds: list[msgspec.inspect.Type], value: object, keep: str | int | None = None
) -> Iterator[msgspec.inspect.Type]:
    """The alternatives of unions; of tables told apart by a key, the one that the file means."""
    for kind in kinds:
        if isinstance(kind, msgspec.inspect.UnionType):
            yield from _plain(list(kind.types), value, keep)
        elif isinstance(kind, msgspec.inspect.Metadata):
            yield from _plain([kind.type], value, keep)
        elif isinstance(kind, msgspec.inspect.StructType) and kind.tag_field is not None and keep != kind.tag_field:
            if isinstance(value, dict) and value.get(kind.tag_field) == kind.tag:
                yield kind
        else:
            yield kind


def known_at(data: object, keys: Keys) -> Iterator[str]:
    """The keys that the table at a place may have."""
    for kind in types_at(data, keys):
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.tag_field is not None:
                yield kind.tag_field
            yield from (field.encode_name for field in kind.fields)


def choices_at(data: object, keys: Keys) -> tuple[str | int, ...]:
    """The words (or numbers) a value may be; none where it may be more than those."""
    if not keys:
        return ()
    tags = [
        kind.tag
        for kind in _tables_told_apart(data, keys[:-1])
        if kind.tag_field == keys[-1] and isinstance(kind.tag, str)
    ]
    literals = [
        value
        for kind in types_at(data, keys)
        if isinstance(kind, msgspec.inspect.LiteralType)
        for value in kind.values
        if isinstance(value, str | int)
    ]
    return tuple(dict.fromkeys([*tags, *literals]))


def _tables_told_apart(data: object, keys: Keys) -> Iterator[msgspec.inspect.StructType]:
    if not keys:
        return
    for parent in types_at(data, keys[:-1]):
        if isinstance(parent, msgspec.inspect.StructType):
            for field in parent.fields:
                if field.encode_name == keys[-1] and isinstance(field.type, msgspec.inspect.UnionType):
                    yield from (kind for kind in field.type.types if isinstance(kind, msgspec.inspect.StructType))
