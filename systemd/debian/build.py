"""Makes the Debian package: `make deb`, or `python systemd/debian/build.py --suite trixie --architecture arm64`.

The same sources, lock file and SOURCE_DATE_EPOCH give the same package to the byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from locked import MACHINES, Target
from suite import SUITES, Suite
from tree import CONFIG, HERE, PROJECT, make_tree, version_of_project

_MAINTAINER_SCRIPTS = ("postinst", "prerm", "postrm")


def main() -> None:
    """Make the packages that were asked for."""
    parser = argparse.ArgumentParser(description="make Debian packages of the gateway")
    parser.add_argument("--suite", action="append", choices=tuple(SUITES), help="default: all of them")
    parser.add_argument("--architecture", action="append", choices=tuple(MACHINES), help="default: all of them")
    parser.add_argument("--output", type=Path, default=PROJECT / "dist", help="directory (default: dist)")
    parser.add_argument("--compression", choices=("zstd", "none"), default="zstd", help="none is quick, for trials")
    parser.add_argument("--version", default=version_of_project(), help="default: that of pyproject.toml")
    arguments = parser.parse_args()
    os.environ.setdefault("SOURCE_DATE_EPOCH", last_commit())
    arguments.output.mkdir(parents=True, exist_ok=True)
    for suite in arguments.suite or SUITES:
        for architecture in arguments.architecture or MACHINES:
            package = build(SUITES[suite], architecture, arguments.version, arguments.output, arguments.compression)
            digest = hashlib.sha256(package.read_bytes()).hexdigest()
            print(f"{digest}  {package} ({package.stat().st_size / 1e6:.1f} MB)", flush=True)  # noqa: T201 - for people


def last_commit() -> str:
    """Seconds of the last commit: what stands for the time of a build."""
    words = ["git", "-C", str(PROJECT), "log", "-1", "--pretty=%ct"]
    done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603 - words of ours
    if done.returncode != 0:
        raise SystemExit("these sources are no clone of git: set SOURCE_DATE_EPOCH")
    return done.stdout.strip()


def build(suite: Suite, architecture: str, version: str, output: Path, compression: str) -> Path:
    """Make one package.

    Args:
        suite: the release of Debian it is for; its Python is the only one that reads the byte code.
        architecture: as Debian calls it.
        version: of the software.
        output: directory it is put in.
        compression: of what it installs.

    Returns:
        The package.
    """
    full = f"{version}+deb{suite.number}"
    package = output / f"ferrule_{full}_{architecture}.deb"
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="ferrule-deb-") as scratch:
        root = Path(scratch) / "root"
        root.mkdir(mode=0o755)
        make_tree(root, suite, Target(architecture, suite.python), full)
        control(root, suite, architecture, full)
        subprocess.run(  # noqa: S603 - words of ours
            # One thread: how many there were could be seen. zstd: a slow board unpacks it in a fifth of the time of xz.
            [
                *(
                    "dpkg-deb",
                    "--root-owner-group",
                    f"-Z{compression}",
                    *(("-z12",) if compression == "zstd" else ()),
                    "--threads-max=1",
                ),
                *("--build", str(root), str(package)),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
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


if __name__ == "__main__":
    main()
