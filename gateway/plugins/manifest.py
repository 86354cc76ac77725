"""What a package says of itself: ``manifest.json``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.core.ports import Json
from gateway.core.semver import LONGEST_VERSION, parse_version
from gateway.plugins.names import LONGEST_NAME
from gateway.plugins.refusal import PackageError

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
# What no manifest lists: it cannot hold the digest of itself.
UNLISTED = frozenset({MANIFEST, SIGNATURE})
# Documentation, where the manifest names none.
README = "README.md"

Id = Annotated[str, Meta(pattern=r"\A[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z")]
Word = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\Z",
        description="a word of up to 64 small letters, digits, dots, hyphens and underscores",
    ),
]
# Hyphens join a permission, colons a capability (D-053); what stands behind the colon of a permission narrows it.
Permission = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?::[!-~]{1,200})?\Z")]
Capability = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_-]*(?::[a-z0-9_-]+)*\Z", max_length=100)]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Argument = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\A[^\x00]*\Z")]
FileName = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]

_MISSING = re.compile(r" - at `\$(?:\.)?(.*)`\Z", re.DOTALL)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the plugin is started.

    Attributes:
        runtime: what runs it.
        command: the file to run, and its arguments; without the runtime itself.
    """

    runtime: Literal["python", "node", "executable"]
    command: Annotated[list[Argument], Meta(min_length=1, max_length=32)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The manifest of a package.

    Attributes:
        format: of the manifest.
        id: of the plugin.
        name, version, description, category, license, tags, config_schema: as in the registry.
        permissions: what it asks for.
        capabilities: what it offers.
        entry: how it is started.
        files: SHA-256, in hex, of every file but manifest and signature.
        docs: which of them is its documentation; None: ``README.md``, where there is one.
    """

    format: Literal[1] = 1
    id: Id
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    version: Annotated[str, Meta(max_length=LONGEST_VERSION)]
    description: Annotated[str, Meta(max_length=2000)] = ""
    category: Word
    license: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    tags: Annotated[list[Word], Meta(max_length=20)] = []
    config_schema: dict[str, Any] | None = None
    permissions: Annotated[list[Permission], Meta(max_length=50)] = []
    capabilities: Annotated[list[Capability], Meta(max_length=50)] = []
    entry: Entry
    files: dict[FileName, Digest]
    docs: FileName | None = None


def read_manifest(content: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        PackageError: it is none, with the place of the first mistake.
    """
    try:
        document = json.loads(content.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        manifest = msgspec.convert(document, Manifest)
        parse_version(manifest.version)
    except RecursionError:
        raise _wrong("is nested too deep") from None
    except msgspec.ValidationError as error:
        raise _wrong(_placed(str(error))) from None
    except ValueError as error:
        raise _wrong(f"cannot be read: {error}") from None
    for name in UNLISTED & manifest.files.keys():
        raise _wrong(f"files: {name} must not be among them")
    if manifest.entry.command[0] not in manifest.files:
        raise _wrong("entry.command: its first word must be one of the files")
    if manifest.docs is not None and manifest.docs not in manifest.files:
        raise _wrong("docs: must be one of the files")
    return manifest


def docs_of(manifest: Manifest) -> str | None:
    """The file that is the documentation; None: there is none."""
    return manifest.docs or (README if README in manifest.files else None)


def _wrong(reason: str) -> PackageError:
    return PackageError("bad_manifest", f"{MANIFEST}: {reason}")


def _placed(message: str) -> str:
    """The words of msgspec with the place in front."""
    place = _MISSING.search(message)
    if place is None:
        return message
    return f"{place[1]}: {message[: place.start()]}"


def _once(pairs: list[tuple[str, Json]]) -> Mapping[str, Json]:
    """An object whose names stand once: readers differ in which of two they believe."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")
