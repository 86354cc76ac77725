"""``ferrule simulate``: what is wrong with its file. A process of its own, since the command sets up the log."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


def ferrule(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gateway", *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xff", "1:1: error: byte 0xff is not UTF-8. Save the file as UTF-8"),
        (b"a = " + b"[" * 5000, "1:1: error: not valid here: tables or lists are nested too deeply"),
        (b"[[lne]]", '1:3: error: unknown key "lne" in the file. Did you mean "line"?'),
    ],
    ids=["binary", "deep", "key"],
)
def test_a_mistake_is_said_on_standard_error(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "devices.toml"
    file.write_bytes(content)
    ended = ferrule("simulate", file, "--directory", tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"{file}:{words}")
    # Every one at the place it is about, and nothing beside them.
    assert all(re.match(rf"{re.escape(str(file))}:\d+:\d+: error: ", line) for line in ended.stderr.splitlines())


def test_a_file_that_is_not_there_is_said_as_check_says_it(tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    simulated, checked = ferrule("simulate", absent), ferrule("check", absent)
    assert (simulated.returncode, simulated.stderr) == (checked.returncode, checked.stdout)
    assert "Check its path and its permissions" in simulated.stderr
