"""The file that a board is updated with: both partitions of a slot, signed (RAUC, format verity)."""

from __future__ import annotations

import shutil
from pathlib import Path

from gateway.appliance.bundles import COMPATIBLE
from image.signing import Signing
from image.tools import Tools

# Where a card holds what boards hold bundles against.
AUTHORITY = "etc/rauc/authority.pem"
_PARTS = {"root": "root.squashfs", "boot": "boot.vfat"}


def bundle(tools: Tools, signing: Signing, parts: dict[str, Path], version: str, build_id: str) -> Path:
    """Make a bundle.

    Args:
        tools: that make it.
        signing: vouches for it.
        parts: files of the work directory: ``root`` and ``boot``.
        version: what the board compares: of the software, a plus, and the Unix seconds of its sources.
        build_id: of the system in it.

    Returns:
        The file, in the work directory.
    """
    content = tools.work / "bundle"
    content.mkdir()
    for kind, name in _PARTS.items():
        # A second name, and no copy: it is large.
        (content / name).hardlink_to(parts[kind])
    (content / "manifest.raucm").write_text(_manifest(version, build_id))
    keys = tools.work / "keys"
    keys.mkdir(mode=0o700)
    for path in (signing.authority, signing.certificate, signing.key):
        shutil.copy(path, keys / path.name)
    try:
        tools.run(
            "rauc", "bundle", f"--cert=keys/{signing.certificate.name}", f"--key=keys/{signing.key.name}",
            f"--keyring=keys/{signing.authority.name}",
            "--mksquashfs-args=-comp zstd -Xcompression-level 15 -no-progress",
            "bundle", "update.raucb",
        )  # fmt: skip
    finally:
        shutil.rmtree(keys)
    return tools.work / "update.raucb"


def _manifest(version: str, build_id: str) -> str:
    lines = ["[update]", f"compatible={COMPATIBLE}", f"version={version}", f"build={build_id}", ""]
    lines += ["[bundle]", "format=verity", ""]
    for kind, name in _PARTS.items():
        lines += [f"[image.{kind}]", f"filename={name}", ""]
    return "\n".join(lines)
