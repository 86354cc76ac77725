from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.fixtures import cable, site, start

__all__ = ["cable", "site", "start"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
