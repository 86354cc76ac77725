"""Roots and packages for these tests, made once and kept."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEBIAN = PROJECT / "systemd" / "debian"
# What a Raspberry Pi OS or a Debian has that was installed without questions.
_PACKAGES = "bubblewrap,dbus,iproute2,python3,systemd,systemd-sysv,udev,util-linux"


def run_builder(*words: str) -> str:
    """Run a piece of the builder, as `make deb` does."""
    done = subprocess.run([sys.executable, *words], cwd=DEBIAN, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


@cache
def package(suite: str, version: str, architecture: str | None = None) -> Path:
    """A package for this machine: from the directory $FERRULE_PACKAGES where it is there, else built."""
    output = PROJECT / "build" / "tests"
    machine = architecture or own_architecture()
    if ready := os.environ.get("FERRULE_PACKAGES"):
        number = {"bookworm": 12, "trixie": 13}[suite]
        found = next(Path(ready).glob(f"ferrule_{version}+deb{number}_{machine}.deb"), None)
        if found is not None:
            return found
    said = run_builder(
        *("build.py", "--suite", suite, "--architecture", machine, "--version", version, "--output", str(output)),
        *("--compression", "none"),
    )
    return Path(said.split()[1])


def own_architecture() -> str:
    """Of this machine, as Debian calls it."""
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


@cache
def root_with_systemd(suite: str) -> Path:
    """A root of a suite with systemd; from the cache, or made into it."""
    said = run_builder("suite.py", suite, "minbase", _PACKAGES)
    return Path(said.strip())
