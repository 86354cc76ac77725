"""Plugins as their authors have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli.whole import new_directory
from gateway.plugins.author.seed import seed


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A new plugin in Python."""
    directory = tmp_path / "scale-reader"
    new_directory(directory, seed("Scale Reader", "python"))
    return directory
