"""Writes the part of docs/events.md that is the catalogue: ``python -m tests.gateway.events.page``."""

from __future__ import annotations

import inspect
import re
from itertools import groupby
from pathlib import Path

import msgspec

from gateway.core.catalogue import CATALOGUE
from gateway.core.catalogue_type import EventType
from gateway.core.channels import CHANNELS

PAGE = Path(__file__).parents[3] / "docs" / "events.md"
BEGIN = "<!-- from here on: python -m tests.gateway.events.page -->\n"


def kind(info: object) -> str:
    """What JSON a member is, in words."""
    if isinstance(info, msgspec.inspect.UnionType):
        words = [kind(one) for one in info.types]
        if "whole number" in words and "number" in words:
            words.remove("whole number")
        return " or ".join([word for word in words if word != "null"] + ["null"] * ("null" in words))
    if isinstance(info, msgspec.inspect.LiteralType):
        return "text"
    if isinstance(info, msgspec.inspect.StructType):
        return "object, see below"
    return {
        "StrType": "text",
        "IntType": "whole number",
        "FloatType": "number",
        "BoolType": "true or false",
        "NoneType": "null",
        "ListType": "list of text",
        "DictType": "object",
        "AnyType": "anything",
    }[type(info).__name__]


def meanings(data: type[msgspec.Struct]) -> dict[str, str]:
    """The description of each member, from the docstring of the struct."""
    # Python 3.13 takes the indentation off by itself, earlier ones do not.
    _, _, attributes = inspect.cleandoc(data.__doc__ or "").partition("Attributes:\n")
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", words).replace("``", "`") for name, words in found}


def members(data: type[msgspec.Struct]) -> list[str]:
    """The table of a struct, and those of the structs in it."""
    info = msgspec.inspect.type_info(data)
    assert isinstance(info, msgspec.inspect.StructType)
    said = meanings(data)
    lines = ["| member | is | meaning |", "|---|---|---|"]
    inner: list[str] = []
    for field in info.fields:
        absent = "" if field.required else ", or absent"
        lines.append(f"| `{field.name}` | {kind(field.type)}{absent} | {said[field.name]} |")
        if isinstance(field.type, msgspec.inspect.StructType):
            inner += ["", f"`{field.name}`:", "", *members(field.type.cls)]
    return lines + inner


def facts(type_: EventType) -> str:
    """One row for a type."""
    kept = "yes" if type_.kept else "no"
    key = " and ".join(f"`{member}`" for member in type_.key) or "its type"
    summary = f"{type_.summary}" if type_.version == 1 else f"{type_.summary} Version {type_.version}."
    return f"| `{type_.name}` | {summary} | {kept} | {type_.priority.name.lower()} | {key} |"


def catalogue() -> str:
    """The generated part of the page."""
    lines = ["## Channels", "", "| channel | brings | scope | types |", "|---|---|---|---|"]
    for channel in CHANNELS.values():
        types = " ".join(f"`{pattern.text}`" for pattern in channel.patterns)
        lines.append(f"| `{channel.name}` | {channel.summary} | `{channel.scope}` | {types} |")
    lines += ["", "## Types"]
    for data, group in groupby(CATALOGUE.values(), key=lambda type_: type_.data):
        assert data is not None
        alike = list(group)
        lines += ["", "### " + ", ".join(f"`{type_.name}`" for type_ in alike), ""]
        lines += ["| type | when | kept | priority | order by |", "|---|---|---|---|---|"]
        lines += [facts(type_) for type_ in alike]
        lines += ["", *members(data)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    written, _, _ = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{written}{BEGIN}\n{catalogue()}")
