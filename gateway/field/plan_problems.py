"""What is wrong with a devices file of ``ferrule simulate``, in the words ``ferrule check`` has for a configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy, deepcopy
from pathlib import Path

import msgspec

from drivers.simulated.plan import Plan, mistakes
from gateway.field.plan_mending import mend
from gateway.field.plan_shape import FREE, MISSING, UNKNOWN, Keys, choices_at, keys_of, known_at, parts_of, value_at
from gateway.settings.document import Document, read_document
from gateway.settings.kinds import Choice, UnfitError, shown
from gateway.settings.problems import Place, Problem, SettingsError
from gateway.settings.suggest import meant

# The plan's own words for a place: "line[0] plant, device[2] pump: ...".
_NAMED = re.compile(r"(?P<path>\w+\[\d+\] [^,:]*(?:, \w+\[\d+\] [^,:]*)*): (?P<reason>.*)", re.DOTALL)
_NAMED_STEP = re.compile(r"(\w+)\[(\d+)\] ")
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
    problems = [Problem.at(place, words) for place, words in _all(document, str(error))]
    return SettingsError(tuple(sorted(problems, key=lambda one: (one.line, one.column))))


def _all(document: Document, message: str) -> Iterator[tuple[Place, str]]:
    """Every mistake: each is mended with something that would have done, so that the next one shows.

    What is made of a table that was mended is not judged: it would be about what was put in.
    """
    yield _explained(document, message)
    data = deepcopy(document.data)
    mended: list[Keys] = []
    taken: dict[Keys, Keys] = {}
    while isinstance(read := _read(data), str):
        if read != message:
            place, words = _explained(_with(document, data), read)
            yield _of_another_name(document, taken, read) or place, words
        change = mend(data, read)
        if change is None:
            return
        mended.append(change.where)
        if change.taken_for is not None:
            taken[change.taken_for] = change.where
    for wrong in mistakes(read):
        found = _NAMED.fullmatch(wrong)
        keys = _named_keys(found["path"]) if found else ()
        if wrong != message and not any(one[: len(keys)] == keys[: len(one)] for one in mended):
            yield _explained(document, wrong)


def _with(document: Document, data: dict[str, object]) -> Document:
    """The same places, with what stands there now."""
    other = copy(document)
    other.data = data
    return other


def _of_another_name(document: Document, taken: Mapping[Keys, Keys], message: str) -> Place | None:
    """Where something stands that is in what was taken for another key; None where it is in none."""
    keys = keys_of(parts_of(message)[1])
    for length in range(len(keys), 0, -1):
        if keys[:length] in taken:
            return _place(document.place_of_value, document, (*taken[keys[:length]], *keys[length:]))
    return None


def _read(data: object) -> Plan | str:
    """The plan, or the first thing that is wrong with it."""
    try:
        return msgspec.convert(data, Plan)
    except msgspec.ValidationError as error:
        return str(error)


def _explained(document: Document, message: str) -> tuple[Place, str]:
    if match := _NAMED.fullmatch(message):
        return _by_plan(document, match["path"], match["reason"])
    if _TWICE in message:
        return Place(document.path, 1, 1), f"{message}. {_RENAME}"
    reason, path = parts_of(message)
    keys = keys_of(path)
    if found := UNKNOWN.fullmatch(reason):
        return _unknown(document, keys, found[1])
    if found := MISSING.fullmatch(reason):
        words = f'{_title(keys)} has no "{found[1]}". Add {found[1]}; {_EXAMPLE}'
        return _place(document.place_of_value, document, keys), words
    place = _place(document.place_of_value, document, keys)
    name = next((key for key in reversed(keys) if isinstance(key, str)), "")
    if path.endswith(FREE) and (found := _TYPE.match(reason)):
        return place, f"{name}: every value in it must be {_TYPES.get(found[1], found[1])}. {_EXAMPLE}"
    return place, f"{name}: {_unfit(document, keys, reason)}" if name else f"{reason}. {_EXAMPLE}"


def _by_plan(document: Document, path: str, reason: str) -> tuple[Place, str]:
    """The plan checks what types alone do not rule out; its reasons begin with the key or say what to give."""
    keys = _named_keys(path)
    if reason.startswith("invalid literal for int()"):
        keys, reason = (
            (*keys, "identity"),
            "identity: its keys are numbers of objects. Write them as whole numbers, 0 to 255",
        )
    else:
        reason = f"{reason}. {_RENAME}" if _TWICE in reason else reason
        first = reason.split(maxsplit=1)[0]
        table = value_at(document.data, keys)
        if isinstance(table, dict) and first in table:
            keys = (*keys, first)
    names = _NAMED_STEP.sub(r"\1 ", path)
    return _place(document.place_of_value, document, keys), f"{names}: {reason}"


def _named_keys(path: str) -> Keys:
    return tuple(key for name, index in _NAMED_STEP.findall(path) for key in (name, int(index)))


def _unknown(document: Document, keys: Keys, key: str) -> tuple[Place, str]:
    known = list(known_at(document.data, keys))
    near = meant(key, known)
    hint = f'Did you mean "{near}"?' if near else f"Known here: {', '.join(known)}"
    place = _place(document.place_of_key, document, (*keys, key))
    return place, f'unknown key "{key}" in {_title(keys)}. {hint}'


def _unfit(document: Document, keys: Keys, reason: str) -> str:
    value = value_at(document.data, keys)
    choices = choices_at(document.data, keys)
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


def _place(place_of: Callable[[Keys], Place], document: Document, keys: Keys) -> Place:
    """Where something stands, or what it is in."""
    for length in range(len(keys), 0, -1):
        try:
            return place_of(keys[:length])
        except KeyError:
            continue
    return Place(document.path, 1, 1)


def _title(keys: Keys) -> str:
    """A table as it is written: ``[[line.device]]``."""
    name = ".".join(key for key in keys if isinstance(key, str))
    if not name:
        return "the file"
    return f"[[{name}]]" if isinstance(keys[-1], int) else f"[{name}]"
