"""Kills a writing store over and over: the loop of the crash drills.

A child is a program that, on each line of standard input, forks a store that never stops writing. It says ``pid N``,
then whatever it has to say, ``ack`` with what is on the disk among it, and ``gone`` when the store is dead.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Patience:
    """When a kill comes.

    Attributes:
        moments: the seeded chance.
        short, long: it comes before any acknowledgement, after the first, or after up to so many.
        early: how likely at any other word, once there were as many acknowledgements.
    """

    moments: random.Random
    short: int
    long: int
    early: float

    def acknowledgements(self) -> int:
        """How many to wait for this time."""
        spans = (0, 1, self.moments.randrange(2, self.short), self.moments.randrange(self.short, self.long))
        return self.moments.choice(spans)

    def over(self, word: str) -> bool:
        """Whether to kill at a word, once there were enough acknowledgements."""
        return word == "ack" or self.moments.random() < self.early


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a child, and what followed it."""

    word: str
    rest: str


@dataclass(frozen=True, slots=True)
class Dead:
    """The store of this life is dead.

    Attributes:
        life: counts from 0.
        killed: by us.
    """

    life: int
    killed: bool


def lives(child: Path, directory: Path, kills: int, patience: Patience) -> Iterator[Said | Dead]:
    """Start a store so many times, and kill it each time.

    Args:
        child: the program.
        directory: where its files lie.
        kills: how many lives.
        patience: when a kill comes.

    Yields:
        All that was said, in order, and the end of each life; the files are nobody's then.
    """
    with subprocess.Popen(
        [sys.executable, str(child), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        for life in range(kills):
            parent.stdin.write("go\n")
            parent.stdin.flush()
            left = patience.acknowledgements()
            pid, killed = 0, False
            for line in parent.stdout:
                word, _, rest = line.strip().partition(" ")
                if word == "gone":
                    break
                if word == "pid":
                    pid = int(rest)
                else:
                    yield Said(word, rest)
                left -= word == "ack"
                if pid and not killed and left <= 0 and patience.over(word):
                    os.kill(pid, signal.SIGKILL)
                    killed = True
            yield Dead(life, killed)
        parent.stdin.close()


def sound(directory: Path, *files: str) -> bool:
    """Whether files, opened as SQLite does it after a crash, contradict themselves nowhere, and none was set aside."""
    for file in files:
        if (directory / file).exists():
            with closing(sqlite3.connect(directory / file)) as connection:
                if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                    return False
    return not list(directory.glob("*.bad-*"))
