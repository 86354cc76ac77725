"""What an instance may do: words, each narrowed to some tags, events or plugins where something stands behind it.

Words that the host does not know are a plugin's own, such as ``read-analytics``: they are granted as others are, and
told to the plugin and to whom it shows its token; here they open nothing (D-053).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.core.errors import invalid

ANY = "*"
# As a manifest writes any of them.
_FORM = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?::[!-~]{1,200})?")


class Word(StrEnum):
    """What there is to be permitted."""

    READ_TAGS = "read-tags"
    WRITE_TAGS = "write-tags"
    PUBLISH_READINGS = "publish-readings"
    READ_EVENTS = "read-events"
    PUBLISH_EVENTS = "publish-events"
    SEND_MESSAGES = "send-messages"
    USE_STORAGE = "use-storage"
    READ_SERIAL = "read-serial"
    WRITE_SERIAL = "write-serial"
    USE_NETWORK = "use-network"


# What stands behind the colon of each, and between its parts; None: nothing may.
_PARTS: Mapping[Word, str | None] = {
    Word.READ_TAGS: "/",
    Word.WRITE_TAGS: "/",
    Word.PUBLISH_READINGS: "/",
    Word.READ_EVENTS: ":",
    Word.PUBLISH_EVENTS: ":",
    Word.SEND_MESSAGES: "/",
    Word.USE_STORAGE: None,
    Word.READ_SERIAL: "/",
    Word.WRITE_SERIAL: "/",
    Word.USE_NETWORK: None,
}


class NotPermittedError(Exception):
    """An instance asked for what it may not.

    Attributes:
        permission: that would do, as it is granted: ``write-tags:boiler/plc/setpoint``.
    """

    def __init__(self, permission: str) -> None:
        super().__init__(f"the permission {permission} is not granted to this instance")
        self.permission = permission


@dataclass(frozen=True, slots=True)
class Permissions:
    """What was granted.

    Attributes:
        words: as they were granted, sorted.
    """

    words: tuple[str, ...] = ()
    _patterns: Mapping[Word, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    def has(self, word: Word) -> bool:
        """Whether this is granted at all, however narrow."""
        return word in self._patterns

    def allow(self, word: Word, subject: str) -> bool:
        """Whether this is granted for one tag, event, plugin or line."""
        separator = _PARTS[word]
        return any(fits(pattern, subject, separator or "/") for pattern in self._patterns.get(word, ()))

    def require(self, word: Word, subject: str | None = None) -> None:
        """See that something is granted; without a subject, at all.

        Raises:
            NotPermittedError: it is not.
        """
        if not (self.has(word) if subject is None else self.allow(word, subject)):
            raise NotPermittedError(word if subject is None else f"{word}:{subject}")


def parse_permissions(words: Iterable[str], place: str = "permissions") -> Permissions:
    """Read what was granted.

    Raises:
        GatewayError: INVALID, for what is no word, or one that cannot be narrowed.
    """
    given = sorted(set(words))
    patterns: dict[Word, list[str]] = {}
    for text in given:
        name, colon, pattern = text.partition(":")
        if is_own(text):
            if _FORM.fullmatch(text) is None:
                raise invalid(place, f"this is no permission: use one of {', '.join(Word)}", text)
            continue
        word = Word(name)
        if colon and (_PARTS[word] is None or not pattern):
            raise invalid(place, f"write it as {word}: there is nothing to narrow it to", text)
        patterns.setdefault(word, []).append(pattern or ANY)
    return Permissions(tuple(given), {word: tuple(each) for word, each in patterns.items()})


def is_own(text: str) -> bool:
    """Whether a permission is a word of the plugin's, which the host does not know."""
    return text.partition(":")[0] not in set(Word)


def fits(pattern: str, subject: str, separator: str) -> bool:
    """Whether a pattern means a subject: ``*`` at its end stands for all the rest, elsewhere for one part."""
    wanted, found = pattern.split(separator), subject.split(separator)
    if wanted[-1] == ANY:
        wanted.pop()
        if len(found) < len(wanted):
            return False
        found = found[: len(wanted)]
    return len(wanted) == len(found) and all(map(_same, wanted, found))


def covered(asked: Iterable[str], granted: Sequence[str]) -> tuple[str, ...]:
    """Which of the permissions an installer grants its manifest did not ask for (D-112); empty: none.

    A permission that is narrower than one that was asked for was asked for, too.

    Args:
        asked: by the manifest.
        granted: to the instance.
    """
    wanted = parse_permissions(asked)
    return tuple(text for text in granted if not _asked_for(wanted, text))


def _asked_for(wanted: Permissions, text: str) -> bool:
    name, colon, pattern = text.partition(":")
    if is_own(text):
        # What stands behind its colon only the plugin can read.
        return text in wanted.words
    return wanted.allow(Word(name), pattern if colon else ANY)


def _same(wanted: str, found: str) -> bool:
    return wanted in {ANY, found}
