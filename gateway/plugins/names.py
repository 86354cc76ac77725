"""Names of files in packages: plain paths, and no two that some system takes for the same."""

from __future__ import annotations

import re
import unicodedata

from gateway.plugins.refusal import PackageError

LONGEST_NAME = 200
_LONGEST_PART = 100
_SHOWN = 80
# Separators, drives and patterns of other systems.
_ODD = re.compile(r'[\\:*?"<>|]')


def check_name(name: str) -> None:
    """See that a name is a relative path that means the same everywhere.

    Raises:
        PackageError: it is none.
    """
    fault = _fault(name)
    if fault is not None:
        raise PackageError("bad_name", f'"{shown(name)}" {fault}: call it something like lib/scale.py')


def shown(name: str) -> str:
    """A name as errors have it: short, and nothing in it that moves a cursor."""
    return ascii(name)[1:-1][:_SHOWN] if not name.isprintable() else name[:_SHOWN]


class Tree:
    """The names there are so far."""

    def __init__(self) -> None:
        # Every file and directory, as systems know it that do not tell large letters from small ones.
        self._places: dict[str, tuple[str, bool]] = {}
        self._files: set[str] = set()

    def add(self, name: str) -> None:
        """Take one more file, whose name is sound.

        Raises:
            PackageError: it is there already, or is the same as another on some system.
        """
        if name in self._files:
            raise PackageError("duplicate", f'"{shown(name)}" is there twice: leave one out')
        self._files.add(name)
        parts = name.split("/")
        for end in range(1, len(parts) + 1):
            place, is_file = "/".join(parts[:end]), end == len(parts)
            before, was_file = self._places.setdefault(_folded(place), (place, is_file))
            if before != place:
                both = f'"{shown(before)}" and "{shown(place)}"'
                raise PackageError("collision", f"{both} differ in large and small letters only: rename one")
            if was_file != is_file:
                raise PackageError("collision", f'"{shown(place)}" is a file and a directory: rename one')


def _fault(name: str) -> str | None:
    """What is wrong with a name; None: nothing."""
    parts = name.split("/")
    if not name:
        return "is no name"
    if name.startswith("/"):
        return "is an absolute path"
    if ".." in parts:
        return "leads out of the package"
    if not name.isprintable():
        return "has characters that cannot be printed"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in the composed form of Unicode (NFC)"
    if len(name) > LONGEST_NAME or any(len(part) > _LONGEST_PART for part in parts):
        return f"is longer than {LONGEST_NAME} characters, or a part of it than {_LONGEST_PART}"
    if any(part in {"", "."} for part in parts):
        return "has an empty part"
    if _ODD.search(name) or any(part != part.strip() or part.endswith(".") for part in parts):
        return "has a character or an ending that some systems do not take"
    return None


def _folded(place: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", place).casefold())
