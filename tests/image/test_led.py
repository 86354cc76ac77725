"""The light of the board, on a made-up tree: what it is told to do in each state."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

LED = Path(__file__).resolve().parents[2] / "image/overlay/usr/lib/ferrule/led"
SLOW, QUICK = "1000", "100"


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """A directory with a light as the kernel shows it, and a card without errors."""
    light = tmp_path / "ACT"
    light.mkdir()
    (light / "trigger").write_text("[none] timer heartbeat\n")
    return tmp_path


def shown(board: Path, state: str) -> tuple[str, ...]:
    places = {"FERRULE_LED": str(board / "ACT"), "FERRULE_ERRORS": str(board / "ferrule-errors.txt")}
    said = subprocess.run(
        ["/bin/sh", LED, state], env={**os.environ, **places}, capture_output=True, text=True, check=True
    )
    assert said.stdout + said.stderr == ""
    return tuple((board / "ACT" / name).read_text().strip() for name in ("trigger", "delay_on", "delay_off"))


def test_it_blinks_slowly_while_the_gateway_runs(board: Path) -> None:
    assert shown(board, "running") == ("timer", SLOW, SLOW)


def test_it_blinks_quickly_while_the_gateway_is_down(board: Path) -> None:
    assert shown(board, "down") == ("timer", QUICK, QUICK)


def test_it_blinks_quickly_until_the_files_on_the_card_are_right(board: Path) -> None:
    errors = board / "ferrule-errors.txt"
    errors.write_text("ferrule.toml:1:2: error\n")
    assert shown(board, "running") == ("timer", QUICK, QUICK)
    errors.unlink()
    assert shown(board, "running") == ("timer", SLOW, SLOW)


def test_a_board_without_a_light_is_none_the_worse(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", LED, "down"], env={**os.environ, "FERRULE_LED": str(tmp_path / "ACT")}, check=False
    )
    assert done.returncode == 0
    assert not list(tmp_path.iterdir())
