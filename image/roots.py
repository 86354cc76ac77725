"""Debian systems in a file or a directory: the base of the image, and the tools that make it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from image.mirror import Mirror
from image.run import run
from image.stop import BuildError

SUITE = "trixie"
# Nothing of these is read by anybody on a gateway.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*")
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_EMULATOR = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


def packages(path: Path) -> list[str]:
    """Names in a list of packages; ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return sorted({line for line in lines if line})


def make_root(target: Path, mirror: Mirror, architecture: str, names: Sequence[str]) -> None:
    """A Debian system with these packages.

    Args:
        target: a directory, or a tar file where it ends so.
        mirror: where it comes from.
        architecture: arm64 or amd64.
        names: packages beside the smallest system.

    Raises:
        BuildError: it cannot be made here.
    """
    if os.geteuid() != 0:
        raise BuildError("Debian's packages are set up by root: sudo make image")
    if architecture != native():
        _emulate()
    with tempfile.NamedTemporaryFile("w", prefix="ferrule-", suffix=".list") as sources:
        sources.write(mirror.sources(SUITE))
        sources.flush()
        run(
            [
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase" if target.suffix == ".tar" else "--variant=apt",
                f"--architectures={architecture}",
                f"--include={','.join(names)}",
                *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
                "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                "--dpkgopt=force-unsafe-io",
                "--dpkgopt=force-confold",
                '--aptopt=Acquire::Languages "none"',
                '--aptopt=Apt::Install-Recommends "false"',
                SUITE,
                target,
                sources.name,
            ]
        )


def native() -> str:
    """Debian's name of this machine's architecture."""
    return run(["dpkg", "--print-architecture"]).strip()


def _emulate() -> None:
    """See to it that programs of the board run here (binfmt_misc of the kernel, QEMU's user mode)."""
    if not (_BINFMT / "register").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT])
    if (_BINFMT / "qemu-aarch64").exists():
        return
    if not _EMULATOR.exists():
        raise BuildError("qemu-user-static is not installed; sudo make image installs what a build needs")
    (_BINFMT / "register").write_bytes(_EMULATOR.read_bytes().strip())
