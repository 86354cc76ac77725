"""What this system has to make sandboxes of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from gateway.plugins.host.probe import find_means
from gateway.plugins.host.sandbox import Means

from .real import open_place


@pytest.fixture(scope="session")
def means() -> Means:
    """A whole sandbox; where there is none the test is skipped, in CI it fails."""
    found = trio.run(find_means)
    lacking = found.why or next(
        (f"{name} is not there" for name in ("prlimit", "node") if not getattr(found, name)), None
    )
    if lacking is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{lacking}, and CI must have it")
        pytest.skip(lacking)
    return found


@pytest.fixture(scope="session")
def bare(means: Means) -> Means:
    """The same system without bubblewrap."""
    return replace(means, bubblewrap=None, why="not wanted here")


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that users of plugins can pass."""
    with open_place() as found:
        yield found
