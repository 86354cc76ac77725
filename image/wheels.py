"""The gateway and the libraries it needs as the board's Python takes them: the locked wheels, laid out.

Nothing of the board runs for it: wheels are archives, and byte code is the same on every processor.
"""

from __future__ import annotations

import re
import shutil
import sys
import zipfile
from pathlib import Path

from image.run import run
from image.stop import BuildError

PYTHON = "3.13"
# Names by which wheels say that they run there; the newest glibc first.
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
_VIA = re.compile(r"^\s+#(?: via)?\s+([A-Za-z0-9._-]+)$", re.MULTILINE)
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")


def download(lock: Path, names: set[str], into: Path) -> list[Path]:
    """Fetch the wheels of the lock file for the board; pip holds each against its hash.

    Args:
        lock: names, versions and hashes of everything, tests included.
        names: which of it the gateway needs, in canonical form.
        into: a directory.

    Raises:
        BuildError: there is no such wheel.
    """
    into.mkdir(parents=True)
    wanted = into / "wanted.txt"
    wanted.write_text("".join(block for name, block in _blocks(lock) if name in names))
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "download",
            "--quiet",
            "--require-hashes",
            "--no-deps",
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={PYTHON.replace('.', '')}",
            *(f"--platform={platform}" for platform in _PLATFORMS),
            f"--dest={into}",
            f"--requirement={wanted}",
        ]
    )
    wanted.unlink()
    return sorted(into.glob("*.whl"))


def _blocks(lock: Path) -> list[tuple[str, str]]:
    """Requirements of a lock file with their hashes, by canonical name."""
    blocks: list[tuple[str, str]] = []
    for line in lock.read_text().splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if (found := _REQUIREMENT.match(line)) is not None:
            blocks.append((canonical(found[1]), line))
        elif blocks:
            name, text = blocks[-1]
            blocks[-1] = (name, text + line)
    return blocks


def needed(lock: Path, direct: set[str]) -> set[str]:
    """What the gateway needs when it runs, without what only tests need: by the ``via`` that the lock file tells.

    Args:
        lock: as `uv pip compile` writes it.
        direct: canonical names that the project itself asks for.
    """
    parents = {name: {canonical(found) for found in _VIA.findall(block)} for name, block in _blocks(lock)}
    names = direct & set(parents)
    while more := {name for name, above in parents.items() if above & names} - names:
        names |= more
    return names


def canonical(name: str) -> str:
    """A name as packages are compared by it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lay_out(wheels: list[Path], into: Path) -> None:
    """Unpack wheels into a ``site-packages``; scripts that they bring along are left out.

    Raises:
        BuildError: one wants files elsewhere.
    """
    into.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(into)
        for data in into.glob("*.data"):
            for part in data.iterdir():
                if part.name in {"purelib", "platlib"}:
                    shutil.copytree(part, into, dirs_exist_ok=True)
                elif part.name not in {"scripts", "data", "headers"}:
                    raise BuildError(f"{wheel.name} has files for {part.name}, and nobody knows where these belong")
            shutil.rmtree(data)
