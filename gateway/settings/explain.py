"""What each key of the configuration is for, taken from where it is defined."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gateway.settings import plugin_schema, schema
from gateway.settings.fields import Schema
from gateway.settings.kinds import Duration, Size
from gateway.settings.profiles import SHIPPED_PROFILES
from gateway.settings.suggest import did_you_mean
from gateway.settings.written import written

SHIPPED_EXAMPLE = SHIPPED_PROFILES.parent / "ferrule.toml"

SECTIONS: dict[str, Schema] = {
    section.title.strip("[]"): section
    for section in (*vars(schema).values(), *vars(plugin_schema).values())
    if isinstance(section, Schema) and section.title.startswith("[") and section.model is not None
}
"""Every table of the configuration, by its path: ``line.device.tag``."""
# Keys that choose what is in the model, and do not stand there themselves.
_CHOOSING = {"include": "of the profile's tags only these.", "exclude": "of the profile's tags not these."}
# How the words of a docstring are those of a configuration file.
_FOR_PEOPLE = (
    (r" \(D-\d+(, D-\d+)*\)", ""),
    (r"``([^`]*)``", r'"\1"'),
    (r"\bNone: in the background", '"background": in the background'),
    (r"\bNone: ", "not given: "),
    (r"\bempty: ", "not given: "),
    (r"\bFalse\b", "false"),
    (r"\bTrue\b", "true"),
    (r"\b(time-out|pause) in seconds", r"\1"),
    (r"^seconds of silence that end\b", "silence that ends"),
    (r"^seconds\b", "time"),
    (r"so many seconds\b", "so long"),
)
# The table a device profile has is written like that of a tag, and is explained there.
SECTIONS.pop("tag", None)


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        section: path of its table: ``line.device``.
        name: of the key.
        type: what its value may be, in words.
        required: it must be given.
        default: as it would be written; None where there is none.
        unit: what a number of it needs behind it; None where it needs nothing.
        meaning: what it is for; empty where the documentation was stripped.
        example: a line that sets it; None where the shipped example is not installed.
    """

    section: str
    name: str
    type: str
    required: bool
    default: str | None
    unit: str | None
    meaning: str
    example: str | None

    @property
    def full_name(self) -> str:
        """Section and name: ``line.device.timeout``."""
        return f"{self.section}.{self.name}"

    @property
    def title(self) -> str:
        """Its section as it is written: ``[[line.device]]``."""
        return SECTIONS[self.section].title


class UnknownKeyError(ValueError):
    """There is no such key; the text says which was meant."""


def every_key() -> Iterator[Key]:
    """All keys, by section."""
    for section in SECTIONS:
        yield from _keys_of(section)


def find_keys(word: str) -> list[Key]:
    """The keys a word means: a section means all of its keys, a name alone the keys of that name in any section.

    Args:
        word: ``timeout``, ``line.timeout``, ``line.device`` or ``[[line.device]]``.

    Raises:
        UnknownKeyError: it means none.
    """
    path = word.strip("[] ")
    keys = list(every_key())
    found = [key for key in keys if path in {key.full_name, key.section}] or [key for key in keys if key.name == path]
    if found:
        return found
    known = [name for key in keys for name in (key.name, key.full_name, key.section)]
    hint = did_you_mean(path, known) or f"The sections are {', '.join(SECTIONS)}"
    raise UnknownKeyError(f'there is no key "{path}". {hint}')


def _keys_of(section: str) -> Iterator[Key]:
    table = SECTIONS[section]
    meanings = _CHOOSING | (_meanings(table.model.__doc__ or "") if table.model else {})
    for name, kind in table.keys.items():
        default = None if name in table.required else table.default(name)
        units = {Duration: "ms, s, m, h, d", Size: "B, kB, MB, GB, KiB, MiB, GiB"}
        yield Key(
            section=section,
            name=name,
            type=kind.words,
            required=name in table.required,
            default=None if default is None else written(kind, default),
            unit=units.get(type(kind)),
            meaning=_sentence(meanings.get(table.renamed.get(name, name), "")),
            example=_examples(SHIPPED_EXAMPLE).get((section, name)),
        )


def _meanings(docstring: str) -> dict[str, str]:
    """The ``Attributes:`` section of a docstring (Google style), by attribute."""
    # Python 3.13 takes the indentation off by itself, earlier ones do not.
    _, _, attributes = inspect.cleandoc(docstring).partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in attributes.splitlines():
        begun = re.fullmatch(r" {4}(\w+): (.*)", line)
        if begun:
            name = begun[1]
            found[name] = begun[2]
        elif line.startswith(" " * 5) and name:
            found[name] += f" {line.strip()}"
    return found


def _sentence(text: str) -> str:
    """What a docstring says, for people who write TOML: there durations have a unit, and nothing is ``None``."""
    for pattern, words in _FOR_PEOPLE:
        text = re.sub(pattern, words, text)
    return text[:1].upper() + text[1:]


@cache
def _examples(path: Path) -> dict[tuple[str, str], str]:
    """The lines of the shipped example by section and key; what is commented out there counts as well."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    found: dict[tuple[str, str], str] = {}
    section = ""
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        if header := re.match(r"\[+([a-z0-9.]+)\]+", bare):
            section = header[1]
        elif setting := re.match(r"([a-z0-9_]+) = .*?(?=\s+#|$)", bare):
            found.setdefault((section, setting[1]), setting[0])
    return found
