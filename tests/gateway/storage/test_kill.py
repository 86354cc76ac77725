"""kill -9 at any moment: what was acknowledged is there, and the files are whole."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.storage.storage import CONTROL_FILE, HISTORY_FILE

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).parents[3]


@dataclass
class Drilled:
    """What a drill found."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    corrupt: int = 0
    news: tuple[str, ...] = ()


def drill(kills: int, directory: Path | None = None, seed: int = 1) -> Drilled:
    """Kill a writing store so many times, each time after a random number of acknowledgements.

    Args:
        kills: how many.
        directory: where the files lie; a temporary one without it.
        seed: of the moments.
    """
    if directory is None:
        with tempfile.TemporaryDirectory() as made:
            return drill(kills, Path(made), seed)
    moments = random.Random(seed)
    found = Drilled()
    last = 0
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for _ in range(kills):
            parent.stdin.write("go\n")
            parent.stdin.flush()
            left = moments.choice((0, 1, moments.randrange(2, 40), moments.randrange(40, 120)))
            pid, killed = 0, False
            for line in parent.stdout:
                word, _, rest = line.strip().partition(" ")
                if word == "pid":
                    pid = int(rest)
                elif word == "had":
                    highest, _, missing = rest.partition(" missing ")
                    found.lost += (int(highest) < last) + (missing != "[]")
                elif word == "ack":
                    last = int(rest)
                    found.acknowledged += 1
                    left -= 1
                elif word == "news":
                    found.news += (rest,)
                elif word == "gone":
                    break
                if pid and not killed and left <= 0 and (word == "ack" or moments.random() < 0.5):
                    os.kill(pid, signal.SIGKILL)
                    killed = True
            found.kills += killed
            found.corrupt += not _sound(directory)
        parent.stdin.close()
    return found


def _sound(directory: Path) -> bool:
    """Whether both files, opened as SQLite opens them after a crash, contradict themselves nowhere."""
    for name in (CONTROL_FILE, HISTORY_FILE):
        if (directory / name).exists():
            with closing(sqlite3.connect(directory / name)) as connection:
                if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    return False
    return not list(directory.glob("*.bad-*"))


def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = drill(30, tmp_path)
    assert found.kills == 30
    assert found.acknowledged > 100
    assert (found.lost, found.corrupt, found.news) == (0, 0, ())
