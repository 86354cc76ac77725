"""Programs that take part in a build."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from systemd.debian.stop import BuildError

_SHOWN = 25


def run(command: Sequence[str | Path], environment: Mapping[str, str] | None = None, stdin: bytes | None = None) -> str:
    """Run a program to its end; returns what it printed.

    Args:
        command: the program and its arguments.
        environment: variables beside those that there are.
        stdin: what it reads.

    Raises:
        BuildError: it is missing, or failed; with the end of what it said.
    """
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        raise BuildError(f"{words[0]} is not installed; sudo make deb, or sudo make image, installs what a build needs")
    done = subprocess.run(
        words,
        input=stdin or b"",
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C", **(environment or {})},
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").splitlines()[-_SHOWN:]
        raise BuildError(f"{' '.join(words[:4])} ... failed with {done.returncode}:\n" + "\n".join(said))
    return done.stdout.decode(errors="replace")
