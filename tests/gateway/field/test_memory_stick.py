"""Backup and report on a real FAT file system, as on the memory sticks of technicians."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.access.files import create
from gateway.access.keys import load_root_key
from gateway.field.archive import ArchiveError, verify
from gateway.field.backup import Board, make_backup
from gateway.field.diagnostics import Subject, make_bundle
from gateway.field.restore import restore

NOW = 1_790_000_000.0


def _done(*words: str | Path) -> bool:
    program = shutil.which(str(words[0]))
    return program is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """A directory on a FAT file system of its own: the kernel's driver, or else fusefat."""
    image, place = tmp_path / "stick.img", tmp_path / "stick"
    with image.open("wb") as file:
        file.truncate(32_000_000)
    place.mkdir()
    if not _done("mkfs.vfat", image):
        pytest.skip("mkfs.vfat is not installed, so no FAT was tried: apt-get install dosfstools")
    if not (_done("mount", "-t", "vfat", "-o", "loop", image, place) or _done("fusefat", "-o", "rw+", image, place)):
        pytest.skip("no FAT can be mounted here (root and the kernel's vfat, or fusefat): none was tried")
    yield place
    assert _done("umount", place) or _done("fusermount", "-u", place)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "state"
    load_root_key(state)
    (state / "admin.json").write_bytes(bytes(range(256)) * 1000)
    return state


def test_a_backup_on_a_stick_is_whole_and_nothing_else_is_left_there(stick: Path, state: Path, tmp_path: Path) -> None:
    file = stick / "boiler-room.backup"

    make_backup(file, state, None, Board("1.2.3", "boiler", NOW), lambda _done, _note: None)

    assert [path.name for path in stick.iterdir()] == [file.name]
    assert {member.name for member in verify(file).members} == {"state/root.key", "state/admin.json"}
    restore(file, tmp_path / "other", None, NOW, lambda _done, _note: None)
    for name in ("root.key", "admin.json"):
        assert (tmp_path / "other" / name).read_bytes() == (state / name).read_bytes()
        assert (tmp_path / "other" / name).stat().st_mode & 0o077 == (state / name).stat().st_mode & 0o077


def test_a_backup_that_is_there_is_not_written_over(stick: Path, state: Path) -> None:
    (stick / "boiler-room.backup").write_text("another")

    with pytest.raises(ArchiveError, match="is there already"):
        make_backup(stick / "boiler-room.backup", state, None, Board("1.2.3", "boiler", NOW), lambda _d, _n: None)

    assert (stick / "boiler-room.backup").read_text() == "another"


def test_a_report_on_a_stick_can_be_opened(stick: Path, state: Path) -> None:
    parts = make_bundle(stick / "report.zip", Subject(state, None, None, {}, NOW))

    with zipfile.ZipFile(stick / "report.zip") as bundle:
        assert bundle.testzip() is None
        assert bundle.namelist() == [part.name for part in parts]


def test_a_file_on_a_stick_is_whole_and_replaces_nothing(stick: Path) -> None:
    create(stick / "found.toml", b"[[line]]")
    with pytest.raises(FileExistsError):
        create(stick / "found.toml", b"another")
    assert [(path.name, path.read_bytes()) for path in stick.iterdir()] == [("found.toml", b"[[line]]")]
