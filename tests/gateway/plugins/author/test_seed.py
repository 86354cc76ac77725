"""A new plugin works as it is: its own tests pass, and check has nothing against it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.plugins.author.checking import check_directory
from gateway.plugins.author.seed import LANGUAGES, plant, seed

TESTS = {"python": [sys.executable, "-m", "unittest"], "javascript": ["node", "--test"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_its_own_tests_pass_and_nothing_is_wrong_with_it(language: str, tmp_path: Path) -> None:
    directory = tmp_path / "new"
    plant(directory, seed("Tür-Zähler 3", language))
    found = check_directory(directory)
    assert found.findings == []
    assert found.manifest is not None
    assert found.manifest.id == "tuer-zaehler-3"
    if shutil.which(TESTS[language][0]) is None:
        pytest.skip(f"{language} is not installed, so the tests of a new plugin were not run")
    done = subprocess.run(TESTS[language], cwd=directory, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test" in (directory / "README.md").read_text()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    with pytest.raises(FileExistsError):
        plant(tmp_path / "new", {"a": b"1"})
