"""What cannot be read or written is named, with what to do about it, and never ends in a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.access.keys import load_root_key
from gateway.cli.cures import unusable
from gateway.cli.main import main

NOBODY = 65534
Said = pytest.CaptureFixture[str]
CONFIG = '[gateway]\nname = "plant"\n'


def test_the_file_that_an_error_names_counts_before_the_one_that_was_asked_for() -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert unusable(Path("/a/b"), error) == ("/a/b: No space left on device. Free some space, or name another place")
    error.filename = "/a/b.toml"
    assert unusable(Path("/a/b"), error).startswith("/a/b.toml: ")
    assert unusable(Path("/a/b"), OSError(errno.EXDEV, "odd")) == "/a/b: odd"


def limited(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """A command where no file may hold a byte, as on a full disk."""
    command = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", sys.executable, "-m", "gateway", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def test_a_disk_that_takes_nothing_is_named_and_nothing_is_left_there(tmp_path: Path) -> None:
    state, config = tmp_path / "state", tmp_path / "ferrule.toml"
    load_root_key(state)
    config.write_text(CONFIG)
    before = sorted(tmp_path.rglob("*"))
    here: list[str | Path] = ["--state", state, "--config", config]
    tries: list[tuple[list[str | Path], Path]] = [
        (["backup", tmp_path / "b.backup", *here], tmp_path / "b.backup"),
        (["report", tmp_path / "r.zip", *here], tmp_path / "r.zip"),
        (["config", "set", config, "gateway.name", "mill"], config),
        (["plugin", "keygen", tmp_path / "publisher.key"], tmp_path / "publisher.key"),
    ]
    for words, file in tries:
        done = limited(*words)
        assert (done.returncode in {1, 2}, done.stdout) == (True, ""), done
        assert f"{file}: File too large. Name another place" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
    assert config.read_text() == CONFIG


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backup", "{}/absent/b", "--state", "{}"], "/absent/b: No such file or directory. Is the path right?"),
        (["restore", "{}/absent", "--state", "{}"], "/absent: No such file or directory. Is the path right?"),
        (["restore", "{}/text", "--state", "{}"], "/text is damaged or no backup (it is no gzip file)"),
        (["status", "--state", "{}", "--url", "https://127.0.0.1:1", "--ca", "{}/text"], "/text is no certificate"),
        (["scan", "/dev/null", "--write", "{}/absent/x"], "/absent/x cannot be written: "),
        (["scan", "/dev/null", "--write", "{}/x", "--name", "a b"], '--name: "a b" has characters outside'),
    ],
)
def test_a_wrong_place_is_told_before_anything_is_done(
    tmp_path: Path, capsys: Said, words: list[str], said: str
) -> None:
    (tmp_path / "text").write_text("neither this nor that")
    load_root_key(tmp_path)
    assert main([word.format(tmp_path) for word in words]) in {1, 2}
    assert said in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["monitor", "boiler", "--unit", "999"],
        ["scan", "/dev/ttyUSB0", "--baudrate", "0"],
        ["monitor", "--port", "/dev/ttyUSB0", "--baudrate", "many"],
    ],
)
def test_numbers_that_cannot_be_are_refused(words: list[str], capsys: Said) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert f'"{words[-1]}" is not a' in capsys.readouterr().err


def test_a_port_that_cannot_be_had_leaves_no_capture_and_no_advice_on_wires(tmp_path: Path, capsys: Said) -> None:
    capture = tmp_path / "x.pcapng"
    assert main(["monitor", "--port", "/dev/null", "--seconds", "1", "--save", str(capture)]) == 1
    said = capsys.readouterr().err
    assert "is not a serial port" in said
    assert "common wire" not in said
    assert not capture.exists()


Ferrule = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def stranger(tmp_path: Path) -> Ferrule:
    """Commands of somebody who may not look into the state directory of another user."""
    drop = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if os.geteuid() != 0 or subprocess.run([*drop, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can give a directory away, and setpriv what root may do: it was not tried")
    state = tmp_path / "state"
    load_root_key(state)
    (state / "server.pem").write_text("secret")
    state.chmod(0o700)
    os.chown(state, NOBODY, NOBODY)
    (tmp_path / "ferrule.toml").write_text(CONFIG)

    def ferrule(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*drop, sys.executable, "-m", "gateway", *map(str, words), "--state", str(state)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return ferrule


@pytest.mark.parametrize(
    "words",
    [["doctor", "--config", "{}/ferrule.toml"], ["backup", "{}/x.backup"], ["audit", "list"], ["status"]],
    ids=lambda words: words[0],
)
def test_who_may_not_look_is_told_so(stranger: Ferrule, tmp_path: Path, words: list[str]) -> None:
    done = stranger(*[word.format(tmp_path) for word in words])
    assert "Traceback" not in done.stderr, done.stderr
    assert "ermission denied" in done.stderr or "may not" in done.stdout, done
    assert not (tmp_path / "x.backup").exists()
