"""Reads tar, the plain form of POSIX alone (IEEE 1003.1-1988, "ustar"): regular files, one behind the other.

Later forms say the same thing twice, in a header and in an extension of it, and readers differ in what they believe.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.plugins.bounds import Bounds
from gateway.plugins.inflate import Inflated
from gateway.plugins.names import check_name, shown
from gateway.plugins.refusal import PackageError

BLOCK = 512
_STEP = 128 * BLOCK
_ZEROS = bytes(BLOCK)
_MAGIC = b"ustar\x0000"
_GNU_MAGIC = b"ustar  \x00"
_OCTAL = re.compile(rb"[0-7]+")
_FILE = frozenset({b"0", b"\0"})
_REFUSED = {
    b"1": "is a hard link",
    b"2": "is a symbolic link",
    b"3": "is a device",
    b"4": "is a device",
    b"5": "is a directory; files alone are packed, with their paths",
    b"6": "is a named pipe",
    b"7": "is of a kind no package has",
    b"x": "has an extended header (pax)",
    b"g": "has an extended header (pax)",
    b"L": "has a long name in the way of GNU",
    b"K": "has a long link in the way of GNU",
    b"S": "is a sparse file",
}
_CURE = "pack with tar --format=ustar and the names of the files"


class Tar:
    """The files of an archive, in their order. Each is to be read before the next.

    Args:
        content: the archive.
        bounds: how many files there may be.
    """

    def __init__(self, content: Inflated, bounds: Bounds) -> None:
        self._content = content
        self._bounds = bounds
        self._left = 0
        self._padding = 0
        self._files = 0

    def next(self) -> tuple[str, int] | None:
        """Name and size of the next file; None: there is none, and the archive ends as it should.

        Raises:
            PackageError: it is no plain file, or no archive.
        """
        for _ in self.read():
            pass
        self._exactly(self._padding)
        self._padding = 0
        header = self._exactly(BLOCK)
        if header == _ZEROS:
            self._end()
            return None
        self._files += 1
        if self._files > self._bounds.files:
            raise PackageError("too_many", f"the package has more than {self._bounds.files} files")
        name, size = _read(header)
        self._left = size
        self._padding = -size % BLOCK
        return name, size

    def read(self) -> Iterator[bytes]:
        """The content of the file at hand, in pieces."""
        while self._left:
            piece = self._exactly(min(self._left, _STEP))
            self._left -= len(piece)
            yield piece

    def _exactly(self, size: int) -> bytes:
        piece = self._content.read(size)
        if len(piece) < size:
            raise PackageError("damaged", "the package ends in the middle of a file: make it anew")
        return piece

    def _end(self) -> None:
        """Two blocks of zeros end an archive; programs fill it up with more of them."""
        if self._exactly(BLOCK) != _ZEROS:
            raise PackageError("damaged", "there is one empty block within the package, where two end it: make it anew")
        while piece := self._content.read(_STEP):
            if piece.strip(b"\0"):
                raise PackageError("trailing", "there is something behind the last file of the package: remove it")


def _read(header: bytes) -> tuple[str, int]:
    if header[257:265] == _GNU_MAGIC:
        raise PackageError("bad_format", f"the package is in the form of GNU tar: {_CURE}")
    if header[257:265] != _MAGIC:
        raise PackageError("bad_format", f"the package holds no tar of POSIX: {_CURE}")
    unsigned = sum(header[:148]) + sum(header[156:]) + 8 * ord(" ")
    if _number(header[148:156], "checksum") != unsigned:
        raise PackageError("damaged", "a header within the package is damaged: make it anew")
    name = _name(header)
    kind = header[156:157]
    if kind not in _FILE:
        what = _REFUSED.get(kind, f"is of kind {kind.decode('latin-1')!a}")
        raise PackageError("bad_entry", f'"{shown(name)}" {what}: {_CURE}')
    if header[157:257].strip(b"\0"):
        raise PackageError("bad_entry", f'"{shown(name)}" names another file as its target: {_CURE}')
    check_name(name)
    return name, _number(header[124:136], "size")


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    whole = prefix + b"/" + name if prefix else name
    try:
        return whole.decode()
    except UnicodeDecodeError:
        raise PackageError("bad_name", f"a name within the package is no UTF-8: {_CURE}") from None


def _text(field: bytes) -> bytes:
    """What stands before the first zero; nothing may stand behind it, where some readers would find it."""
    text, _, rest = field.partition(b"\0")
    if rest.strip(b"\0"):
        raise PackageError("bad_name", f"a name within the package goes on behind its end: {_CURE}")
    return text


def _number(field: bytes, what: str) -> int:
    """An octal number; the other way to write one, for more than eight gigabytes, has no place here."""
    digits = field.rstrip(b" \0").lstrip(b" ")
    if not _OCTAL.fullmatch(digits):
        raise PackageError("damaged", f"a header within the package has no {what}: {_CURE}")
    return int(digits, 8)
