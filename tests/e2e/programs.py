"""Starts real programs, keeps what they print, and waits for what they do; nothing sleeps for a fixed time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
FERRULE = str(Path(sys.executable).with_name("ferrule"))
# Generous: two cores may be shared with much else. Nothing waits for it that does not fail.
PATIENCE_S = 20.0
LOOK_EVERY_S = 0.01


def until(condition: Callable[[], T | None], what: str, *, seconds: float = PATIENCE_S) -> T:
    """The first answer of a condition that is true, asked again and again until then."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {seconds:g} s in vain until {what}"
        time.sleep(LOOK_EVERY_S)


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def needed(program: str) -> str:
    """The path of a program that is not ours. Where it is missing the test is skipped, in CI it fails."""
    found = shutil.which(program)
    if found is None:
        missing(f"{program} is not installed")
    return found or program


def missing(reason: str) -> None:
    """Something this machine lacks: a reason to skip, except in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must have it")
    pytest.skip(reason)


class Program:
    """A running program.

    Args:
        command: what to start.
        prints: directory for what it prints.
        cwd: where it runs.
        env: added to the environment.
        own_group: make it the leader of a process group, as a shell does.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        prints: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        own_group: bool = False,
    ) -> None:
        number = len(list(prints.glob("*.out")))
        self._out = prints / f"{number}.out"
        self._err = prints / f"{number}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0 if own_group else None,
            )
        self.own_group = own_group

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """What it has logged."""
        return self._err.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def line(self, start: str, *, seconds: float = PATIENCE_S) -> str:
        """The first whole line on standard output that starts so; waits for it."""

        def look() -> str | None:
            over = self.ended
            found = [line for line in self.stdout.splitlines(keepends=True) if line.startswith(start)]
            if found and found[0].endswith("\n"):
                return found[0].rstrip("\n")
            assert not over, f"ended with {self.process.returncode} before '{start}'\n{self.stdout}\n{self.stderr}"
            return None

        return until(look, f"'{start}' is printed", seconds=seconds)

    def logged(self, text: str, *, times: int = 1, seconds: float = PATIENCE_S) -> str:
        """Wait until the log says something, so often."""
        until(lambda: self.stderr.count(text) >= times, f"'{text}' is logged {times} x", seconds=seconds)
        return self.stderr

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to the whole group where it leads one."""
        if self.own_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def wait(self, *, seconds: float = PATIENCE_S) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end and return its exit code; it must not have fallen over anything."""
        if not self.ended:
            self.send(number)
        code = self.wait()
        assert "Traceback" not in self.stderr, self.stderr
        return code

    def kill(self) -> None:
        """End it at once, as a power cut would; with all of its group where it leads one."""
        with suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        self.process.wait(PATIENCE_S)


def ferrule(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ``ferrule`` to its end, with what is given added to its environment."""
    return subprocess.run(
        [FERRULE, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S * 2,
        check=False,
        stdin=subprocess.DEVNULL,
    )
