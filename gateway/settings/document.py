"""A configuration file that was read, and its tables with the place of every key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Protocol

import tomli

from gateway.settings.positions import Path, Positions, Spot, scan
from gateway.settings.problems import Place, Problem, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_BACKSLASH = "Backslashes mean something in double quotes; use single quotes"
_CURES = {
    "Cannot overwrite a value": "Give each key once",
    "Cannot mutate immutable namespace": "A table written in braces is complete; put all its keys inside them",
    "Invalid value": "Put text in quotes; numbers, true and false stand without",
    "Unclosed array": "A bracket ] is missing",
    "Unterminated string": "A closing quote is missing",
    "Expected '=' after a key in a key/value pair": "Write key = value",
    "Illegal character '\\n'": "A closing quote is missing",
    "Unclosed inline table": "A comma or a closing brace } is missing",
    "Invalid hex value": _BACKSLASH,
    "Unescaped '\\' in a string": _BACKSLASH,
}
# The parser tells the path of a table as Python writes it.
_PATH = re.compile(r"\('([^'\\]+(?:', '[^'\\]+)*)',?\)")
_ENDLESS = re.compile(r"[0-9][0-9_]{1000,}")


class Source(Protocol):
    """Something that knows where its keys and values stand."""

    def place_of_key(self, path: Path) -> Place:
        """Return where a key stands."""

    def place_of_value(self, path: Path) -> Place:
        """Return where a value starts."""


class Document:
    """One TOML file.

    Attributes:
        path: as the user named it; it stands in front of every problem.
        data: what tomli read.
    """

    def __init__(self, path: str, text: str) -> None:
        """Parse ``text``.

        Raises:
            SettingsError: it is no TOML.
        """
        self.path = path
        self._text = text
        try:
            self.data: dict[str, object] = tomli.loads(text)
        except tomli.TOMLDecodeError as error:
            raise SettingsError((_syntax_problem(path, error),)) from None
        except RecursionError:
            message = "not valid here: tables or lists are nested too deeply. Check the brackets and dots"
            raise SettingsError((Problem(path, 1, 1, "error", message),)) from None
        except ValueError:
            # Python reads no number of more than a few thousand digits (CVE-2020-10735), and tomli lets that through.
            message = "not valid here: a number has thousands of digits. Write a shorter one"
            raise SettingsError((_at_match(path, text, _ENDLESS, message),)) from None

    @cached_property
    def _positions(self) -> Positions:
        return scan(self._text)

    def place_of_key(self, path: Path) -> Place:
        """Return where a key stands."""
        return self._place(self._positions.key(path) if path else Spot(1, 1))

    def place_of_value(self, path: Path) -> Place:
        """Return where a value starts."""
        return self._place(self._positions.value(path) if path else Spot(1, 1))

    def _place(self, spot: Spot) -> Place:
        return Place(self.path, spot.line, spot.column)


def read_document(path: FilePath, name: str | None = None) -> Document:
    """Read a file.

    Args:
        path: of the file.
        name: what to call it in problems; its path where nothing is said.

    Raises:
        SettingsError: it cannot be read, is not UTF-8 or is no TOML.
    """
    name = name or str(path)
    try:
        # Neither need ever end, and what is checked is read more than once.
        if path.exists() and not (path.is_file() or path.is_dir()):
            message = "cannot read the file: is a pipe or a device. Name a file, which can be read again"
            raise SettingsError((Problem(name, 1, 1, "error", message),))
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"cannot read the file: {reason}. Check its path and its permissions"
        raise SettingsError((Problem(name, 1, 1, "error", message),)) from None
    return Document(name, decoded(content, name, "UTF-8"))


def decoded(content: bytes, name: str, form: str) -> str:
    """Return the text of a file.

    Args:
        content: of the file.
        name: what to call it in problems.
        form: what programs call the form it is to be saved in.

    Raises:
        SettingsError: it is not UTF-8.
    """
    try:
        # Editors of some systems put a byte order mark in front; it says nothing.
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line_start = content.rfind(b"\n", 0, error.start) + 1
        column = len(content[line_start : error.start].decode("utf-8")) + 1
        line = content.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{content[error.start]:02x} is not UTF-8. Save the file as {form}"
        raise SettingsError((Problem(name, line, column, "error", message),)) from None


@dataclass(frozen=True, slots=True)
class Layer:
    """A table as one file has it."""

    document: Source
    path: Path
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Node:
    """A table, made of one layer or of several (a profile's, then the configuration's): the last one wins."""

    layers: tuple[Layer, ...]

    @classmethod
    def root(cls, document: Document) -> Node:
        """Return the table that is the whole document."""
        return cls((Layer(document, (), document.data),))

    def over(self, below: Node) -> Node:
        """Return this table laid over another."""
        return Node((*below.layers, *self.layers))

    def only(self, keys: Collection[str]) -> Node:
        """Return this table without its other keys."""
        kept = (
            Layer(layer.document, layer.path, {key: layer.data[key] for key in layer.data if key in keys})
            for layer in self.layers
        )
        return Node(tuple(kept))

    def keys(self) -> Iterator[str]:
        """Yield each key once, in the order of the layers and of their files."""
        yield from dict.fromkeys(key for layer in self.layers for key in layer.data)

    def __contains__(self, key: str) -> bool:
        for layer in self.layers:  # noqa: SIM110 - asked for every key of every tag; any() takes thrice as long
            if key in layer.data:
                return True
        return False

    def value(self, key: str) -> object:
        """Return the value of a key that is there."""
        return self._layer_of(key).data[key]

    @property
    def place(self) -> Place:
        """Where the table stands (in the last layer)."""
        layer = self.layers[-1]
        return layer.document.place_of_value(layer.path)

    def place_of_key(self, key: str) -> Place:
        """Return where a key of this table stands."""
        layer = self._layer_of(key)
        return layer.document.place_of_key((*layer.path, key))

    def place_of_value(self, key: str, *inside: str | int) -> Place:
        """Return where a value of this table stands, or a part of it."""
        layer = self._layer_of(key)
        return layer.document.place_of_value((*layer.path, key, *inside))

    def table(self, key: str) -> Node:
        """Return the table under a key whose value is one."""
        layer = self._layer_of(key)
        data = layer.data[key]
        if not isinstance(data, dict):
            raise TypeError(f"{key} is no table")
        return Node((Layer(layer.document, (*layer.path, key), data),))

    def tables(self, key: str) -> list[Node]:
        """Return the tables under a key whose value is a list; what else is in the list is left out."""
        layer = self._layer_of(key)
        items = layer.data[key]
        if not isinstance(items, list):
            raise TypeError(f"{key} is no list of tables")
        return [
            Node((Layer(layer.document, (*layer.path, key, index), item),))
            for index, item in enumerate(items)
            if isinstance(item, dict)
        ]

    def _layer_of(self, key: str) -> Layer:
        for layer in reversed(self.layers):
            if key in layer.data:
                return layer
        raise KeyError(key)


def _at_match(path: str, text: str, pattern: re.Pattern[str], message: str) -> Problem:
    """Return the problem that stands where a pattern is first found."""
    match = pattern.search(text)
    start = match.start() if match else 0
    return Problem(path, text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start), "error", message)


def _syntax_problem(path: str, error: tomli.TOMLDecodeError) -> Problem:
    reason = _PATH.sub(lambda path: "[" + path[1].replace("', '", ".") + "]", error.msg)
    cure = next((words for start, words in _CURES.items() if reason.startswith(start)), None)
    if reason.startswith("Cannot declare"):
        cure = "Write each [table] header once; only [[...]] may be repeated"
    elif error.doc.startswith("]]", error.pos):
        cure = "Write it with two brackets each time, and above all tables within it"
    message = f"not valid TOML: {reason[0].lower()}{reason[1:]}. {cure or 'Check the quotes, brackets and commas here'}"
    return Problem(path, error.lineno, error.colno, "error", message)
