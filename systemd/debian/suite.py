"""What a Debian suite brings: where its packages come from, its roots, and the Python that makes byte code for it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Suite:
    """A release of Debian.

    Attributes:
        name: its code name.
        number: its version.
        python: the version of its python3.
        backs_off: its systemd knows RestartSteps= (254).
    """

    name: str
    number: int
    python: str
    backs_off: bool


SUITES = {
    suite.name: suite
    for suite in (
        Suite("bookworm", 12, "3.11", backs_off=False),
        Suite("trixie", 13, "3.13", backs_off=True),
    )
}


def cache_directory() -> Path:
    """Where what was fetched is kept: $FERRULE_CACHE, else in the user's cache folder."""
    named = os.environ.get("FERRULE_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "ferrule"


def mirror() -> str:
    """The Debian mirror: $FERRULE_MIRROR, else the one this machine's apt is set up with.

    Raises:
        SystemExit: there is neither.
    """
    if named := os.environ.get("FERRULE_MIRROR"):
        return named
    words = ("apt-get", "indextargets", "--format", "$(LABEL) $(COMPONENT) $(REPO_URI)", "Created-By: Packages")
    try:
        found = subprocess.run(words, check=True, capture_output=True, text=True).stdout  # noqa: S603 - words of ours
    except (OSError, subprocess.CalledProcessError):
        found = ""
    for line in found.splitlines():
        label, component, address = line.split(maxsplit=2)
        if (label, component) == ("Debian", "main"):
            return address
    raise SystemExit("no Debian mirror is known here: set FERRULE_MIRROR to the address of one")


def architecture() -> str:
    """Of this machine, as Debian calls it."""
    return subprocess.run(
        ["dpkg", "--print-architecture"],  # noqa: S607 - where the system has it
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def make_root(suite: Suite, variant: str, packages: Sequence[str], target: Path) -> None:
    """Make a root of a suite with some packages, as a directory or a .tar, by its name; what is there stays.

    Raises:
        SystemExit: it does not come about.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.stem}.part{target.suffix}")
    done = subprocess.run(  # noqa: S603 - words of ours
        [
            *("mmdebstrap", f"--variant={variant}", f"--include={','.join(packages)}"),
            *(
                "--dpkgopt=force-unsafe-io",
                "--aptopt=Apt::Install-Recommends false",
                "--aptopt=Acquire::Languages none",
            ),
            *(suite.name, str(part), f"deb {mirror()} {suite.name} main"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(f"no root of {suite.name} was made:\n{done.stderr[-4000:]}")
    part.rename(target)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python of a suite, run from where it was unpacked: nothing of it is installed.

    Attributes:
        root: where it was unpacked.
        version: such as "3.13".
    """

    root: Path
    version: str

    def run(self, words: Sequence[str], environment: dict[str, str]) -> None:
        """Run it to its end.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        # What was only unpacked has /lib beside /usr/lib up to Debian 12.
        usr, tops = self.root / "usr", (self.root / "usr", self.root)
        loader = next(one for top in tops for one in (*top.glob("lib*/ld-linux-*"), *top.glob("lib/*/ld-linux-*")))
        libraries = ":".join(str(one) for top in tops for one in top.glob("lib/*-linux-gnu"))
        subprocess.run(  # noqa: S603 - words of ours
            [str(loader), "--library-path", libraries, str(usr / "bin" / f"python{self.version}"), *words],
            check=True,
            env={**environment, "PYTHONHOME": str(usr)},
        )


def interpreter(suite: Suite, cache: Path) -> Interpreter:
    """The Python of a suite; fetched where it is not in the cache."""
    root = cache / f"python-{suite.name}-{architecture()}"
    make_root(suite, "extract", ["python3-minimal"], root)
    return Interpreter(root, suite.python)


def main() -> None:
    """Make a root into the cache, and say where it is: `suite.py trixie minbase systemd,dbus`."""
    name, variant, packages = sys.argv[1:]
    wanted = sorted(packages.split(","))
    key = hashlib.sha256(",".join(wanted).encode()).hexdigest()[:8]
    root = cache_directory() / f"root-{name}-{variant}-{architecture()}-{key}.tar"
    make_root(SUITES[name], variant, wanted, root)
    print(root)  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
