"""kill -9 at any moment: what was acknowledged is there, and the files are whole."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gateway.storage.storage import CONTROL_FILE, HISTORY_FILE
from tests.gateway.storage.killing import Dead, Patience, Said, lives, sound

CHILD = Path(__file__).with_name("child.py")


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
    found, last = Drilled(), 0
    for told in lives(CHILD, directory, kills, Patience(random.Random(seed), short=40, long=120, early=0.5)):
        match told:
            case Said("had", rest):
                highest, _, missing = rest.partition(" missing ")
                found.lost += (int(highest) < last) + (missing != "[]")
            case Said("ack", rest):
                last = int(rest)
                found.acknowledged += 1
            case Said("news", rest):
                found.news += (rest,)
            case Dead(_, killed):
                found.kills += killed
                found.corrupt += not sound(directory, CONTROL_FILE, HISTORY_FILE)
    return found


def test_thirty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    found = drill(30, tmp_path)
    assert found.kills == 30
    assert found.acknowledged > 100
    assert (found.lost, found.corrupt, found.news) == (0, 0, ())
