"""Everything that is wrong with a manifest, all at once and each with its place. The gateway stops at the first."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from gateway.core.errors import GatewayError
from gateway.core.semver import parse_version
from gateway.plugins.author.advice import advice
from gateway.plugins.author.findings import Finding, Severity
from gateway.plugins.author.json_places import Places, Spot, Way, places_of, way_of
from gateway.plugins.bounds import BOUNDS
from gateway.plugins.config_schema import check_schema
from gateway.plugins.host.permissions import Word, is_own, parse_permissions
from gateway.plugins.manifest import Entry, Manifest
from gateway.plugins.registry.naming import slug
from gateway.settings.suggest import did_you_mean

# What msgspec says of a pattern is the pattern.
_CURES: Mapping[str, str] = {
    "id": "small letters, digits and hyphens between them, up to 64: scale-reader",
    "category": "a word of small letters, digits, dots, hyphens and underscores: integration",
    "tags": "words of small letters, digits, dots, hyphens and underscores: serial",
    "permissions": "a permission, and behind a colon what it is narrowed to: read-tags:boiler/*",
    "capabilities": "small letters, digits, hyphens and underscores, with colons between words: scale:read",
    "command": "text without zero bytes",
    "files": "the SHA-256 of the file in hex; leave files out, ferrule plugin pack makes it",
}
_PLACE = re.compile(r" - at `(?:key in )?\$.*`\Z", re.DOTALL)
_SHORTEST = {"name": "Scale Reader", "version": "0.1.0", "category": "integration", "id": "scale-reader"}


class ManifestCheck:
    """What there is to say of one manifest.

    Args:
        content: the file.
        path: what it is called in findings.
        files: the names of the files the package has; None: those the manifest lists.

    Attributes:
        findings: in the order of the file.
        document: what it says, as far as it could be read.
        manifest: the same as the gateway takes it; None: it does not.
    """

    def __init__(self, content: bytes, path: str, files: frozenset[str] | None) -> None:
        self._path = path
        self._places = Places()
        self.findings: list[Finding] = []
        self.document: dict[str, Any] = {}
        self.manifest: Manifest | None = None
        if self._read(content):
            self._judge(files)
        self.findings.sort(key=lambda one: (one.spot or Spot(1, 1)).line)

    def say(self, way: Way, message: str, severity: Severity = "error") -> None:
        """Take a finding about one of its members."""
        named = f"{_named(way)}: " if way else ""
        self.findings.append(Finding(self._path, severity, f"{named}{message}", self._places.nearest(way)))

    def _read(self, content: bytes) -> bool:
        if len(content) > BOUNDS.manifest:
            self.findings.append(Finding(self._path, "error", f"is larger than {BOUNDS.manifest} bytes"))
            return False
        try:
            text = content.decode()
            document = json.loads(text, parse_constant=_no_constant)
            self._places = places_of(text)
        except json.JSONDecodeError as error:
            words = f"is no JSON: {error.msg.lower()}"
            self.findings.append(Finding(self._path, "error", words, Spot(error.lineno, error.colno)))
            return False
        except RecursionError:
            self.findings.append(Finding(self._path, "error", "is nested too deep"))
            return False
        except ValueError as error:
            words = "is not in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            self.findings.append(Finding(self._path, "error", words, Spot(1, 1)))
            return False
        for way, spot in self._places.twice:
            self.findings.append(Finding(self._path, "error", f"{_named(way)}: stands twice: remove one", spot))
        if not isinstance(document, dict):
            self.findings.append(Finding(self._path, "error", "must be an object: {...}", Spot(1, 1)))
            return False
        self.document = document
        return True

    def _judge(self, files: frozenset[str] | None) -> None:
        # What an author leaves to be made, with what must be there and is looked at elsewhere.
        document = self.document if files is None else {**self.document, "files": {}}
        for way, message in _struct(document, Manifest, ()):
            self.say(way, message)
        sound = not self.findings
        self._judge_words(document)
        listed = files if files is not None else frozenset(_mapping(document.get("files")))
        self._judge_files(document, listed)
        schema = document.get("config_schema")
        if isinstance(schema, Mapping):
            try:
                check_schema(schema)
            except GatewayError as error:
                self.say(way_of(str(error.field), self.document), error.reason)
        if sound:
            self.manifest = msgspec.convert(document, Manifest)
            for way, message in advice(self.manifest, listed):
                self.say(way, message, "warning")

    def _judge_words(self, document: Mapping[str, Any]) -> None:
        """What is more than the form of a member."""
        version, name = document.get("version"), document.get("name")
        if isinstance(version, str):
            try:
                parse_version(version)
            except ValueError as error:
                self.say(("version",), str(error))
        if isinstance(name, str):
            if not name.isprintable():
                self.say(("name",), "has characters that cannot be printed: remove them")
            elif not slug(name):
                self.say(("name",), "needs a letter of A to Z or a digit: the id is made of it")
            elif slug(name) != document.get("id") == slug(str(document.get("id"))):
                words = f'published for the first time under this name it gets the id "{slug(name)}": write that as id'
                self.say(("id",), words, "warning")
        permissions = document.get("permissions")
        for index, word in enumerate(permissions if isinstance(permissions, list) else []):
            if isinstance(word, str):
                self._judge_permission(index, word)

    def _judge_permission(self, index: int, word: str) -> None:
        try:
            parse_permissions([word])
        except GatewayError as error:
            self.say(("permissions", index), f"{word}: {error.reason}")
            return
        if is_own(word):
            hint = did_you_mean(word.partition(":")[0], list(Word))
            words = f"{word}: the gateway knows no such permission, so it is the plugin's own and opens nothing. {hint}"
            self.say(("permissions", index), words.removesuffix(". "), "warning")

    def _judge_files(self, document: Mapping[str, Any], files: frozenset[str]) -> None:
        command, docs = _mapping(document.get("entry")).get("command"), document.get("docs")
        first = command[0] if isinstance(command, list) and command and isinstance(command[0], str) else None
        if first is not None and first not in files:
            self.say(("entry", "command", 0), _lacking(first, files))
        if isinstance(docs, str) and docs not in files:
            self.say(("docs",), _lacking(docs, files))


def _lacking(name: str, files: frozenset[str]) -> str:
    return f'there is no file "{name}" in the package. {did_you_mean(name, sorted(files))}'.removesuffix(" ")


def _struct(value: Mapping[str, Any], kind: type[msgspec.Struct], way: Way) -> Iterator[tuple[Way, str]]:
    hints = get_type_hints(kind, include_extras=True)
    for name, member in value.items():
        if name not in hints:
            hint = did_you_mean(name, hints)
            yield (*way, name), f"there is no such member. {hint or 'Remove it'}"
        else:
            yield from _value(member, hints[name], (*way, name))
    for one in msgspec.structs.fields(kind):
        if one.required and one.name not in value:
            example = f": {json.dumps(_SHORTEST[one.name])}" if one.name in _SHORTEST else ""
            yield way, f"{_named((*way, one.name))} is missing{example}"


def _value(value: Any, kind: Any, way: Way) -> Iterator[tuple[Way, str]]:
    """What is wrong with a value: of a list or an object every part that is."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        inner = list(_inside(value, _bare(kind), way))
        yield from inner or [(way, _words(str(error), way))]


