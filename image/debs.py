"""Packages of the board that are unpacked here and never run here: kernel, firmware, a shell for the first moments.

Installing a kernel in an emulated system costs minutes (its initramfs is made twice) and gives one that differs each
time; unpacking it takes seconds.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from systemd.debian.cache import digest
from systemd.debian.mirror import Mirror
from systemd.debian.run import run
from systemd.debian.stop import BuildError
from systemd.debian.suite import Suite

KERNEL = "linux-image-arm64"
BUSYBOX = "busybox-static"
FIRMWARE = "raspi-firmware"
_DEPENDS = re.compile(r"^\s*Depends: (linux-image-\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Deb:
    """A package as it was fetched.

    Attributes:
        name: of the package.
        version: of it.
        sha256: of the file, in hex.
        path: the file.
    """

    name: str
    version: str
    sha256: str
    path: Path


class Archive:
    """The archive of one architecture, asked by an apt of its own: this machine's settings stay as they are.

    Args:
        room: a directory for what it keeps.
        mirror: where packages come from.
        suite: the release.
        architecture: arm64.
    """

    def __init__(self, room: Path, mirror: Mirror, suite: Suite, architecture: str) -> None:
        self._suite = suite
        for part in ("state/lists/partial", "cache/archives/partial", "etc"):
            (room / part).mkdir(parents=True, exist_ok=True)
        (room / "state/status").touch()
        (room / "etc/sources.list").write_text(mirror.sources(suite.name))
        self._options = [
            f"-oDir::State={room / 'state'}",
            f"-oDir::State::status={room / 'state/status'}",
            f"-oDir::Cache={room / 'cache'}",
            f"-oDir::Etc::SourceList={room / 'etc/sources.list'}",
            "-oDir::Etc::SourceParts=/dev/null",
            "-oAPT::Sandbox::User=root",
            f"-oAPT::Architecture={architecture}",
            f"-oAPT::Architectures={architecture}",
            '-oAcquire::Languages="none"',
        ]
        run(["apt-get", *self._options, "-qq", "update"])

    def kernel(self) -> str:
        """Name of the package that the newest kernel of the release is in."""
        found = _DEPENDS.search(run(["apt-cache", *self._options, "depends", KERNEL]))
        if found is None:
            raise BuildError(f"the mirror has no {KERNEL} of {self._suite.name}")
        return found[1]

    def fetch(self, names: Sequence[str], into: Path) -> list[Deb]:
        """Fetch packages; apt holds each against what the release has signed.

        Args:
            names: of packages.
            into: a directory.

        Raises:
            BuildError: one is not there.
        """
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into) as scratch:
            # apt puts them where it stands.
            run(["env", "-C", scratch, "apt-get", *self._options, "-qq", "download", *names])
            return sorted((_named(path, into) for path in Path(scratch).iterdir()), key=lambda deb: deb.name)


def _named(path: Path, into: Path) -> Deb:
    name, version = run(["dpkg-deb", "-W", "--showformat=${Package} ${Version}", path]).split()
    place = path.rename(into / f"{name}.deb")
    return Deb(name, version, digest(place), place)


def unpack(deb: Path, into: Path) -> None:
    """Lay out a package's files; none of its programs runs."""
    into.mkdir(parents=True, exist_ok=True)
    run(["dpkg-deb", "-x", deb, into])
