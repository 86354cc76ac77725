"""What tests with real processes share; each conftest.py takes what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cable import Cable
from tests.e2e.programs import Program
from tests.e2e.site import Site

Start = Callable[..., Program]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A fresh place for a gateway; what runs there at the end is stopped and must end cleanly."""
    made = Site(tmp_path / "site")
    try:
        yield made
        made.close()
    finally:
        for gateway in made.gateways:
            gateway.hang_up()
            gateway.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts programs; what still runs at the end is ended."""
    prints = tmp_path / "programs"
    prints.mkdir()
    started: list[Program] = []

    def begin(*command: str | Path, cwd: Path | None = None, own_group: bool = False) -> Program:
        program = Program(command, prints, cwd=cwd, own_group=own_group)
        started.append(program)
        return program

    yield begin
    for program in started:
        program.kill()


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    """Two serial ports with a wire between them."""
    made = Cable(tmp_path / "dev")
    yield made
    made.close()
