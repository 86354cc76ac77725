"""One Debian package: its files, and the part dpkg reads."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from systemd.debian.cache import Cache
from systemd.debian.locked import Target
from systemd.debian.run import run
from systemd.debian.suite import Suite
from systemd.debian.tree import CONFIG, HERE, make_tree

_MAINTAINER_SCRIPTS = ("postinst", "prerm", "postrm")


def build(suite: Suite, architecture: str, version: str, output: Path, cache: Cache, *, compression: str) -> Path:
    """Make one package.

    Args:
        suite: the release of Debian it is for; its Python is the only one that reads the byte code.
        architecture: as Debian calls it.
        version: of the software.
        output: directory it is put in.
        cache: keeps what is fetched.
        compression: of what it installs: zstd, or none.

    Returns:
        The package.

    Raises:
        BuildError: it cannot be made.
    """
    full = f"{version}+deb{suite.number}"
    package = output / f"ferrule_{full}_{architecture}.deb"
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="ferrule-deb-") as scratch:
        root = Path(scratch) / "root"
        root.mkdir(mode=0o755)
        make_tree(root, suite, Target(architecture, suite.python), full, cache)
        control(root, suite, architecture, full)
        # One thread: how many there were could be seen. zstd: a slow board unpacks it in a fifth of the time of xz.
        level = ["-z12"] if compression == "zstd" else []
        run(
            [
                *("dpkg-deb", "--root-owner-group", f"-Z{compression}", *level, "--threads-max=1"),
                *("--build", root, package),
            ]
        )
    return package


def control(root: Path, suite: Suite, architecture: str, version: str) -> None:
    """The part dpkg reads: name, needs, what it must keep, what to do before and after."""
    files = sorted(file for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    major, minor = map(int, suite.python.split("."))
    place = root / "DEBIAN"
    place.mkdir(mode=0o755)
    fields = {
        "Package": "ferrule",
        "Version": version,
        "Architecture": architecture,
        "Maintainer": "Ferrule maintainers <maintainers@ferrule.invalid>",
        "Installed-Size": str(sum(-(-file.stat().st_size // 1024) for file in files)),
        "Depends": ", ".join(
            (
                # Byte code and libraries are for this one.
                f"python3 (>= {suite.python}~), python3 (<< {major}.{minor + 1}~)",
                "systemd",
                # What plugins are locked in with.
                "bubblewrap",
                "init-system-helpers (>= 1.52)",
            )
        ),
        "Section": "net",
        "Priority": "optional",
        "Description": "edge gateway for serial and Modbus devices\n"
        " Polls serial and Modbus devices, keeps what they say with quality and time, and\n"
        " serves it on the local network to programs and people over one TLS 1.3 port.\n"
        " Other systems get signed webhooks.",
    }
    (place / "control").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    (place / "conffiles").write_text(f"/{CONFIG.as_posix()}\n")
    (place / "md5sums").write_text(
        "".join(
            f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(root)}\n"
            for file in files
            if file.relative_to(root) != CONFIG
        )
    )
    for name in _MAINTAINER_SCRIPTS:
        (place / name).write_bytes((HERE / name).read_bytes())
        (place / name).chmod(0o755)
