"""What is wrong with a devices file of ``ferrule simulate``, in the words ``ferrule check`` has for a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from drivers.simulated.plan import Plan
from gateway.settings.document import Document, read_document
from gateway.settings.kinds import Choice, UnfitError, shown
from gateway.settings.problems import Place, Problem, SettingsError
from gateway.settings.suggest import meant

_Keys = tuple[str | int, ...]

_AT = re.compile(r"(?P<reason>.*) - at `\$(?P<path>.*)`", re.DOTALL)
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")
# The plan's own words for a place: "line[0] plant, device[2] pump: ...".
_NAMED = re.compile(r"(?P<path>\w+\[\d+\] [^,:]*(?:, \w+\[\d+\] [^,:]*)*): (?P<reason>.*)", re.DOTALL)
_NAMED_STEP = re.compile(r"(\w+)\[(\d+)\] ")
_UNKNOWN = re.compile(r"Object contains unknown field `(.+)`")
_MISSING = re.compile(r"Object missing required field `(.+)`")
_TYPE = re.compile(r"Expected `([a-z]+)[^`]*`, got `[a-z]+`")
_BOUND = re.compile(r"Expected `[a-z |]+` (<=|>=|<|>) (\S+)")
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list of tables",
    "object": "a table",
}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_EXAMPLE = "config/demo-devices.toml shows how"
# How a message calls a value of a table whose keys are free.
_FREE = "[...]"
_TWICE, _RENAME = ": two have ", "Rename or remove one"
_BARE = re.compile(r"[+-]?[0-9][0-9._]*|true|false")


def refused(path: Path, error: Exception) -> SettingsError:
    """Say what is wrong with a file that could not be read as a plan.

    Args:
        path: of the file.
        error: what reading it raised.
    """
    try:
        document = read_document(path)
    except SettingsError as known:
        return known
    place, words = _explained(document, str(error))
    return SettingsError((Problem.at(place, words),))


def _explained(document: Document, message: str) -> tuple[Place, str]:
    if match := _NAMED.fullmatch(message):
        return _by_plan(document, match["path"], match["reason"])
    if _TWICE in message:
        return Place(document.path, 1, 1), f"{message}. {_RENAME}"
    match = _AT.fullmatch(message)
    reason = match["reason"] if match else message
    keys = _keys(match["path"]) if match else ()
    if found := _UNKNOWN.fullmatch(reason):
        return _unknown(document, keys, found[1])
    if found := _MISSING.fullmatch(reason):
        words = f'{_title(keys)} has no "{found[1]}". Add {found[1]}; {_EXAMPLE}'
        return _place(document.place_of_value, document, keys), words
    place = _place(document.place_of_value, document, keys)
    name = next((key for key in reversed(keys) if isinstance(key, str)), "")
    if match and match["path"].endswith(_FREE) and (found := _TYPE.match(reason)):
        return place, f"{name}: every value in it must be {_TYPES.get(found[1], found[1])}. {_EXAMPLE}"
    return place, f"{name}: {_unfit(document, keys, reason)}" if name else f"{reason}. {_EXAMPLE}"


def _by_plan(document: Document, path: str, reason: str) -> tuple[Place, str]:
    """The plan checks what types alone do not rule out; its reasons begin with the key or say what to give."""
    keys: _Keys = ()
    for key, index in _NAMED_STEP.findall(path):
        keys = (*keys, key, int(index))
    if reason.startswith("invalid literal for int()"):
        keys, reason = (
            (*keys, "identity"),
            "identity: its keys are numbers of objects. Write them as whole numbers, 0 to 255",
        )
    else:
        reason = f"{reason}. {_RENAME}" if _TWICE in reason else reason
        first = reason.split(maxsplit=1)[0]
        table = _value(document.data, keys)
        if isinstance(table, dict) and first in table:
            keys = (*keys, first)
    names = _NAMED_STEP.sub(r"\1 ", path)
    return _place(document.place_of_value, document, keys), f"{names}: {reason}"


def _unknown(document: Document, keys: _Keys, key: str) -> tuple[Place, str]:
    known = list(_known(document.data, keys))
    near = meant(key, known)
    hint = f'Did you mean "{near}"?' if near else f"Known here: {', '.join(known)}"
    place = _place(document.place_of_key, document, (*keys, key))
    return place, f'unknown key "{key}" in {_title(keys)}. {hint}'


def _unfit(document: Document, keys: _Keys, reason: str) -> str:
    value = _value(document.data, keys)
    choices = _choices(document.data, keys)
    if choices:
        try:
            Choice(choices).read(value)
        except UnfitError as unfit:
            return str(unfit)
    if found := _TYPE.match(reason):
        cure = f". Write it without quotes: {value}" if isinstance(value, str) and _BARE.fullmatch(value) else ""
        cure = f'. Write it in quotes: "{value}"' if found[1] == "str" and not isinstance(value, list | dict) else cure
        return f"must be {_TYPES.get(found[1], found[1])}, not {shown(value)}{cure}"
    if found := _BOUND.match(reason):
        return f"must be {_BOUNDS[found[1]]} {float(found[2]):g}, not {shown(value)}"
    return f"{reason[0].lower()}{reason[1:]}. {_EXAMPLE}"


def _keys(path: str) -> _Keys:
    """The path of a message, as far as it can be followed: keys of free tables are not told."""
    keys: _Keys = ()
    at = 0
    while match := _STEP.match(path, at):
        keys = (*keys, match[1] if match[1] is not None else int(match[2]))
        at = match.end()
    return keys


def _place(place_of: Callable[[_Keys], Place], document: Document, keys: _Keys) -> Place:
    """Where something stands, or what it is in."""
    for length in range(len(keys), 0, -1):
        try:
            return place_of(keys[:length])
        except KeyError:
            continue
    return Place(document.path, 1, 1)


def _title(keys: _Keys) -> str:
    """A table as it is written: ``[[line.device]]``."""
    name = ".".join(key for key in keys if isinstance(key, str))
    if not name:
        return "the file"
    return f"[[{name}]]" if isinstance(keys[-1], int) else f"[{name}]"


def _value(data: object, keys: _Keys) -> object:
    for key in keys:
        in_table = isinstance(data, dict) and key in data
        in_list = isinstance(data, list) and isinstance(key, int) and key < len(data)
        if isinstance(data, dict | list) and (in_table or in_list):
            data = data[key]  # type: ignore[index]  # which of the two it is was just asked
        else:
            return None
    return data


def _types(data: object, keys: _Keys) -> Iterator[msgspec.inspect.Type]:
    """What may stand at a place of a plan."""
    found: list[msgspec.inspect.Type] = [msgspec.inspect.type_info(Plan)]
    for number, key in enumerate(keys):
        inner: list[msgspec.inspect.Type] = []
        for kind in _plain(found, _value(data, keys[:number]), keep=key):
            if isinstance(kind, msgspec.inspect.ListType) and isinstance(key, int):
                inner.append(kind.item_type)
            if isinstance(kind, msgspec.inspect.StructType):
                inner.extend(field.type for field in kind.fields if field.encode_name == key)
        found = inner
    yield from _plain(found, _value(data, keys))


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


def _known(data: object, keys: _Keys) -> Iterator[str]:
    for kind in _types(data, keys):
        if isinstance(kind, msgspec.inspect.StructType):
            if kind.tag_field is not None:
                yield kind.tag_field
            yield from (field.encode_name for field in kind.fields)


def _choices(data: object, keys: _Keys) -> tuple[str | int, ...]:
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
        for kind in _types(data, keys)
        if isinstance(kind, msgspec.inspect.LiteralType)
        for value in kind.values
        if isinstance(value, str | int)
    ]
    return tuple(dict.fromkeys([*tags, *literals]))


def _tables_told_apart(data: object, keys: _Keys) -> Iterator[msgspec.inspect.StructType]:
    if not keys:
        return
    for parent in _types(data, keys[:-1]):
        if isinstance(parent, msgspec.inspect.StructType):
            for field in parent.fields:
                if field.encode_name == keys[-1] and isinstance(field.type, msgspec.inspect.UnionType):
                    yield from (kind for kind in field.type.types if isinstance(kind, msgspec.inspect.StructType))
