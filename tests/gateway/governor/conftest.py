from __future__ import annotations

import pytest

from tests.gateway.governor.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()
