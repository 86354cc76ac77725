"""How large a package and its parts may be."""

from __future__ import annotations

from dataclasses import dataclass

MEBI = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a package may hold. Counted is what is really there: no header is believed.

    Attributes:
        packed: bytes of the file (D-101).
        unpacked: bytes of the tar within.
        ratio: how many times larger than the file the tar may get; small ones are mostly padding and may.
        small: bytes of a tar up to which the ratio is not looked at.
        files: how many.
        manifest: bytes of ``manifest.json``.
        signature: bytes of ``manifest.sig``.
        docs: bytes of the documentation.
    """

    packed: int = 8 * MEBI
    unpacked: int = 32 * MEBI
    ratio: int = 100
    small: int = MEBI
    files: int = 500
    manifest: int = 256 * 1024
    signature: int = 1024
    docs: int = 128 * 1024


BOUNDS = Bounds()
