"""Whoever follows docs/field-guide.md to the letter finds the three faults, with the files it names."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.e2e.fixtures import Start
from tests.e2e.programs import FERRULE, ROOT, ferrule, free_port, until

GUIDE = (ROOT / "docs" / "field-guide.md").read_text()
PLANT = ROOT / "config" / "examples" / "plant.toml"
DESK = "/tmp/field"
BLOCKS = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)]
COMMANDS = [row for block in BLOCKS for row in block]


class Desk:
    """A desk with the guide's devices and its gateway."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def follow(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the guide, word for word but for the places of this desk."""
        assert command in COMMANDS, "it is one of the guide's"
        _, *words = shlex.split(command.replace(DESK, str(self.directory)))
        return ferrule(*words, FERRULE_STATE=str(self.directory / "state"))


@pytest.fixture
def desk(tmp_path: Path, start: Start) -> Desk:
    start(FERRULE, "simulate", ROOT / "config" / "field-guide-devices.toml", "--directory", tmp_path)
    until(lambda: all((tmp_path / f"tty-{name}").exists() for name in ("meter", "swapped", "twins")), "ports are there")
    plant = tmp_path / "plant.toml"
    plant.write_text(PLANT.read_text().replace(DESK, str(tmp_path)).replace("port = 3500", f"port = {free_port()}"))
    start(FERRULE, "run", "--config", plant, "--state", tmp_path / "state")
    made = Desk(tmp_path)
    until(lambda: "online" in made.follow("ferrule status").stdout, "the gateway polls")
    return made


def test_the_guide_names_the_files_that_are_shipped() -> None:
    assert f"cp {PLANT.relative_to(ROOT)} {DESK}/plant.toml" in COMMANDS
    assert f"ferrule run --config {DESK}/plant.toml --state {DESK}/state" in COMMANDS
    assert f"export FERRULE_STATE={DESK}/state" in COMMANDS
    assert f"ferrule simulate config/field-guide-devices.toml --directory {DESK}" in COMMANDS
    done = ferrule("check", "--quiet", PLANT)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_wrong_word_order_is_found_and_put_right(desk: Desk) -> None:
    def volts() -> float:
        shown = ferrule("read", "bus/meter/voltage", "--state", desk.directory / "state").stdout
        return float(shown.splitlines()[1].split()[1])

    assert not 200 < volts() < 260

    told = desk.follow("ferrule decode --line bus --unit 3 --modicon 30001 --count 8 --repeat 5")
    assert 'word order: clearly word_order = "little"' in told.stdout

    assert desk.follow("ferrule config set /tmp/field/plant.toml bus/meter/voltage:word_order little").returncode == 0
    assert desk.follow("ferrule reload").returncode == 0
    until(lambda: 200 < volts() < 260, "the voltage is one")


def test_swapped_wires_and_a_number_that_two_have_are_found(desk: Desk) -> None:
    swapped = desk.follow("ferrule scan /tmp/field/tty-swapped --baudrate 19200 --parity none --units 1-16")
    assert (swapped.returncode, "A and B may be swapped" in swapped.stdout) == (1, True), swapped.stderr

    twins = desk.follow("ferrule scan /tmp/field/tty-twins --baudrate 19200 --parity none --units 1-16")
    assert (twins.returncode, "two devices have number 5" in twins.stdout) == (8, True), twins.stderr

    def overheard() -> bool:
        return "a second device with this number" in desk.follow("ferrule monitor pumps --errors --seconds 5").stdout

    until(overheard, "its second answer is overheard")
