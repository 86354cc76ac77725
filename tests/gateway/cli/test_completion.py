"""Completion as the shells have it: each is started on a terminal, and the tabulator is pressed."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.cli.completion import whole_parser
from gateway.cli.main import COMMANDS, main

PATIENCE_S = 30.0
# What the shell does first, and a key that writes down what stands in the command line.
START = {
    "bash": (
        ("bash", "--norc", "--noprofile", "-i"),
        "source {script}; bind -x '\"\\C-x\": printf %s \"$READLINE_LINE\" > {shown}'; bind 'set bell-style none'",
    ),
    "zsh": (
        ("zsh", "-f", "-i"),
        (
            "fpath=({directory} $fpath); autoload -U compinit; compinit -u -D; bindkey '^I' complete-word; "
            'show() {{ printf %s "$BUFFER" > {shown} }}; zle -N show; bindkey "^X" show'
        ),
    ),
}
SCRIPT = {"bash": "ferrule.bash", "zsh": "_ferrule"}


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, shell: str, directory: Path) -> None:
        words, start = START[shell]
        self._shown = directory / "shown"
        self._master, slave = pty.openpty()
        environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "TERM": "dumb", "PS1": "> "}
        self._process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, cwd=directory, env=environment, start_new_session=True
        )
        os.close(slave)
        self._said = ""
        begin = start.format(script=directory / SCRIPT[shell], directory=directory, shown=self._shown)
        # What is typed is echoed: only what the shell itself prints has the two halves together.
        self._type(f"{begin}; echo rea''dy\n")
        self._until(lambda: "ready" in self._said)

    def completed(self, line: str) -> str:
        """What becomes of a line when the tabulator is pressed behind it."""
        self._shown.unlink(missing_ok=True)
        self._type(f"{line}\t\x18")
        self._until(lambda: self._shown.exists() and bool(self._shown.read_text()))
        text = self._shown.read_text()
        self._type("\x15")
        return text

    def _type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def _until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end, self._said
            if select.select([self._master], [], [], 0.05)[0]:
                self._said += os.read(self._master, 4096).decode(errors="replace")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_completes_commands_options_choices_and_files(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed, so its completion was not tried: apt-get install {shell}")
    assert main(["completion", shell]) == 0
    (tmp_path / SCRIPT[shell]).write_text(capsys.readouterr().out)
    (tmp_path / "plant.backup").touch()
    (tmp_path / "states").mkdir()

    terminal = Terminal(shell, tmp_path)
    try:
        assert terminal.completed("ferrule hist") == "ferrule history "
        assert terminal.completed("ferrule history --si") == "ferrule history --since "
        assert terminal.completed("ferrule config expl") == "ferrule config explain "
        assert terminal.completed("ferrule scan --parity ev") == "ferrule scan --parity even "
        assert terminal.completed("ferrule restore pla") == "ferrule restore plant.backup "
        assert terminal.completed("ferrule restore --state st").rstrip("/ ") == "ferrule restore --state states"
    finally:
        terminal.close()


def test_zsh_is_told_what_each_command_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("#compdef ferrule")
    assert all(f"{name}:" in shown for name in COMMANDS)


def test_one_parser_knows_every_command() -> None:
    assert whole_parser().parse_args(["history", "a/b/c", "--since", "1d"]).since == "1d"
