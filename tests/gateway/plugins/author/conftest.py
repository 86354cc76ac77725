"""Plugins as their authors have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.plugins.author.seed import plant, seed


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A new plugin in Python."""
    directory = tmp_path / "scale-reader"
    plant(directory, seed("Scale Reader", "python"))
    return directory
