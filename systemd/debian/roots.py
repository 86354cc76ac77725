"""Debian systems in a file or a directory, kept between builds."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from systemd.debian.cache import Cache
from systemd.debian.mirror import Mirror, mirror
from systemd.debian.run import run
from systemd.debian.stop import BuildError
from systemd.debian.suite import Suite

# Nothing of these is read by anybody on a gateway.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*")
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_EMULATOR = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")


class Roots:
    """Makes Debian systems, each once.

    Args:
        cache: keeps them.
        where: tells where Debian comes from; asked when one has to be made.
        say: told what takes minutes.
    """

    def __init__(
        self, cache: Cache, where: Callable[[], Mirror] = mirror, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._cache, self._where, self._say = cache, where, say

    def get(
        self,
        suite: Suite,
        variant: str,
        architecture: str,
        names: Sequence[str],
        *,
        directory: bool = False,
    ) -> Path:
        """A system with some packages.

        Args:
            suite: the release.
            variant: what it has beside the packages, as mmdebstrap calls it: ``minbase``, ``apt``; ``extract`` has
                nothing, and nothing is set up.
            architecture: as Debian calls it.
            names: of packages.
            directory: it is wanted as one, and not as a tar.

        Raises:
            BuildError: it cannot be made here.
        """
        made_of = {"suite": suite.name, "variant": variant, "architecture": architecture, "packages": sorted(names)}

        def make(target: Path) -> None:
            self._say(f"setting up Debian {suite.name} for {architecture}: minutes, once")
            self._make(suite, variant, architecture, names, target)

        return self._cache.get(f"{suite.name}-{variant}{'' if directory else '.tar'}", made_of, make)

    def _make(self, suite: Suite, variant: str, architecture: str, names: Sequence[str], target: Path) -> None:
        if variant != "extract":
            if os.geteuid() != 0:
                raise BuildError("Debian's packages are set up by root: call it with sudo")
            if architecture != native():
                _emulate()
        with tempfile.NamedTemporaryFile("w", prefix="ferrule-", suffix=".list") as sources:
            sources.write(self._where().sources(suite.name))
            sources.flush()
            run(
                [
                    "mmdebstrap",
                    f"--variant={variant}",
                    f"--architectures={architecture}",
                    f"--include={','.join(names)}",
                    *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
                    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
                    "--dpkgopt=force-unsafe-io",
                    "--dpkgopt=force-confold",
                    '--aptopt=Acquire::Languages "none"',
                    '--aptopt=Apt::Install-Recommends "false"',
                    suite.name,
                    target,
                    sources.name,
                ]
            )


def packages(path: Path) -> list[str]:
    """Names in a list of packages; ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return sorted({line for line in lines if line})


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
