"""Runs the generators and compilers, none of which is allowed to warn."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sdk.packing import EPOCH

ROOT = Path(__file__).parents[1]
# Made by .ci/sdk.
PROGRAMS = ROOT / ".venv-sdk" / "bin"
NODE = ROOT / "sdk" / "node"


def run(command: Sequence[str | Path], *, cwd: Path, more: Mapping[str, str] | None = None) -> None:
    """Run a program to its end.

    Args:
        command: what to run.
        cwd: where.
        more: of the environment.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    path = os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "SOURCE_DATE_EPOCH": str(EPOCH), "NO_COLOR": "1", **(more or {})}
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own generators
    if ended.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
