"""From JSON to typed values: what is wrong is named by its place, with what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, TypeVar, get_args, get_origin

import msgspec

from gateway.api.params import convert_whole, in_words
from gateway.core.errors import GatewayError, invalid
from gateway.core.ports import Json

_MESSAGE = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_NAME = re.compile(r"[^.\[]+")
_INDEX = re.compile(r"\[(\d+)\]")

M = TypeVar("M", bound=msgspec.Struct)


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What bodies and queries are made of. Names are snake_case on the wire (D-014); other members are refused."""


class Nothing(Model, frozen=True):
    """The query of a path that takes none."""


def shaped(given: Mapping[str, Json], model: type[M], *, words: bool = False) -> M:
    """Check members against a model.

    Args:
        given: the members.
        model: what they must be.
        words: they come as text, from a query.

    Raises:
        GatewayError: INVALID, with the place of the first one at fault as ``member.member[2]``.
    """
    try:
        return msgspec.convert(given, model, strict=not words)
    except msgspec.ValidationError as error:
        try:
            return convert_whole(given, model, error)
        except msgspec.ValidationError as other:
            raise _explained(str(other), model) from None


@cache
def names_of(model: type[msgspec.Struct]) -> tuple[str, ...]:
    """The names of a model's members on the wire."""
    return tuple(field.encode_name for field in msgspec.structs.fields(model))


def pointer_to(place: str, given: Json) -> str:
    """The JSON pointer (RFC 6901) of a place that is written ``member.member[2]``.

    Args:
        place: as errors name it.
        given: the value it lies in: a member whose own name has a dot is found as such.
    """
    pointer, value = "", given
    while place:
        if index := _INDEX.match(place):
            name, place = index[1], place[index.end() :]
            value = _at(value, int(name))
        else:
            name = _member(place, value)
            place = place[len(name) :]
            value = value.get(name) if isinstance(value, Mapping) else None
        place = place.removeprefix(".")
        pointer += "/" + name.replace("~", "~0").replace("/", "~1")
    return pointer


def _at(value: Json, index: int) -> Json:
    if isinstance(value, str) or not isinstance(value, Sequence) or index >= len(value):
        return None
    return value[index]


def _member(place: str, value: Json) -> str:
    """The name a place begins with: the longest there is of that value, else up to the next dot."""
    there = value if isinstance(value, Mapping) else {}
    fitting = [
        name for name in there if name and place.startswith(name) and place[len(name) : len(name) + 1] in {"", ".", "["}
    ]
    if fitting:
        return max(fitting, key=len)
    plain = _NAME.match(place)
    return place if plain is None else plain[0]


def _explained(message: str, model: type[msgspec.Struct]) -> GatewayError:
    match = _MESSAGE.fullmatch(message)
    reason, path = (match["reason"], match["path"] or "") if match else (message, "")
    place = path.removeprefix(".").partition("[...]")[0]
    there = _type_at(model, place)
    if missing := _MISSING.fullmatch(reason):
        return invalid(f"{place}.{missing[1]}".removeprefix("."), "is required")
    if unknown := _UNKNOWN.fullmatch(reason):
        return invalid(f"{place}.{unknown[1]}".removeprefix("."), _no_such(unknown[1], there))
    if "matching regex" in reason and (form := _form_of(_type_at(model, place, whole=True))):
        return invalid(place or "data", f"must be {form}")
    choices = ""
    if reason.startswith("Invalid enum value"):
        choices = f"; there are: {', '.join(str(choice) for choice in _choices(there))}"
    return invalid(place or "data", f"{in_words(reason)}{choices}")


def _no_such(name: str, model: object) -> str:
    names = list(_members(model))
    near = difflib.get_close_matches(name, names, n=1)
    cure = f'did you mean "{near[0]}"?' if near else f"there are: {', '.join(names) or 'none'}"
    return f"there is no such member; {cure}"


def _members(model: object) -> Mapping[str, object]:
    """The members of a model by their names on the wire; none of what is no model."""
    if not isinstance(model, type) or not issubclass(model, msgspec.Struct):
        return {}
    return {field.encode_name: field.type for field in msgspec.structs.fields(model)}


def _type_at(model: object, place: str, *, whole: bool = False) -> object:
    """The type of what stands at a place, as far as the model says it; whole: that of its member, with all of it."""
    said: object = None
    while place and (fields := _members(model)):
        # A query's name may have brackets of its own.
        name = place if place in fields else _member(place, None)
        said = fields.get(name)
        model = _plain(said)
        place = place[len(name) :].removeprefix(".")
        if index := _INDEX.match(place):
            place = place[index.end() :].removeprefix(".")
            model = _plain(next(iter(get_args(model)), None))
    return said if whole else model


def _plain(annotation: object) -> object:
    """The type within ``Annotated`` and beside ``None`` and ``UNSET``."""
    while True:
        inner = [found for found in get_args(annotation) if found not in {type(None), msgspec.UnsetType}]
        is_list = get_origin(annotation) in {list, tuple, dict, Literal}
        if is_list or not inner:
            return annotation
        annotation = inner[0]


def _form_of(annotation: object) -> str | None:
    """How text with a pattern is written, in the words of its model; None where it has none."""
    for found in (*get_args(annotation), *getattr(annotation, "__metadata__", ())):
        if isinstance(found, msgspec.Meta):
            if found.pattern is not None and found.description is not None:
                return found.description
        elif (form := _form_of(found)) is not None:
            return form
    return None


def _choices(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return ()
