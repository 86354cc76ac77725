"""Files that belong together are all there, or none is: on a full disk nothing half done is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.cli.whole import new_directory, write_together


def cramped(kibibytes: int, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command where no file may get longer than this: some files fit, and one does not."""
    command = ["sh", "-c", f'ulimit -f {kibibytes * 2}; exec "$@"', "sh", sys.executable, "-m", "gateway"]
    return subprocess.run(
        [*command, *map(str, words)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_a_new_plugin_that_does_not_fit_leaves_nothing_and_is_made_at_the_next_try(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "scale"
    done = cramped(4, "plugin", "new", "Scale", "--directory", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ferrule: {place}: File too large. Name another place\n"
    assert list(tmp_path.iterdir()) == []
    assert main(["plugin", "new", "Scale", "--directory", str(place)]) == 0
    assert main(["plugin", "check", str(place)]) == 0


def test_manual_pages_that_do_not_fit_leave_those_of_before(tmp_path: Path) -> None:
    place = tmp_path / "man1"
    done = cramped(2, "man", "--directory", place)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ferrule: {place}: File too large. Name another place\n"
    assert list(tmp_path.iterdir()) == []
    place.mkdir()
    (place / "ferrule.1").write_text("of before")
    assert cramped(2, "man", "--directory", place).returncode == 1
    assert [(path.name, path.read_text()) for path in place.iterdir()] == [("ferrule.1", "of before")]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("new", "dangling"):
        with pytest.raises(FileExistsError):
            new_directory(tmp_path / name, {"a": b"1"})
    assert list((tmp_path / "new").iterdir()) == []


def test_files_are_made_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        new_directory(tmp_path / "new", {"a": b"1", "b/c": b"2"})
        write_together(tmp_path / "pages", {"a": b"1"})
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("new", "new/a", "new/b", "new/b/c", "pages/a")]
    assert modes == [0o750, 0o640, 0o750, 0o640, 0o640]


def test_a_name_on_the_way_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError) as failed:
        new_directory(tmp_path / "file" / "new", {"a": b"1"})
    assert str(tmp_path / "file") in str(failed.value)
