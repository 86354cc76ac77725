"""Listening from the command line: how it ends, and with which code."""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.modbus.crc import crc16
from gateway.cli.main import CommandError, main
from gateway.cli.monitor import View
from gateway.cli.screen import Screen

_BODY = bytes.fromhex("05 83 02")
REFUSAL = _BODY + crc16(_BODY).to_bytes(2, "little")


@pytest.fixture
def talking() -> Iterator[str]:
    """A port on which somebody never stops talking."""
    master, slave = os.openpty()
    tty.setraw(slave)
    over = threading.Event()

    def talk() -> None:
        while not over.wait(0.05):
            with suppress(OSError):
                os.write(master, REFUSAL)

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        over.set()
        thread.join()
        os.close(master)
        os.close(slave)


def test_a_reader_that_has_seen_enough_ends_it_in_peace(talking: str) -> None:
    words = [sys.executable, "-m", "gateway", "monitor", "--port", talking, "--seconds", "30"]

    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "unit 5" in process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    # Not even the summary, so it did not go on until its time was over.
    assert (process.returncode, errors) == (0, "")


def test_no_gateway_is_code_6_and_leaves_no_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bus.pcapng"

    assert main(["monitor", "boiler", "--state", str(tmp_path), "--save", str(file)]) == 6

    told = capsys.readouterr()
    assert "no gateway runs on" in told.err
    assert "requests" not in told.err
    assert not file.exists()


def test_a_line_on_which_nobody_talks_is_told_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    master, slave = os.openpty()
    try:
        assert main(["monitor", "--port", os.ttyname(slave), "--seconds", "0.1"]) == 0
    finally:
        os.close(master)
        os.close(slave)
    assert "nothing was heard: does anybody talk on this line" in capsys.readouterr().err


def test_a_port_that_is_not_there_is_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["monitor", "--port", str(tmp_path / "tty")]) == 1
    assert "is not there" in capsys.readouterr().err


def test_a_capture_that_finds_no_room_is_named() -> None:
    arguments = argparse.Namespace(unit=[], errors=False, json=False, line="boiler", port=None)
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(CommandError, match=r"^/dev/full: No space left on device. Free some space, or name"),
    ):
        View(arguments, Screen(io.StringIO()), full).begin()
