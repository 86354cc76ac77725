"""Where each key and value of a TOML document stands.

tomli tells positions for syntax errors only. This scanner walks a document tomli has already accepted and notes
the place of every key, value and array element; it decodes nothing but keys. That it sees exactly tomli's keys
is property-tested.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

Path = tuple[str | int, ...]

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_ASSIGNMENT = re.compile(r"([A-Za-z0-9_-]+)[ \t]*=[ \t]*")
_LONG_BASIC = re.compile(r'"""(?:\\[\s\S]|[^\\])*?"""{1,3}')
_LONG_LITERAL = re.compile(r"'''[\s\S]*?'''{1,3}")
_BASIC = re.compile(r'"(?:\\.|[^"\\\n])*"')
_LITERAL = re.compile(r"'[^'\n]*'")
_PLAIN = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|(.))")
_ESCAPED = {
    "b": "\b",
    "t": "\t",
    "n": "\n",
    "f": "\f",
    "r": "\r",
    "e": "\x1b",
    '"': '"',
    "\\": "\\",
}


class Spot(NamedTuple):
    """Line and column, both from 1; columns count characters."""

    line: int
    column: int


class Positions:
    """The places of everything in one document, by path: ``("line", 0, "device", 2, "unit")``."""

    def __init__(self, line_starts: list[int], offsets: dict[Path, tuple[int, int]]) -> None:
        self._line_starts = line_starts
        self._offsets = offsets

    def paths(self) -> frozenset[Path]:
        """Return every path the document has: tables, keys and array elements."""
        return frozenset(self._offsets)

    def key(self, path: Path) -> Spot:
        """Return where the key was first written (an array element has none: its value).

        Raises:
            KeyError: the document has no such path.
        """
        return self.spot(self._offsets[path][0])

    def value(self, path: Path) -> Spot:
        """Return where the value starts (of a table with a header: its name in that header).

        Raises:
            KeyError: the document has no such path.
        """
        return self.spot(self._offsets[path][1])

    def spot(self, offset: int) -> Spot:
        """Return line and column of a character of the document."""
        line = bisect_right(self._line_starts, offset)
        return Spot(line, offset - self._line_starts[line - 1] + 1)


def scan(text: str) -> Positions:
    """Find the place of everything in ``text``.

    Args:
        text: a document tomli accepts, line ends as they came.

    Raises:
        ValueError: the document is no TOML (a broken one may also give a partial answer).
    """
    # tomli counts a CR LF as one character, so must the columns here.
    text = text.replace("\r\n", "\n")
    scanner = _Scanner(text)
    scanner.document()
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return Positions(starts, scanner.offsets)


class _Scanner:
    """One walk over one document. ``at`` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[Path, tuple[int, int]] = {}
        # Elements of each array of tables so far: a header that goes through one means its last element.
        self.lengths: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        while True:
            self.skip(_BLANK)
            if self.at == len(self.text):
                return
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.assignment(table)

    def header(self) -> Path:
        """Read ``[a.b]`` or ``[[a.b]]`` and return the path of the table it opens."""
        of_array = self.text.startswith("[[", self.at)
        self.at += 2 if of_array else 1
        path: Path = ()
        keys = self.dotted_key()
        for number, (key, offset) in enumerate(keys):
            path = (*path, key)
            self.offsets.setdefault(path, (offset, offset))
            is_last = number == len(keys) - 1
            if is_last and of_array:
                self.lengths[path] = self.lengths.get(path, 0) + 1
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
                self.offsets.setdefault(path, (offset, offset))
        self.expect("]]" if of_array else "]")
        return path

    def assignment(self, table: Path) -> None:
        # Nearly every line is one bare key; one match for all of it makes the scan twice as fast.
        bare = _BARE_ASSIGNMENT.match(self.text, self.at)
        if bare:
            path: Path = (*table, bare[1])
            self.offsets[path] = (self.at, bare.end())
            self.at = bare.end()
            self.value(path)
            return
        path = table
        keys = self.dotted_key()
        for key, offset in keys:
            path = (*path, key)
            self.offsets.setdefault(path, (offset, offset))
        self.expect("=")
        self.skip(_SPACE)
        self.offsets[path] = (keys[-1][1], self.at)
        self.value(path)

    def dotted_key(self) -> list[tuple[str, int]]:
        keys = []
        while True:
            self.skip(_SPACE)
            offset = self.at
            keys.append((self.key(), offset))
            self.skip(_SPACE)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def key(self) -> str:
        for pattern in (_BARE_KEY, _BASIC, _LITERAL):
            match = pattern.match(self.text, self.at)
            if match:
                self.at = match.end()
                written = match.group()
                if pattern is _BARE_KEY:
                    return written
                return _ESCAPE.sub(_unescape, written[1:-1]) if pattern is _BASIC else written[1:-1]
        raise ValueError(f"no key at character {self.at}")

    def value(self, path: Path) -> None:
        first = self.text[self.at : self.at + 1]
        if first == "[":
            self.array(path)
        elif first == "{":
            self.inline_table(path)
        elif first == '"':
            self.skip(_LONG_BASIC if self.text.startswith('"""', self.at) else _BASIC)
        elif first == "'":
            self.skip(_LONG_LITERAL if self.text.startswith("'''", self.at) else _LITERAL)
        else:
            self.skip(_PLAIN)

    def array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(_BLANK)
            if self.text.startswith("]", self.at):
                self.at += 1
                return
            element = (*path, index)
            self.offsets[element] = (self.at, self.at)
            self.value(element)
            index += 1
            self.skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1

    def inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self.skip(_BLANK)
            if self.text.startswith("}", self.at):
                self.at += 1
                return
            self.assignment(path)
            self.skip(_BLANK)
            if self.text.startswith(",", self.at):
                self.at += 1

    def skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if not match:
            raise ValueError(f"no value at character {self.at}")
        self.at = match.end()

    def expect(self, token: str) -> None:
        if not self.text.startswith(token, self.at):
            raise ValueError(f"no {token} at character {self.at}")
        self.at += len(token)


def _unescape(match: re.Match[str]) -> str:
    short, long, byte, letter = match.groups()
    code = short or long or byte
    if code:
        return chr(int(code, 16))
    return _ESCAPED[letter]
