"""Reads a package to its end and hands out what is in it, once all of that is known to be what was signed.

Bytes in, verified files out: nothing here touches a disk, a clock or a network. The manifest comes first and its
signature second, so that what comes from nobody who is trusted is not even unpacked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.plugins.bounds import BOUNDS, Bounds
from gateway.plugins.inflate import Inflated
from gateway.plugins.manifest import MANIFEST, SIGNATURE, Manifest, docs_of, read_manifest
from gateway.plugins.names import Tree, check_name, shown
from gateway.plugins.refusal import PackageError
from gateway.plugins.signature import Signer, verify
from gateway.plugins.tar import Tar

# Takes the content of a file in pieces; it may be used only once the whole package was found to be sound.
Take = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that is what its publisher signed.

    Attributes:
        manifest: what it says of itself.
        written: the exact bytes of the manifest.
        signer: who signed it.
        docs: its documentation; None: it has none.
    """

    manifest: Manifest
    written: bytes
    signer: Signer
    docs: str | None


def read_package(
    chunks: Iterable[bytes],
    signers: Mapping[str, Signer],
    *,
    take: Callable[[str], Take | None] = lambda _: None,
    bounds: Bounds = BOUNDS,
) -> Package:
    """Read a package.

    Args:
        chunks: the file.
        signers: keys whose packages are taken, by what signatures call them.
        take: asked for each file, by name, who takes its content; None: nobody. What was taken counts for nothing when
            this raises.
        bounds: how large it may be.

    Raises:
        PackageError: it must not be used; the text says why, and what would help.
    """
    tar = Tar(Inflated(chunks, bounds), bounds)
    written = _first(tar, MANIFEST, bounds.manifest)
    signer = verify(written, _first(tar, SIGNATURE, bounds.signature), signers)
    manifest = read_manifest(written)
    _check_names(manifest)
    docs = docs_of(manifest)
    text: list[bytes] = []
    tree, missing = _tree(), set(manifest.files)
    while (found := tar.next()) is not None:
        name, size = found
        tree.add(name)
        if name not in manifest.files:
            raise PackageError("unlisted", f'"{shown(name)}" is not in {MANIFEST}: list it, or leave it out')
        missing.discard(name)
        if name == docs and size > bounds.docs:
            raise PackageError("too_large", f"{shown(name)}: documentation may have {bounds.docs} bytes")
        takers = [taker for taker in (take(name), text.append if name == docs else None) if taker is not None]
        _compare(tar, name, manifest.files[name], takers)
    if missing:
        raise PackageError("missing", f'"{shown(min(missing))}" is in {MANIFEST}, and not in the package: add it')
    return Package(manifest=manifest, written=written, signer=signer, docs=_read(docs, b"".join(text)))


def _first(tar: Tar, name: str, most: int) -> bytes:
    """The content of the file that must come now."""
    found = tar.next()
    if found is None or found[0] != name:
        there = "nothing" if found is None else f'"{shown(found[0])}"'
        cure = f"{MANIFEST} must be the first file, and {SIGNATURE} the second"
        raise PackageError("bad_format", f"there is {there} where {name} must be: {cure}")
    if found[1] > most:
        raise PackageError("too_large", f"{name} is larger than {most} bytes")
    return b"".join(tar.read())


def _check_names(manifest: Manifest) -> None:
    """Names that could not be those of files here are a mistake of the manifest, whatever comes."""
    tree = _tree()
    for name in manifest.files:
        check_name(name)
        tree.add(name)


def _tree() -> Tree:
    tree = Tree()
    for name in (MANIFEST, SIGNATURE):
        tree.add(name)
    return tree


def _compare(tar: Tar, name: str, digest: str, takers: list[Take]) -> None:
    found = hashlib.sha256()
    for piece in tar.read():
        found.update(piece)
        for taker in takers:
            taker(piece)
    if found.hexdigest() != digest:
        raise PackageError("bad_digest", f'"{shown(name)}" is not the file that {MANIFEST} lists: pack it anew')


def _read(name: str | None, content: bytes) -> str | None:
    if name is None:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PackageError("bad_docs", f"{shown(name)}: documentation must be UTF-8") from None
