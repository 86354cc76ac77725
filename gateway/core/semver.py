"""Versions and their order (Semantic Versioning 2.0.0)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

LONGEST_VERSION = 64

_NUMBER = r"(?:0|[1-9][0-9]*)"
_WORD = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
# Item 2, 9 and 10 of the specification; it has the same expression in its own appendix.
_FORM = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-({_WORD}(?:\.{_WORD})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A version. Two that differ in nothing but what follows the plus sign are equal (item 10).

    Attributes:
        numbers: major, minor and patch.
        before: words of what comes before the release, such as ``rc`` and ``1``; none for the release itself.
        text: as it was written.
    """

    numbers: tuple[int, int, int]
    before: tuple[int | str, ...]
    text: str

    def __eq__(self, other: object) -> bool:
        """Whether neither comes before the other."""
        return isinstance(other, Version) and (self.numbers, self.before) == (other.numbers, other.before)

    def __hash__(self) -> int:
        return hash((self.numbers, self.before))

    def __lt__(self, other: Version) -> bool:
        """Whether it comes before the other (item 11)."""
        return self._key() < other._key()

    def _key(self) -> tuple[object, ...]:
        # Numbers come before words, fewer words before more, and any of them before the release.
        words = tuple((0, word, "") if isinstance(word, int) else (1, 0, word) for word in self.before)
        return (self.numbers, not self.before, words)


def parse_version(text: str) -> Version:
    """Read a version.

    Raises:
        ValueError: it is none; the text says how one is written.
    """
    found = _FORM.fullmatch(text) if len(text) <= LONGEST_VERSION else None
    if found is None:
        raise ValueError(
            f'"{text[:LONGEST_VERSION]}" is no version: write it as 1.2.3 or 1.2.3-rc.1 (semver.org), in at most '
            f"{LONGEST_VERSION} characters"
        )
    major, minor, patch, before = found.groups()
    words = tuple(int(word) if word.isdecimal() else word for word in before.split(".")) if before else ()
    return Version((int(major), int(minor), int(patch)), words, text)
