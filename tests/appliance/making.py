"""Roots and packages for these tests, made once and kept."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from systemd.debian.build import build
from systemd.debian.cache import Cache, cache_directory
from systemd.debian.roots import Roots, native
from systemd.debian.suite import SUITES

PROJECT = Path(__file__).resolve().parents[2]
DEBIAN = PROJECT / "systemd" / "debian"
# What a Raspberry Pi OS or a Debian has that was installed without questions.
_PACKAGES = ["bubblewrap", "dbus", "iproute2", "python3", "systemd", "systemd-sysv", "udev", "util-linux"]


@cache
def package(suite: str, version: str, architecture: str | None = None) -> Path:
    """A package for this machine: from the directory $FERRULE_PACKAGES where it is there, else built."""
    output = PROJECT / "build" / "tests"
    machine = architecture or native()
    if ready := os.environ.get("FERRULE_PACKAGES"):
        found = next(Path(ready).glob(f"ferrule_{version}+deb{SUITES[suite].number}_{machine}.deb"), None)
        if found is not None:
            return found
    output.mkdir(parents=True, exist_ok=True)
    return build(SUITES[suite], machine, version, output, Cache(cache_directory()), compression="none")


@cache
def root_with_systemd(suite: str) -> Path:
    """A root of a suite with systemd; from the cache, or made into it."""
    return Roots(Cache(cache_directory())).get(SUITES[suite], "minbase", native(), _PACKAGES)
