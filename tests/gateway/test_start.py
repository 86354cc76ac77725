"""The state directory in the hands of one process."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from gateway.start import StartError, owned
from gateway.state_lock import held, owner_of


def test_who_looks_whether_a_gateway_runs_keeps_none_from_starting(tmp_path: Path) -> None:
    """``ferrule status`` every second beside a start."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                owner_of(tmp_path)
            except (OSError, ValueError):
                continue

    (tmp_path / "lock").touch()
    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(50):
            with owned(tmp_path, tmp_path / "ferrule.toml", {}):
                pass
            with held(tmp_path):
                pass
    finally:
        over.set()
        looking.join()


def test_a_second_gateway_is_refused(tmp_path: Path) -> None:
    with (
        owned(tmp_path, tmp_path / "ferrule.toml", {}),
        pytest.raises(StartError, match="in use by another gateway"),
        owned(tmp_path, tmp_path / "other.toml", {}),
    ):
        pass


def test_a_configuration_is_found_whatever_it_is_called(tmp_path: Path) -> None:
    config = tmp_path / os.fsdecode(b"f\xc3\xbcr-halle-\xff.toml")
    with owned(tmp_path, config, {"server": "x"}):
        owner = owner_of(tmp_path)
    assert (owner.pid, owner.config, owner.marks) == (os.getpid(), config, {"server": "x"})
