"""A package as a file: its parts, whether it is signed or not."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.plugins.bounds import BOUNDS
from gateway.plugins.inflate import Inflated
from gateway.plugins.manifest import MANIFEST, SIGNATURE
from gateway.plugins.names import Tree, shown
from gateway.plugins.refusal import PackageError
from gateway.plugins.tar import Tar

_STEP = 64 * 1024


@dataclass(slots=True)
class Parts:
    """What is in a package.

    Attributes:
        manifest: None: there is none where it must be.
        signature: None: it is not signed.
        files: content of every other file, by name.
        faults: what is wrong with the archive itself; where it cannot be read on, that is the last.
        whole: it could be read to its end.
    """

    manifest: bytes | None = None
    signature: bytes | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[PackageError] = field(default_factory=list)
    whole: bool = False


def chunks_of(path: Path) -> Iterator[bytes]:
    """A file in pieces.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        while piece := file.read(_STEP):
            yield piece


def read_parts(chunks: Iterable[bytes]) -> Parts:
    """Take a package apart. Nothing of it is verified."""
    parts, tree = Parts(), Tree()
    tar = Tar(Inflated(chunks, BOUNDS), BOUNDS)
    try:
        for place, (name, content) in enumerate(_files(tar)):
            try:
                tree.add(name)
            except PackageError as error:
                parts.faults.append(error)
                continue
            if name == MANIFEST and place == 0:
                parts.manifest = content
            elif name == SIGNATURE and place == 1:
                parts.signature = content
            else:
                parts.files[name] = content
        parts.whole = True
    except PackageError as error:
        parts.faults.append(error)
    if parts.manifest is None and parts.whole:
        first = next(iter(parts.files), "nothing")
        words = f'there is "{shown(first)}" where {MANIFEST} must be: it must be the first file'
        parts.faults.append(PackageError("bad_format", words))
    return parts


def modes_of(path: Path) -> frozenset[str]:
    """Files of a sound package that may be run.

    Raises:
        OSError: it cannot be read.
    """
    with tarfile.open(path, "r:gz") as tar:
        return frozenset(one.name for one in tar if one.mode & 0o100)


def _files(tar: Tar) -> Iterator[tuple[str, bytes]]:
    while (found := tar.next()) is not None:
        yield found[0], b"".join(tar.read())
