"""Why a package is not taken."""

from __future__ import annotations


class PackageError(Exception):
    """A package that must not be used; the text names the place and the cure.

    Attributes:
        word: the same for programs: ``bad_signature``.
    """

    def __init__(self, word: str, reason: str) -> None:
        super().__init__(reason)
        self.word = word
