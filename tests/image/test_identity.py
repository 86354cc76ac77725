"""What tells a board from every other is made on it, at random, once."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from image.initramfs import HERE

SCRIPT = HERE / "identity"


def make(directory: Path) -> dict[str, str]:
    # The script is for the shell of the first moments; here its tools are those of this machine.
    subprocess.run(
        ["dash", SCRIPT, directory, "/dev/random"], check=True, env={"BUSYBOX": "env", "PATH": os.environ["PATH"]}
    )
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_a_hundred_boards_are_a_hundred_boards(tmp_path: Path) -> None:
    boards = []
    for number in range(100):
        place = tmp_path / str(number)
        place.mkdir()
        boards.append(make(place))
    assert len({board["machine-id"] for board in boards}) == 100
    for board in boards:
        assert sorted(board) == ["hostname", "machine-id"]
        assert re.fullmatch(r"[0-9a-f]{32}\n", board["machine-id"])
        assert re.fullmatch(r"ferrule-[2-9a-hjkmnp-z]{4}\n", board["hostname"])
    # 923,521 names: among a hundred boards two share one in half a percent of all cases, and three never.
    assert len({board["hostname"] for board in boards}) >= 98


def test_a_board_stays_who_it_is(tmp_path: Path) -> None:
    first = make(tmp_path)
    assert make(tmp_path) == first


@pytest.mark.parametrize("name", ["hostname", "machine-id"])
def test_what_a_power_cut_left_empty_is_made_anew(name: str, tmp_path: Path) -> None:
    first = make(tmp_path)
    (tmp_path / name).write_text("")
    (tmp_path / f"{name}.new").write_text("ha")
    second = make(tmp_path)
    assert re.fullmatch(r"[a-z0-9-]+\n", second[name])
    assert {key: value for key, value in second.items() if key != name} == {
        key: value for key, value in first.items() if key != name
    }


def test_no_number_that_is_printed_on_a_board_goes_into_it() -> None:
    assert not re.search(r"serial|/sys/class/net|address|cpuinfo|device-tree", SCRIPT.read_text())
