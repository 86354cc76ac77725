"""A gateway that was installed from its wheel, as authors of plugins have it: the kit is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
MINE = ("gateway", "drivers", "pyproject.toml", "README.md")
# What it stands on is there; the gateway of this tree is not.
RUN = (
    "import sys; sys.path[:0] = sys.argv[1:3]; del sys.argv[1:3];"
    " from gateway.cli.main import main; import gateway; assert gateway.__file__.startswith(sys.path[0]);"
    " sys.exit(main())"
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("gateway")
    source = place / "source"
    source.mkdir()
    for name in MINE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    build: list[str | Path] = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index"]
    subprocess.run([*build, "--no-build-isolation", "-w", place, source], check=True, timeout=300)
    target = place / "installed"
    with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
        wheel.extractall(target)  # noqa: S202 - made a moment ago
    return target


def test_a_plugin_in_python_is_begun_checked_packed_and_signed_with_it(installed: Path, tmp_path: Path) -> None:
    def ferrule(*words: str) -> str:
        command = [sys.executable, "-I", "-S", "-c", RUN, str(installed), sysconfig.get_path("purelib"), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path).stdout

    ferrule("plugin", "new", "Scale Reader")
    # Brought along or not: it is in the package.
    shutil.rmtree(tmp_path / "scale-reader" / "ferrule_plugin")
    assert json.loads(ferrule("plugin", "check", "scale-reader", "--json"))["kitAdded"] is True
    ferrule("plugin", "pack", "scale-reader")
    ferrule("plugin", "keygen", "publisher.key", "--name", "workshop")
    ferrule("plugin", "sign", "scale-reader-0.1.0.tar.gz", "--key", "publisher.key")
    ferrule("plugin", "check", "scale-reader-0.1.0.tar.gz", "--key", "publisher.key")
    with tarfile.open(tmp_path / "scale-reader-0.1.0.tar.gz") as package:
        assert {"main.py", "ferrule_plugin/__init__.py", "ferrule_plugin/plugin.py"} <= set(package.getnames())
