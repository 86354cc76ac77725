"""Takes secrets out of text that leaves the board: those this gateway has, and whatever looks like one."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gateway.settings.document import read_document
from gateway.settings.problems import SettingsError
from gateway.settings.written import MASK, is_secret

# Shorter ones would take ordinary words out as well.
_SHORTEST = 6
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_BEARER = re.compile(r"(?i)\b(bearer|basic|digest)[ \t]+(?!realm=)[A-Za-z0-9._~+/=-]{6,}")
_ASSIGNED = re.compile(
    r"""(?P<name>["']?[A-Za-z0-9_.-]+["']?)(?P<sign>\s*[=:]\s*)(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s,;&{}\[\]]+)"""
)
_LOGIN = re.compile(r"(?<=://)[^/@\s\"']+(?=@)")


class Scrubber:
    """Covers secrets.

    Args:
        known: secrets as they may stand in a text.
    """

    def __init__(self, known: Iterable[str]) -> None:
        words = sorted({word for word in known if len(word) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, words))) if words else None

    def clean(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern in (_PEM, _JWT):
            text = pattern.sub(MASK, text)
        text = _BEARER.sub(rf"\1 {MASK}", text)
        text = _LOGIN.sub(MASK, text)
        return _ASSIGNED.sub(_cover, text)

    def tree(self, data: object, name: str = "") -> object:
        """Data for JSON without secrets: what stands under a name that says so is covered, with all below it."""
        if isinstance(data, Mapping):
            return {key: self.tree(value, name if is_secret(name) else str(key)) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.tree(value, name) for value in data]
        if isinstance(data, bool) or data is None:
            return data
        if is_secret(name):
            return MASK
        return self.clean(data) if isinstance(data, str) else data


def _cover(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"]
    if not is_secret(name.strip("\"'").rpartition(".")[2]) or value in {"true", "false", "null", "None"}:
        return match[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{name}{match['sign']}{quote}{MASK}{quote}"


def secrets_of(state: Path, config: Path | None) -> Iterator[str]:
    """Every secret this gateway keeps in files, in each form it may be written in.

    Args:
        state: the state directory.
        config: the configuration; None: there is none.
    """
    for file in sorted(state.rglob("*")) if state.is_dir() else ():
        if file.is_file() and not file.is_symlink() and file.suffix in {".key", ".pem", ".json"}:
            try:
                yield from _of_file(file.read_bytes())
            except OSError:
                # What cannot be read here cannot get into a report from here either.
                continue
    if config is not None:
        try:
            data = read_document(config).data
        except SettingsError:
            return
        yield from _of_tree(data)


def _of_file(content: bytes) -> Iterator[str]:
    text = content.decode("latin-1")
    for block in _PEM.findall(text):
        yield from (line for line in block.splitlines() if not line.startswith("-----"))
    if "-----BEGIN" in text:
        return
    try:
        data = json.loads(content)
    except ValueError:
        data = None
    if isinstance(data, dict | list):
        yield from _of_tree(data)
    else:
        # A key, whatever its first bytes look like.
        yield content.hex()
        yield base64.b64encode(content).decode().rstrip("=")
        yield base64.urlsafe_b64encode(content).decode().rstrip("=")
        yield text.strip()


def _of_tree(data: object, name: str = "") -> Iterator[str]:
    """The texts under names that say they are secret."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _of_tree(value, name if is_secret(name) else str(key))
    elif isinstance(data, list):
        for value in data:
            yield from _of_tree(value, name)
    elif isinstance(data, str) and is_secret(name):
        yield data
