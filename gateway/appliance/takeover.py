"""Takes over what lies on the card: what is right comes into force, else the last that was right stays."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.access.files import replace, settle
from gateway.appliance.card import Card
from gateway.settings.problems import Problem, SettingsError

CONFIG = "ferrule.toml"
NETWORK = "network.toml"
PROFILES = "profiles"
ERRORS = "ferrule-errors.txt"
# An editor of Windows that hides the ends of names gives them this one.
_HIDDEN_END = ".txt"
_GOOD = "good"
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one file.

    Attributes:
        name: of the file.
        path: what is in force now; None: nothing is.
        problems: why the file on the card is not in force; none: it is.
        warnings: what is odd about it.
    """

    name: str
    path: Path | None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Shelf:
    """The last version of a file that was right, on the board's own partition.

    Versions lie side by side, and a link says which one is good: a power cut leaves the old one or the new one.

    Args:
        place: a directory of its own.
        behind: has the good version where there never was one here.
    """

    def __init__(self, place: Path, behind: Shelf | None = None) -> None:
        self._place = place
        self._behind = behind

    def good(self) -> Path | None:
        """The directory of the good version; None: there never was one."""
        link = self._place / _GOOD
        if link.is_dir():
            return link
        return None if self._behind is None else self._behind.good()

    def keep(self, files: dict[str, bytes]) -> Path:
        """Make these files the good version.

        Args:
            files: contents by path.

        Raises:
            OSError: the disk does not take them.
        """
        name = _digest(files)
        version = self._place / name
        link = self._place / _GOOD
        if link.is_symlink() and link.readlink() == Path(name) and version.is_dir():
            return link
        self._place.mkdir(parents=True, exist_ok=True)
        scratch = self._place / f"{name}.new"
        shutil.rmtree(scratch, ignore_errors=True)
        for path, content in files.items():
            (scratch / path).parent.mkdir(parents=True, exist_ok=True)
            # The gateway reads them, and may not write them.
            replace(scratch / path, content, 0o644)
        shutil.rmtree(version, ignore_errors=True)
        scratch.rename(version)
        fresh = self._place / f"{_GOOD}.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(name)
        settle(self._place)
        fresh.replace(link)
        settle(self._place)
        for old in self._place.iterdir():
            if old.is_dir() and not old.is_symlink() and old.name != name:
                shutil.rmtree(old, ignore_errors=True)
        return link


def take_over(card: Card, name: str, shelf: Shelf, check: Callable[[Path], tuple[Problem, ...]]) -> Taken:
    """Take over one file of the card, with the profiles beside it.

    Args:
        card: where it lies.
        name: of the file.
        shelf: keeps the good one.
        check: reads the file; returns what is odd, raises SettingsError where it is wrong.

    Raises:
        OSError: the board's own partition does not take it.
    """
    good = shelf.good()
    kept = None if good is None else good / name
    path, problems = _on_card(card, name)
    if path is None:
        # Without a file of its own for the network, all is as DHCP says; a configuration does not vanish like that.
        return Taken(name, kept, problems)
    try:
        warnings = check(path)
    except SettingsError as error:
        return Taken(name, kept, tuple(_told(problem, card) for problem in error.problems))
    files = {name: path.read_bytes()}
    if name == CONFIG:
        files |= {
            str(found.relative_to(card.place)): found.read_bytes()
            for found in sorted((card.place / PROFILES).glob("*.toml"))
            if found.is_file() and found.stat().st_size <= _LARGEST
        }
    return Taken(name, shelf.keep(files) / name, (), tuple(_told(problem, card) for problem in warnings))


def _on_card(card: Card, name: str) -> tuple[Path | None, tuple[str, ...]]:
    path = card.place / name
    if path.is_file():
        size = path.stat().st_size
        if size > _LARGEST:
            return None, (f"{name}: it has {size // 1024} KiB. No such file is so large; put the right one there",)
        return path, ()
    hidden = path.with_name(name + _HIDDEN_END)
    if hidden.is_file():
        return None, (f'{name}: it is called {hidden.name}. Rename it to {name}; Windows shows the ".txt" under View',)
    if name == CONFIG:
        return None, (f"{name}: there is no such file on the card. Put one there",)
    return None, ()


def errors_text(taken: list[Taken]) -> str | None:
    """What ``ferrule-errors.txt`` says; None: there is no reason for one."""
    wrong = [one for one in taken if one.problems]
    if not wrong:
        return None
    parts = []
    for one in wrong:
        kept = "The last one that was right is still in force." if one.path else "There is none that was right yet."
        parts.append("\n".join([f"{one.name} was not taken over. {kept}", "", *one.problems, *one.warnings, ""]))
    parts.append("Correct the file, put the card back and power the board. This text goes when all is right.\n")
    return "\n".join(parts)


def _told(problem: Problem, card: Card) -> str:
    """As people see it who have the card in a computer: by names on the card."""
    return str(problem).replace(f"{card.place}{os.sep}", "")


def _digest(files: dict[str, bytes]) -> str:
    said = hashlib.sha256()
    for path, content in sorted(files.items()):
        said.update(f"{path}\0{len(content)}\0".encode() + content)
    return said.hexdigest()[:16]
