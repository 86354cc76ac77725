"""The Python of a release, run from where it was unpacked: it makes the byte code that the release will read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from systemd.debian.roots import Roots, native
from systemd.debian.run import run
from systemd.debian.suite import Suite


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of which nothing is installed.

    Attributes:
        root: where it was unpacked.
        version: such as "3.13".
    """

    root: Path
    version: str

    def run(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run it to its end.

        Raises:
            BuildError: it failed.
        """
        # What was only unpacked has /lib beside /usr/lib up to Debian 12.
        usr, tops = self.root / "usr", (self.root / "usr", self.root)
        loader = next(one for top in tops for one in (*top.glob("lib*/ld-linux-*"), *top.glob("lib/*/ld-linux-*")))
        libraries = ":".join(str(one) for top in tops for one in top.glob("lib/*-linux-gnu"))
        # Nothing of whoever builds: what is made depends on the sources alone.
        clean = [f"{name}={value}" for name, value in {**environment, "PYTHONHOME": str(usr)}.items()]
        python = usr / "bin" / f"python{self.version}"
        run(["env", "-i", *clean, loader, "--library-path", libraries, python, *words])


def interpreter(suite: Suite, roots: Roots) -> Interpreter:
    """The Python of a release; fetched where it is not kept."""
    return Interpreter(roots.get(suite, "extract", native(), ["python3-minimal"], directory=True), suite.python)
