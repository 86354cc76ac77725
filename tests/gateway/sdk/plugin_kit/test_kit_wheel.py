"""The plugin kit as strangers get it: a wheel of its own, with nothing but the standard library."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from gateway.sdk import ferrule_plugin

ROOT = Path(__file__).parents[4]
KIT = ROOT / "gateway" / "sdk" / "ferrule_plugin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("kit")
    shutil.copytree(KIT, place / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    build: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index"]
    build += ["--no-build-isolation", "-w", place, place / "source"]
    subprocess.run(build, check=True, timeout=120)
    return next(place.glob("*.whl"))


def test_everything_that_belongs_to_it_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {f"ferrule_plugin/{path.name}" for path in KIT.glob("*.py")}
    assert {name for name in names if name.startswith("ferrule_plugin/")} == modules | {"ferrule_plugin/py.typed"}


def test_its_versions_agree_and_it_needs_nothing() -> None:
    project = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    assert project["version"] == ferrule_plugin.__version__
    assert project["dependencies"] == []


def test_it_imports_only_the_standard_library() -> None:
    for path in KIT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert {alias.name.partition(".")[0] for alias in node.names} <= sys.stdlib_module_names, path
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).partition(".")[0] in sys.stdlib_module_names, path


def test_it_works_out_of_the_wheel(wheel: Path, tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(
        f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
        "from ferrule_plugin import Plugin\n"
        "plugin = Plugin()\n"
        "@plugin.on_start\n"
        "def start():\n"
        "    print('printed')\n"
        "plugin.run()\n"
    )
    said = [
        {"id": 1, "method": "initialize", "params": {"config": {}, "instance": "i", "permissions": []}},
        {"id": 2, "method": "health", "params": {}},
    ]
    ran = subprocess.run(
        [sys.executable, "-I", "-W", "error", program],
        input="".join(json.dumps({"jsonrpc": "2.0", **one}) + "\n" for one in said),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [1, 2]
    assert set(ran.stderr.split()) <= {"printed"}
