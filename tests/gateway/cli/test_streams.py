"""Standard input, output and error in the state a caller leaves them in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.access.keys import load_root_key

DEGREES = """
[[line]]
name = "boiler"
transport = "tcp"
host = "127.0.0.1"
[[line.device]]
name = "probe"
unit = 1
tag = [{ name = "room", table = "holding", address = 0, type = "int16", units = "°C" }]
"""
PLAIN = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def ferrule(
    *words: str | Path, redirect: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a command as a shell does; ``redirect``: redirections."""
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", "gateway", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False, env=env, stdin=subprocess.DEVNULL)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "ferrule.toml"
    path.write_text(DEGREES, encoding="utf-8")
    return path


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_is_said_in_one_line(tmp_path: Path, unbuffered: str) -> None:
    load_root_key(tmp_path)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}

    done = ferrule("token", "--state", tmp_path, "--scope", "devices:read", redirect=">/dev/full", env=env)

    assert done.returncode == 1
    assert done.stderr == b"ferrule: what this prints cannot be written: No space left on device\n"


@pytest.mark.parametrize("redirect", [">&-", "<&-", "2>&-", ">&- 2>&- <&-"])
def test_what_the_caller_has_closed_ends_no_command(tmp_path: Path, redirect: str) -> None:
    load_root_key(tmp_path)
    before = (tmp_path / "root.key").read_bytes()

    done = ferrule("keys", "show", "--state", tmp_path, redirect=redirect)

    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "root.key").read_bytes() == before


def test_a_terminal_that_knows_few_letters_gets_what_it_knows(config: Path) -> None:
    done = ferrule("config", "show", config, env=PLAIN)

    assert done.returncode == 0
    assert b'units = "?C"' in done.stdout
    assert b"Traceback" not in done.stderr


def test_json_loses_no_letter_for_it(config: Path) -> None:
    broken = config.with_name("grün.toml")
    broken.write_text("[[line]]\n", encoding="utf-8")

    done = ferrule("check", "--json", broken, env=PLAIN)

    assert done.returncode == 2
    # The letters of the name are bytes where the locale has none of them.
    assert os.fsencode(json.loads(done.stdout)["file"]) == os.fsencode(broken)


def test_a_name_that_is_no_text_can_be_printed(tmp_path: Path) -> None:
    done = ferrule("check", os.fsdecode(os.fsencode(tmp_path) + b"/\xff.toml"), env={**os.environ, "LC_ALL": "C.UTF-8"})

    assert done.returncode == 2
    assert b"cannot read the file" in done.stdout
    assert b"Traceback" not in done.stderr


def test_who_does_not_read_changes_no_verdict(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[[line]]\n", encoding="utf-8")
    read, write = os.pipe()
    os.close(read)
    try:
        # As ``ferrule check FILE | true``.
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "check", bad],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    finally:
        os.close(write)

    assert (done.returncode, done.stderr) == (2, b"")


def test_a_gateway_serves_also_where_nobody_can_be_told() -> None:
    program = (
        "import sys\nfrom gateway.cli.run import say_ready\nsay_ready(['https://127.0.0.1:3500'])\n"
        "print('serving', file=sys.stderr)"
    )
    with Path("/dev/full").open("wb") as no_room:
        done = subprocess.run([sys.executable, "-c", program], stdout=no_room, stderr=subprocess.PIPE, check=False)

    assert b"serving\n" in done.stderr
    assert b"say_ready" not in done.stderr


def test_nobody_waits_for_who_is_told_and_does_not_read() -> None:
    """An output without room, as behind a program that has stopped."""
    program = "import sys\nfrom gateway.cli.streams import tell\ntell('one', 'two')\nprint('serving', file=sys.stderr)"
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while os.write(write, bytes(65_536)):
            pass
    os.set_blocking(write, True)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, check=False, timeout=30
        )
    finally:
        os.close(read)
        os.close(write)

    assert (done.returncode, done.stderr) == (0, b"serving\n")
