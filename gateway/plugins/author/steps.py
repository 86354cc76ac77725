"""What happens to a plugin that is tried: one step a line, typed or from a file. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.core.ports import Json
from gateway.core.reading import Value

HOW = (
    "write boiler/plc/temp=20.5, message TYPE JSON, serial LINE TEXT, config JSON, wait SECONDS, quit, or a JSON "
    'object: {"tag", "value", "quality"?}, {"type", "data"}, {"message", "payload"?}, {"serial", "text"}, {"config"} '
    'or {"wait"}'
)
_TAG = re.compile(r"([A-Za-z0-9._/-]+)=(.*)", re.DOTALL)
_QUALITIES = ("good", "uncertain", "bad")
LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class SetTag:
    """A tag says something else; without a value it is bad."""

    tag: str
    value: Value | None
    quality: str = "good"
    units: str | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    """Something happens."""

    type: str
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ask:
    """Another plugin writes."""

    type: str
    payload: Json = None


@dataclass(frozen=True, slots=True)
class Hear:
    """A raw serial line says something."""

    line: str
    text: str


@dataclass(frozen=True, slots=True)
class Configure:
    """An operator changes the configuration."""

    config: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing happens for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Quit:
    """It is enough."""


Step = SetTag | Emit | Ask | Hear | Configure | Wait | Quit


def parse_step(line: str) -> Step:
    """Read a line.

    Raises:
        ValueError: it is no step; the text says how one is written.
    """
    text = line.strip()
    if text.startswith("{"):
        return _object(_json(text))
    word, _, rest = text.partition(" ")
    rest = rest.strip()
    match word:
        case "quit" | "exit":
            return Quit()
        case "message" if rest:
            kind, _, payload = rest.partition(" ")
            return Ask(kind, _json(payload) if payload.strip() else None)
        case "serial" if rest:
            name, _, said = rest.partition(" ")
            return Hear(name, said)
        case "config":
            return _object({"config": _json(rest)})
        case "wait":
            return _object({"wait": _json(rest)})
    return parse_tag(text)


def parse_tag(text: str) -> SetTag:
    """Read ``boiler/plc/temp=20.5``.

    Raises:
        ValueError: it is not written so.
    """
    found = _TAG.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text[:60]}" is no step: {HOW}')
    value = read_value(found[2])
    return SetTag(found[1], value, "bad" if value is None else "good")


def read_value(text: str) -> Value | None:
    """A number, true or false where it is one, else text; nothing is what nobody knows."""
    try:
        value = json.loads(text)
    except ValueError:
        return text or None
    if isinstance(value, float) and not math.isfinite(value):
        return text
    return value if value is None or isinstance(value, bool | int | float | str) else text


def _object(step: Json) -> Step:
    match step:
        case {"tag": str(tag), "value": None | bool() | int() | float() | str() as value, **rest} if rest.keys() <= {
            "quality"
        }:
            quality = rest.get("quality", "bad" if value is None else "good")
            if quality not in _QUALITIES or (quality == "bad") != (value is None):
                raise ValueError(
                    f"quality: one of {', '.join(_QUALITIES)}; bad where the value is null, and only there"
                )
            return SetTag(tag, value, str(quality))
        case {"type": str(type_), **rest} if rest.keys() <= {"data"} and isinstance(rest.get("data", {}), Mapping):
            data = rest.get("data", {})
            return Emit(type_, data if isinstance(data, Mapping) else {})
        case {"message": str(type_), **rest} if rest.keys() <= {"payload"}:
            payload: Any = rest.get("payload")
            return Ask(type_, payload)
        case {"serial": str(line), "text": str(text), **rest} if not rest:
            return Hear(line, text)
        case {"config": Mapping() as config, **rest} if not rest:
            return Configure(config)
        case {"wait": int() | float() as seconds, **rest} if not rest and 0 <= seconds <= LONGEST_WAIT_S:
            return Wait(float(seconds))
    raise ValueError(f"this is no step: {HOW}")


def _json(text: str) -> Json:
    try:
        value: Json = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise ValueError(f"this is no JSON ({error}): {HOW}") from None
    return value


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")
