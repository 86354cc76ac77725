"""A wall clock that can be set for one program alone, without privileges: its other clocks stay right."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "c" / "moved_clock.c"


class MovedClock:
    """The clock of the programs that are started with ``environment``.

    Args:
        directory: for the library and the file that says how far it is moved.

    Raises:
        LookupError: there is no compiler here.
    """

    def __init__(self, directory: Path) -> None:
        compiler = shutil.which("gcc")
        if compiler is None:
            raise LookupError("gcc is not installed: the clock cannot be set")
        directory.mkdir(parents=True, exist_ok=True)
        library = directory / "moved_clock.so"
        options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run([compiler, *options, "-o", str(library), str(SOURCE)], check=True)
        self._file = directory / "moved"
        self._file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(self._file)}

    def move(self, seconds: int) -> None:
        """Be so far ahead of the true time, or behind it, from now on; in programs that run, too."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))
