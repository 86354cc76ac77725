"""Packages are unpacked once, whole and read-only; what is not what was verified is never used."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.plugins.instances.unpacked import Contents, Unpacked
from gateway.plugins.manifest import read_manifest
from gateway.plugins.refusal import PackageError
from tests.gateway.plugins.making import manifest, package

FILES = {"main.py": b"print(1)\n", "lib/deep/scale.py": b"x = 1\n" * 50_000, "README.md": b"# Read me"}


def contents(directory: Path, archive: bytes | None = None, **members: Any) -> Contents:
    content = package(FILES, **members) if archive is None else archive
    place = directory / "1.0.0.tar.gz"
    place.write_bytes(content)
    written = manifest(FILES, **members)
    return Contents(
        plugin="scale",
        version="1.0.0",
        archive=place,
        sha256=hashlib.sha256(content).hexdigest(),
        written=written,
        manifest=read_manifest(written),
    )


@pytest.fixture
def unpacked(tmp_path: Path) -> Unpacked:
    return Unpacked(tmp_path / "unpacked")


def test_a_package_is_unpacked_whole_and_read_only(tmp_path: Path, unpacked: Unpacked) -> None:
    place = unpacked.prepare(contents(tmp_path))
    assert place == tmp_path / "unpacked" / "scale" / "1.0.0"
    found = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert found == {*FILES, "manifest.json"}
    assert (place / "lib" / "deep" / "scale.py").read_bytes() == FILES["lib/deep/scale.py"]
    for path in [place, *place.rglob("*")]:
        assert stat.S_IMODE(path.lstat().st_mode) == (0o555 if path.is_dir() else 0o444), path
    assert [entry.name for entry in (tmp_path / "unpacked").iterdir()] == ["scale"]
    # Those that plugins run as can pass.
    assert all(place.stat().st_mode & stat.S_IXOTH for place in (place.parent, place.parent.parent))


def test_a_program_can_be_run(tmp_path: Path, unpacked: Unpacked) -> None:
    place = unpacked.prepare(contents(tmp_path, entry={"runtime": "executable", "command": ["main.py"]}))
    assert os.access(place / "main.py", os.X_OK)
    assert not (place / "README.md").stat().st_mode & stat.S_IXUSR


def test_what_is_there_and_sound_is_not_written_again(tmp_path: Path, unpacked: Unpacked) -> None:
    first = unpacked.prepare(contents(tmp_path)) / "main.py"
    before = first.stat().st_ino
    assert (unpacked.prepare(contents(tmp_path)) / "main.py").stat().st_ino == before


def _change(place: Path) -> None:
    (place / "main.py").chmod(0o644)
    (place / "main.py").write_bytes(b"print(2)\n")


def _lose(place: Path) -> None:
    place.chmod(0o755)
    (place / "README.md").unlink()


def _add(place: Path) -> None:
    place.chmod(0o755)
    (place / "sitecustomize.py").write_bytes(b"evil")


def _link(place: Path) -> None:
    place.chmod(0o755)
    (place / "README.md").unlink()
    (place / "README.md").symlink_to(place / "main.py")


@pytest.mark.parametrize("harm", [_change, _lose, _add, _link])
def test_what_is_not_sound_is_unpacked_anew(tmp_path: Path, unpacked: Unpacked, harm: Callable[[Path], None]) -> None:
    place = unpacked.prepare(contents(tmp_path))
    harm(place)
    assert unpacked.prepare(contents(tmp_path)) == place
    found = {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert {name: found[name] for name in FILES} == FILES
    assert set(found) == {*FILES, "manifest.json"}


def test_an_archive_that_is_not_the_one_that_came_leaves_nothing(tmp_path: Path, unpacked: Unpacked) -> None:
    sound = contents(tmp_path)
    other = package({**FILES, "main.py": b"evil"})
    more = package({**FILES, "evil.py": b""})
    for archive in (other, more, sound.archive.read_bytes()[:-20], b"", sound.archive.read_bytes() + b"\0"):
        sound.archive.write_bytes(archive)
        with pytest.raises(PackageError):
            unpacked.prepare(sound)
        assert not (tmp_path / "unpacked" / "scale" / "1.0.0").exists()
        assert not list((tmp_path / "unpacked").glob(".part-*"))
    with pytest.raises(OSError, match="No such file"):
        unpacked.prepare(replace(sound, archive=tmp_path / "lost"))


def test_what_is_not_used_goes(tmp_path: Path, unpacked: Unpacked) -> None:
    one = contents(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        unpacked.prepare(replace(one, version=version))
    unpacked.prepare(replace(one, plugin="other"))
    half = tmp_path / "unpacked" / ".part-x" / "lib"
    half.mkdir(parents=True)
    half.chmod(0o555)
    unpacked.keep_only({("scale", "1.1.0")})
    left = sorted(path.relative_to(tmp_path / "unpacked").as_posix() for path in (tmp_path / "unpacked").glob("*/*"))
    assert left == ["scale/1.1.0"]
    assert not half.parent.exists()
    unpacked.remove("scale", "1.1.0")
    unpacked.remove("scale", "1.1.0")
    assert list((tmp_path / "unpacked").iterdir()) == []
