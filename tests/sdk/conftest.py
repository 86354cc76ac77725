from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sdk.running import NODE, PROGRAMS, ROOT
from tests.e2e.fixtures import site, start
from tests.e2e.programs import missing, needed

__all__ = ["site", "start"]


@pytest.fixture(scope="session")
def sdks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the SDKs, made as `make sdk` makes them."""
    needed("node")
    if not PROGRAMS.is_dir() or not (NODE / "node_modules").is_dir():
        missing("the generators are not installed: .ci/sdk")
    into = tmp_path_factory.mktemp("sdk") / "sdks"
    subprocess.run([sys.executable, "-m", "sdk", "--into", into], cwd=ROOT, check=True, timeout=1200)
    return into
