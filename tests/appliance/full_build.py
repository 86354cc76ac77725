"""Packages and the image built for real, and the same bytes twice: part of `make image-test`.

The image is built a second time somewhere else, by somebody with other habits.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from image.build import SUITE
from image.checksums import SIGNATURE, SUMS
from image.disk import LOGICAL, MIB, PRIMARY, offsets
from systemd.debian.build import build
from systemd.debian.cache import Cache, cache_directory, digest
from systemd.debian.locked import Target, runtime_pins
from systemd.debian.suite import SUITES as RELEASES
from systemd.debian.tree import PROJECT, SDKS

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


def copied(source: Path, target: Path) -> Path:
    """The sources as git sees them, in a clone that knows nothing of where they were."""
    words = ["git", "-C", str(source), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    made = [str(path.relative_to(source)) for path in (source / SDKS).glob("*")]
    for name in filter(None, [*listed.split("\0"), *made]):
        if (path := source / name).is_symlink() or path.exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", target], check=True)
    return target


def image(project: Path, output: Path, keys: Path, umask: str, **habits: str) -> Path:
    """Build one of sources."""
    habits |= {"SOURCE_DATE_EPOCH": "1790000000", "FERRULE_SIGNING": str(keys)}
    build = [sys.executable, "-m", "image", "--out", str(output / "ferrule.img")]
    words = ["sh", "-c", f'umask {umask}; exec "$@"', "sh", *build]
    done = subprocess.run(words, cwd=project, env={**os.environ, **habits}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


def told(output: Path) -> dict[str, str]:
    """Digests of what a build gives out, and of each partition: which one differs says where to look."""
    found = {name: digest(output / f"ferrule.{name}") for name in ("inputs.json", "cdx.json")}
    with (output / "ferrule.img").open("rb") as file:
        for partition in (*PRIMARY, *LOGICAL):
            file.seek(offsets()[partition.number] * MIB)
            (output / "partition").write_bytes(file.read(partition.size * MIB))
            found[f"partition {partition.number}"] = digest(output / "partition")
    (output / "partition").unlink()
    return found | {"img": digest(output / "ferrule.img")}


def test_the_same_inputs_give_the_same_image_wherever_it_is_built(tmp_path: Path) -> None:
    here = copied(PROJECT, tmp_path / "here")
    elsewhere = copied(here, tmp_path / "a longer way" / "elsewhere")
    keys = tmp_path / "keys"
    first = image(here, tmp_path / "first", keys, "022", TZ="UTC")
    other = {
        "TZ": "Pacific/Auckland",
        "LANG": "de_DE.UTF-8",
        "HOME": str(tmp_path),
        "FERRULE_CACHE": str(cache_directory()),
    }
    second = image(elsewhere, tmp_path / "out" / "second", keys, "077", **other)
    assert told(first) == told(second)

    # The bill tells all that the record and the lock have.
    record = json.loads((first / "ferrule.inputs.json").read_text())
    parts = json.loads((first / "ferrule.cdx.json").read_text())["components"]
    digests = {f"sha256:{one['content']}" for part in parts for one in part.get("hashes", [])}
    assert {f"sha256:{sha256}" for _, _, sha256 in record["debs"]} < digests
    pins = runtime_pins(PROJECT, Target("arm64", SUITE.python))
    assert all(digests & set(pin.hashes) for pin in pins)
    named = {part["name"] for part in parts}
    assert {"busybox-static", "dropbear-bin", "raspi-firmware", "systemd", "trio", "ferrule"} < named

    assert {line.split()[1] for line in (first / SUMS).read_text().splitlines()} == {
        f"ferrule.{name}" for name in ("img", "raucb", "inputs.json", "cdx.json")
    }
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=first, check=True)
    assert (first / SIGNATURE).stat().st_size > 100
