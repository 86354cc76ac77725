"""The version is the installed one, and to know it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from gateway.api.version import installed_version


def test_it_is_the_installed_one() -> None:
    assert installed_version() == version("ferrule")


def test_it_is_found_where_python_looks_first(tmp_path: Path) -> None:
    for name in ("other-9.9.dist-info", "ferrule-1.2.3rc1.dist-info", "ferrule_tools-3.dist-info"):
        (tmp_path / name).mkdir()
    assert installed_version(["", str(tmp_path / "missing"), str(tmp_path)]) == "1.2.3rc1"


def test_an_installation_of_another_kind_is_asked_in_full(tmp_path: Path) -> None:
    assert installed_version([str(tmp_path)]) == version("ferrule")


def test_the_library_for_it_is_not_loaded() -> None:
    script = "import sys; from gateway.api.version import installed_version as of; of(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert "importlib.metadata" not in run.stdout.split()
