"""Unpacks gzip (RFC 1952) within bounds: one member, whole, and nothing behind it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from gateway.plugins.bounds import Bounds
from gateway.plugins.refusal import PackageError

_STEP = 64 * 1024
# zlib is to expect the header and the check sums of gzip.
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"


class Inflated:
    """The content of a gzip file, read from its beginning to its end.

    Args:
        chunks: the file.
        bounds: how large it and its content may be.
    """

    def __init__(self, chunks: Iterable[bytes], bounds: Bounds) -> None:
        self._chunks = iter(chunks)
        self._bounds = bounds
        self._unzip = zlib.decompressobj(_GZIP)
        self._packed = 0
        self._unpacked = 0
        self._ready = bytearray()
        self._ended = False

    def read(self, most: int) -> bytes:
        """The next bytes; fewer than ``most`` only at the end, none after it.

        Raises:
            PackageError: the file is too large, swells too much, is damaged, or does not end where it should.
        """
        while len(self._ready) < most and not self._ended:
            self._more()
        piece = bytes(self._ready[:most])
        del self._ready[:most]
        return piece

    def _more(self) -> None:
        """Unpack a step further."""
        packed = self._unzip.unconsumed_tail or self._next()
        try:
            piece = self._unzip.decompress(packed, _STEP)
        except zlib.error as error:
            what = "is no gzip file" if not self._unpacked else "is damaged"
            raise PackageError("damaged", f"the package {what} ({error}): make it anew") from None
        self._unpacked += len(piece)
        self._check()
        self._ready += piece
        if self._unzip.eof:
            self._end()
        elif not packed and not piece:
            raise PackageError("damaged", "the package ends too early: send it whole")

    def _next(self) -> bytes:
        """The next bytes of the file; none at its end."""
        for chunk in self._chunks:
            self._packed += len(chunk)
            if self._packed > self._bounds.packed:
                raise PackageError("too_large", f"the package is larger than {self._bounds.packed} bytes")
            if chunk:
                return chunk
        return b""

    def _check(self) -> None:
        bounds = self._bounds
        if self._unpacked > bounds.unpacked:
            raise PackageError("too_large", f"the package unpacks to more than {bounds.unpacked} bytes")
        read = self._packed - len(self._unzip.unconsumed_tail)
        if self._unpacked > max(bounds.small, bounds.ratio * read):
            raise PackageError("bomb", f"the package unpacks to more than {bounds.ratio} times its size")

    def _end(self) -> None:
        behind = self._unzip.unused_data
        while len(behind) < len(_MAGIC) and (chunk := self._next()):
            behind += chunk
        if behind.startswith(_MAGIC):
            raise PackageError("trailing", "the package is more than one gzip file behind each other: make it as one")
        if behind:
            raise PackageError("trailing", "there is something behind the end of the package: remove it")
        self._ended = True
