"""Packages built for real, for every release and architecture, and the same bytes twice: part of `make image-test`."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from systemd.debian.build import build
from systemd.debian.cache import Cache, cache_directory
from systemd.debian.suite import SUITES as RELEASES

SUITES = os.environ.get("FERRULE_TEST_SUITES", "trixie bookworm").split()
# Of an ELF file: which machine its code is for.
_MACHINES = {"amd64": 62, "arm64": 183}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("architecture", _MACHINES)
def test_the_same_sources_give_the_same_bytes(
    suite: str, architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    kept = Cache(cache_directory())

    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        return build(RELEASES[suite], architecture, "0.1.0", tmp_path / name, kept, compression="none")

    first, second = make("first"), make("second")
    assert first.read_bytes() == second.read_bytes()

    root = tmp_path / "root"
    subprocess.run(["dpkg-deb", "--extract", first, root], check=True)
    libraries = list((root / "usr/lib/ferrule").rglob("*.so*"))
    assert len(libraries) > 5
    for library in libraries:
        header = library.read_bytes()[:20]
        assert struct.unpack_from("<H", header, 18)[0] == _MACHINES[architecture], library
    # Byte code for every module, and nothing that a board would have to write.
    site = next((root / "usr/lib/ferrule/lib").glob("python3.*/site-packages"))
    modules = list(site.rglob("*.py"))
    assert len(modules) > 500
    version = site.parent.name.removeprefix("python3.")
    for module in modules:
        code = module.parent / "__pycache__" / f"{module.stem}.cpython-3{version}.pyc"
        # Bytes 4 to 8 are 1: the source is never looked at (PEP 552).
        assert code.read_bytes()[4:8] == b"\1\0\0\0", module
    said = subprocess.run(["dpkg-deb", "--contents", first], check=True, capture_output=True, text=True).stdout
    assert {line.split()[1] for line in said.splitlines()} == {"root/root"}
    assert (root / "usr/share/man/man1/ferrule-run.1.gz").exists()
    assert (root / "usr/share/bash-completion/completions/ferrule").stat().st_size > 1000
