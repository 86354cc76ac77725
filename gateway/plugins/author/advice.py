"""What a gateway takes, and operators will ask about. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gateway.plugins.author.json_places import Way
from gateway.plugins.config_schema import secrets
from gateway.plugins.host.permissions import ANY, Word
from gateway.plugins.manifest import Manifest, docs_of

# Beyond so many nobody reads them any more.
MANY = 8
# Widest where nothing stands behind them: what they open, for whoever is to grant it.
_WIDE: Mapping[str, str] = {
    Word.READ_TAGS: "every tag of the plant can be read",
    Word.WRITE_TAGS: "every writable tag of the plant can be written",
    Word.PUBLISH_READINGS: "tags of any name can be published, those of other plugins too",
    Word.READ_EVENTS: "every event is seen",
    Word.WRITE_SERIAL: "every raw serial line can be written to",
}
_EXAMPLES: Mapping[str, str] = {
    Word.READ_TAGS: "boiler/*",
    Word.WRITE_TAGS: "boiler/plc/setpoint",
    Word.PUBLISH_READINGS: "derived/*",
    Word.READ_EVENTS: "tag:changed",
    Word.WRITE_SERIAL: "scale",
}
_SECRET = re.compile(r"(?i)(?:password|passwd|secret|token|api_?key|credential)")
_ENDINGS: Mapping[str, tuple[str, ...]] = {"python": (".py",), "node": (".js", ".mjs", ".cjs")}


def advice(manifest: Manifest, files: frozenset[str]) -> Iterator[tuple[Way, str]]:
    """What could be better.

    Args:
        manifest: one that is taken.
        files: names of the files of the package.
    """
    if not manifest.description.strip():
        yield ("description",), "nothing says what this plugin is for: operators see it where they install it"
    if manifest.license is None:
        yield ("license",), 'nobody knows whether they may use it: "MIT", for instance'
    if manifest.docs is None and docs_of(manifest) is None and "README.md" not in files:
        yield ("docs",), "there is no documentation: write a README.md"
    yield from _permissions(manifest)
    yield from _config(manifest)
    command, endings = manifest.entry.command[0], _ENDINGS.get(manifest.entry.runtime, ())
    if endings and not command.endswith(endings):
        yield (
            ("entry", "command", 0),
            f"is {manifest.entry.runtime} what runs {command}? It ends in {endings[0]} mostly",
        )


def _permissions(manifest: Manifest) -> Iterator[tuple[Way, str]]:
    if len(manifest.permissions) > MANY:
        words = f"{len(manifest.permissions)} permissions: ask for what is needed, operators have to grant each"
        yield ("permissions",), words
    for index, text in enumerate(manifest.permissions):
        word, _, narrowed = text.partition(":")
        if word in _WIDE and narrowed in {"", ANY}:
            yield ("permissions", index), f"{_WIDE[word]}: narrow it, for instance to {word}:{_EXAMPLES[word]}"
        if word == Word.USE_NETWORK:
            yield ("permissions", index), "the whole network can be reached: say in the documentation what for"


def _config(manifest: Manifest) -> Iterator[tuple[Way, str]]:
    schema = manifest.config_schema
    if schema is None:
        return
    members, covered = schema.get("properties"), secrets(schema)
    for name in members if isinstance(members, Mapping) else ():
        if _SECRET.search(name) and name not in covered:
            words = 'looks like a secret, and will be shown: write "secret": true beside its type'
            yield ("config_schema", "properties", name), words
    if "additionalProperties" not in schema and "unevaluatedProperties" not in schema:
        words = 'misspelt names of a configuration pass unseen: write "additionalProperties": false'
        yield ("config_schema",), words
