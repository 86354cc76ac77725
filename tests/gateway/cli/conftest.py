"""Commands run within the tests' own process: what they set for all of it is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def same_log() -> Iterator[None]:
    """Some commands say what is logged; other tests hear what is."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
