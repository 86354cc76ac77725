"""Makes packages for tests: sound ones, and any part of them wrong."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.plugins.package import Package, Take, read_package
from gateway.plugins.signature import Signer, sign, signers_by_id

KEY = Ed25519PrivateKey.from_private_bytes(b"a key of nobody but these tests!")
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"another key of these tests only!")
PUBLIC = KEY.public_key().public_bytes_raw()
PUBLIC_TEXT = base64.b64encode(PUBLIC).decode()
SIGNERS = signers_by_id([Signer("workshop", PUBLIC)])

FILES: Mapping[str, bytes] = {"main.py": b"print('calculating')\n", "README.md": "# Rechner für Tags\n".encode()}
MANIFEST: Mapping[str, Any] = {
    "id": "custom-integration-plugin",
    "name": "Custom Integration Plugin",
    "version": "1.0.0",
    "description": "Third-party service integration plugin",
    "category": "integration",
    "license": "MIT",
    "tags": ["integration", "api", "webhook"],
    "permissions": ["read-tags"],
    "capabilities": ["analytics:read"],
    "entry": {"runtime": "python", "command": ["main.py"]},
}


def manifest(files: Mapping[str, bytes] = FILES, listed: Mapping[str, str] | None = None, **members: Any) -> bytes:
    """A manifest that fits its files, unless ``listed`` stands there; a member that is None is left out."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    document = {**MANIFEST, "files": digests if listed is None else listed, **members}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


def entry(name: str, content: bytes = b"", **about: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar; ``about`` has other attributes of its header."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in about.items():
        setattr(info, attribute, value)
    return info, content


def tar(entries: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as made:
        for info, content in entries:
            made.addfile(info, io.BytesIO(content) if info.size and content else None)
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def head(files: Mapping[str, bytes] = FILES, **members: Any) -> list[tuple[tarfile.TarInfo, bytes]]:
    """Manifest and signature, as they stand in front."""
    written = manifest(files, **members)
    return [entry("manifest.json", written), entry("manifest.sig", sign(written, KEY))]


def package(
    files: Mapping[str, bytes] = FILES,
    more: Sequence[tuple[tarfile.TarInfo, bytes]] = (),
    form: int = tarfile.USTAR_FORMAT,
    **members: Any,
) -> bytes:
    """A package; ``more`` are entries behind those the manifest lists."""
    listed = [entry(name, content) for name, content in files.items()]
    return zipped(tar([*head(files, **members), *listed, *more], form))


def pieces(content: bytes, size: int = 4096) -> Iterable[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def read(content: bytes, *, take: Any = None, signers: Mapping[str, Signer] = SIGNERS, **bounds: Any) -> Package:
    def nobody(_: str) -> Take | None:
        return None

    return read_package(pieces(content), signers, take=take or nobody, **bounds)
