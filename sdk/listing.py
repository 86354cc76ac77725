"""What the gateway says of the SDKs: which archives there are, what they need, what has changed in the API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sdk.running import ROOT

# Its name beside the archives; the gateway reads it (``gateway.api.rest.sdk_shelf``).
LIST = "sdks.json"
# The calls of each earlier version of the API, by its number: who raises ``API_VERSION`` adds those it had before.
_HISTORY = ROOT / "sdk" / "history.json"
_FIRST = "1.0.0"
_LANGUAGES: Mapping[str, Mapping[str, Any]] = {
    "python": {"requires": "Python >=3.11", "platforms": ["async", "sync"], "endings": (".py",)},
    "typescript": {"requires": "Node.js >=20", "platforms": ["async"], "endings": (".ts", ".cjs")},
}


def listed(document: Mapping[str, Any], archives: Path, stamp: str) -> Mapping[str, Any]:
    """The list.

    Args:
        document: the narrowed description.
        archives: where they are.
        stamp: stands for what they were made of.
    """
    history: Mapping[str, Sequence[str]] = json.loads(_HISTORY.read_text("utf-8"))
    calls = sorted(found["operationId"] for verbs in document["paths"].values() for found in verbs.values())
    version: str = document["info"]["version"]
    return {
        "version": version,
        "stamp": stamp,
        "changelog": changes(history, version, calls),
        "calls": calls,
        "languages": [_language(name, archives) for name in sorted(_LANGUAGES)],
    }


def changes(history: Mapping[str, Sequence[str]], version: str, calls: Sequence[str]) -> list[str]:
    """What each version added and removed, newest first.

    Args:
        history: the calls of each earlier version.
        version: the one that is made.
        calls: its calls.

    Raises:
        ValueError: of the versions before nothing is known.
    """
    if version != _FIRST and _FIRST not in history:
        raise ValueError(
            f"sdk/history.json lacks the calls of {_FIRST}: put there what that release has under calls in {LIST}, or "
            f"{version} would be told to be the first version"
        )
    versions = [*sorted((one for one in history if one != version), key=_ordered), version]
    all_calls = {**history, version: calls}
    first = len(all_calls[versions[0]])
    lines = [f"{versions[0]}: the first version, with {first} call{'' if first == 1 else 's'}"]
    for before, after in pairwise(versions):
        old, new = set(all_calls[before]), set(all_calls[after])
        told = [
            f"{word} {', '.join(sorted(found))}"
            for word, found in (("added", new - old), ("removed", old - new))
            if found
        ]
        lines.append(f"{after}: {'; '.join(told) or 'no call was added or removed'}")
    return lines[::-1]


def needs(language: str) -> str:
    """What the SDK for a language runs on, whatever somebody asks for."""
    return str(_LANGUAGES[language]["requires"])


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _language(name: str, archives: Path) -> Mapping[str, Any]:
    about, place = _LANGUAGES[name], ROOT / "sdk" / name
    own = [path for path in archives.iterdir() if path.name.startswith(f"{name}-sdk-") or _is_wheel(name, path)]
    examples = [path for path in (place / "examples").iterdir() if path.suffix in about["endings"]]
    return {
        "language": name,
        "requires": needs(name),
        "platforms": about["platforms"],
        "readme": (place / "README.md").read_text("utf-8"),
        "examples": [{"name": path.name, "text": path.read_text("utf-8")} for path in sorted(examples)],
        "archives": [_archive(path) for path in sorted(own)],
    }


def _is_wheel(name: str, path: Path) -> bool:
    return name == "python" and path.suffix == ".whl"


def _archive(path: Path) -> Mapping[str, Any]:
    content = path.read_bytes()
    return {
        "name": path.name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "examples": path.name.endswith(".tar.gz") and not path.name.endswith("-bare.tar.gz"),
    }
