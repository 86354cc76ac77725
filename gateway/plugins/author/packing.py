"""Makes packages: the same files give the same bytes, whoever packs them and whenever. Pure."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from gateway.plugins.manifest import MANIFEST, SIGNATURE

# A header and the check sums of gzip, without a time and a name.
_GZIP = 16 + zlib.MAX_WBITS
_BEST = 9


def written_manifest(document: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The manifest of a package: what its author wrote, and the digests of its files."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    whole = {**{name: value for name, value in document.items() if name != "files"}, "files": digests}
    return json.dumps(whole, ensure_ascii=False, indent=2).encode() + b"\n"


def pack(
    manifest: bytes,
    files: Mapping[str, bytes],
    *,
    signature: bytes | None = None,
    executable: frozenset[str] = frozenset(),
) -> bytes:
    """A package.

    Args:
        manifest: as it is signed.
        files: all others, by name.
        signature: content of ``manifest.sig``; None: it is signed later.
        executable: files that may be run.
    """
    first = {MANIFEST: manifest} if signature is None else {MANIFEST: manifest, SIGNATURE: signature}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in (*first.items(), *sorted(files.items())):
            about = tarfile.TarInfo(name)
            about.size = len(content)
            about.mode = 0o755 if name in executable else 0o644
            tar.addfile(about, io.BytesIO(content))
    packer = zlib.compressobj(_BEST, zlib.DEFLATED, _GZIP)
    return packer.compress(made.getvalue()) + packer.flush()
