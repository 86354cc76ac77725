"""Parameters to typed values, with errors that name the parameter, the reason and what was provided."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeVar, get_args, get_origin

import msgspec

from gateway.api.rpc import Params
from gateway.core import rfc3339
from gateway.core.errors import GatewayError, invalid
from gateway.core.ports import Json
from gateway.settings.quantities import duration

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=10 * 365 * 86400)]


class ParamsModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """What the parameters of a method are made of. Names are camelCase on the wire (D-014)."""


class NoParams(ParamsModel, frozen=True):
    """For methods that take none."""


# The end of the year 9999 in Unix seconds, the last RFC 3339 can write. Milliseconds given for seconds are beyond it.
LAST_MOMENT = 253_402_300_799

P = TypeVar("P", bound=ParamsModel)
M = TypeVar("M", bound=msgspec.Struct)

_MESSAGE = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
# Only what msgspec says of a type: the caller's own words stand in other messages.
_PLAIN = re.compile(r"expected ").match
_JSON_WORDS = {"str": "string", "int": "whole number", "float": "number", "bool": "boolean"}
_TYPE = re.compile(rf"\b({'|'.join(_JSON_WORDS)})\b")
_WHOLE = re.compile(r"Expected `int(?: \| null)?`, got `float`(?: - at `\$([^`]*)`)", re.DOTALL)
# Such numbers of one request: each takes one more look at it.
_MOST_NUMBERS = 32
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)


def convert(given: Params, model: type[P]) -> P:
    """Check parameters against a model.

    Raises:
        GatewayError: INVALID, with the path of the first parameter at fault.
    """
    try:
        return msgspec.convert(given, model)
    except msgspec.ValidationError as error:
        try:
            return convert_whole(given, model, error)
        except msgspec.ValidationError as other:
            raise _explain(str(other), given, model) from None


def convert_whole(given: Params | Json, model: type[M], error: msgspec.ValidationError) -> M:
    """Convert what could not be, where all that was wrong is how whole numbers were written.

    To JSON 4.0 is a whole number (JSON Schema 2020-12 core, 6.3), and some languages write every number so.

    Args:
        given: what was given.
        model: what it must be.
        error: what was wrong with it.

    Raises:
        msgspec.ValidationError: something else was.
    """
    for _ in range(_MOST_NUMBERS):
        whole = _WHOLE.fullmatch(str(error))
        changed = None if whole is None else _made_whole(given, _STEP.findall(whole[1]))
        if changed is None:
            break
        try:
            return msgspec.convert(changed, model)
        except msgspec.ValidationError as other:
            given, error = changed, other
    raise error


def _made_whole(value: Json | Params, way: list[tuple[str, str]]) -> Json:
    """The same with the number at the end of the way written as a whole one; None where it is none."""
    if not way:
        return int(value) if isinstance(value, float) and value.is_integer() else None
    (name, index), *rest = way
    if isinstance(value, dict) and name in value:
        inner = _made_whole(value[name], rest)
        return None if inner is None else {**value, name: inner}
    if isinstance(value, list) and index and int(index) < len(value):
        inner = _made_whole(value[int(index)], rest)
        return None if inner is None else [*value[: int(index)], inner, *value[int(index) + 1 :]]
    return None


def _explain(message: str, given: Params, model: type[ParamsModel]) -> GatewayError:
    match = _MESSAGE.fullmatch(message)
    reason, path = (match["reason"], match["path"] or "") if match else (message, "")
    field = path.removeprefix(".")
    if isinstance(given, list):
        return invalid("params", f"give parameters by name: {_names(model)}", given)
    if missing := _MISSING.fullmatch(reason):
        return invalid(f"{field}.{missing[1]}".removeprefix("."), "is required")
    if unknown := _UNKNOWN.fullmatch(reason):
        name = unknown[1]
        return invalid(name, f"there is no such parameter; there are: {_names(model)}", given.get(name))
    choices = _choices(model, field) if reason.startswith("Invalid enum value") else ""
    return invalid(field or "params", f"{in_words(reason)}{choices}", _at(given, path))


def _names(model: type[ParamsModel]) -> str:
    return ", ".join(field.encode_name for field in msgspec.structs.fields(model)) or "none"


def in_words(reason: str) -> str:
    """Say what msgspec found wrong in the words of JSON: callers need not know what the types are called in Python."""
    plain = reason.replace("`", "").replace("Expected", "expected").replace("Invalid enum value", "is no choice:")
    # Whether a parameter may be left out is no news to somebody who gave it.
    return _TYPE.sub(lambda match: _JSON_WORDS[match[0]], plain.replace(" | null", "")) if _PLAIN(plain) else plain


def _choices(model: type[ParamsModel], field: str) -> str:
    types = {found.encode_name: found.type for found in msgspec.structs.fields(model)}
    choices = get_args(types[field]) if get_origin(types.get(field)) is Literal else ()
    return f"; there are: {', '.join(str(choice) for choice in choices)}" if choices else ""


def _at(given: Json, path: str) -> Json:
    """The value at a path such as ``.tags[3]``; None where the path leads nowhere."""
    value = given
    for name, index in _STEP.findall(path):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and index and int(index) < len(value):
            value = value[int(index)]
    return value


def moment(field: str, value: str | float) -> float:
    """Unix seconds of a time given as RFC 3339 or as Unix seconds.

    Raises:
        GatewayError: INVALID.
    """
    if not isinstance(value, str):
        if not -LAST_MOMENT <= value <= LAST_MOMENT:
            raise invalid(field, "is no time: give seconds since 1970, or RFC 3339", value)
        return value
    try:
        return rfc3339.parse(value)
    except ValueError as error:
        raise invalid(field, str(error), value) from None


def seconds(field: str, value: str | float) -> float:
    """A duration given as seconds or as text with a unit, such as ``1m``.

    Raises:
        GatewayError: INVALID.
    """
    if not isinstance(value, str):
        return value
    try:
        return duration(value)
    except ValueError as error:
        raise invalid(field, str(error), value) from None
