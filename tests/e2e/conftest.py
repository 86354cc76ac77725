from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.fixtures import cable, site, start

__all__ = ["cable", "site", "start"]


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Started in the background of a shell, this process ignores SIGINT, and so would every program it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