def _inside(value: Any, kind: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if kind is Entry and isinstance(value, dict):
        yield from _struct(value, Entry, way)
    elif get_origin(kind) is list and isinstance(value, list):
        [item] = get_args(kind)
        for index, one in enumerate(value):
            yield from _value(one, item, (*way, index))
    elif get_origin(kind) is dict and isinstance(value, dict):
        key, member = get_args(kind)
        for name, one in value.items():
            yield from _value(name, key, (*way, name))
            yield from _value(one, member, (*way, name))


def _bare(kind: Any) -> Any:
    """A type without its bounds, and without None beside it."""
    while get_origin(kind) in {Annotated, Union, types.UnionType}:
        kind = next(one for one in get_args(kind) if one is not type(None))
    return kind


def _words(message: str, way: Way) -> str:
    """The words of msgspec, with the cure where they have none."""
    text = _PLACE.sub("", message)
    text = text[0].lower() + text[1:].replace("`", "")
    if "matching regex" in text:
        name = next((str(step) for step in reversed(way) if isinstance(step, str) and step in _CURES), None)
        return f"must be {_CURES[name]}" if name else "has a character that is not taken"
    if "invalid enum value" in text and way[-1] == "runtime":
        return f"{text}: use python, node or executable"
    return text


def _named(way: Way) -> str:
    name = ""
    for step in way:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    return name


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
