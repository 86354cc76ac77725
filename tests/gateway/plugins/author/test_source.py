"""Which files of an author's directory belong to a plugin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.plugins.author.source import read_source, write_files


def test_junk_and_what_the_author_names_is_left_out(plugin: Path) -> None:
    for name in (".git/config", "__pycache__/main.pyc", "node_modules/x/index.js", "old.tar.gz", "notes/a.txt", "b~"):
        (plugin / name).parent.mkdir(exist_ok=True, parents=True)
        (plugin / name).write_text("x")
    with (plugin / ".ferruleignore").open("a") as file:
        file.write("notes/*.txt\n!node_modules\n")
    found = read_source(plugin)
    assert found.findings == []
    assert sorted(found.left_out) == [
        ".ferruleignore",
        ".git",
        "__pycache__",
        "b~",
        "notes/a.txt",
        "old.tar.gz",
        "test_main.py",
    ]
    assert "node_modules/x/index.js" in found.files
    assert list(found.files) == sorted(found.files)
    assert "manifest.json" not in found.files
    assert found.manifest is not None


def test_what_no_package_may_have_is_told_with_its_cure(plugin: Path) -> None:
    (plugin / "link.py").symlink_to("main.py")
    os.mkfifo(plugin / "pipe")
    (plugin / "Main.py").write_text("x")
    (plugin / "a:b").write_text("x")
    (plugin / "my.key").write_text("-----BEGIN PRIVATE KEY-----\nabc\n")
    told = [str(one) for one in read_source(plugin).findings]
    for name, words in (
        ("link.py", "is a link, and packages have none"),
        ("pipe", "is no plain file"),
        ("main.py", "differ in large and small letters only"),
        ("a:b", "has a character or an ending"),
        ("my.key", "a private key: keep it somewhere else"),
    ):
        assert any(line.startswith(str(plugin / name)) and words in line for line in told), (name, told)
    assert len(told) == 5


def test_more_files_than_a_package_may_have_are_told_once(plugin: Path) -> None:
    for number in range(600):
        (plugin / f"{number}.txt").touch()
    [told] = read_source(plugin).findings
    assert "up to 500 files and 32 MiB" in told.message


def test_files_are_written_so_that_another_user_can_read_them(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_files(tmp_path / "package", {"lib/deep/a.py": b"1", "run": b"2"}, frozenset({"run"}))
    finally:
        os.umask(before)
    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {
        "package": 0o755,
        "package/lib": 0o755,
        "package/lib/deep": 0o755,
        "package/lib/deep/a.py": 0o644,
        "package/run": 0o755,
    }


def test_a_pattern_file_that_is_no_text_is_told(plugin: Path) -> None:
    (plugin / ".ferruleignore").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_source(plugin)
