from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.fixtures import cable, site, start
from tests.e2e.programs import missing, needed

__all__ = ["cable", "site", "start"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def libmodbus_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The device made by libmodbus, compiled."""
    compiler = needed("gcc")
    if not Path("/usr/include/modbus/modbus.h").exists():
        missing("libmodbus-dev is not installed")
    program = tmp_path_factory.mktemp("libmodbus") / "libmodbus_server"
    source = HERE / "c" / "libmodbus_server.c"
    options = ["-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([compiler, *options, "-o", program, source, "-lmodbus"], check=True)
    return program
