"""The plug is pulled, again and again, of a board that starts, writes, is updated and is reset; `make image-test`.

The card forgets what no flush has followed (:mod:`.plug`). After each cut it is looked at from outside; it always
starts again, as the same board, and knows whatever it acknowledged. ``$FERRULE_CUTS`` says how many, ``$FERRULE_SEED``
what chance decides (which moments are cut is a matter of the machine as well).
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from image.disk import BOOT_A, BOOT_B, MIB

from .board import Board, Card, powered
from .flashed import Life, call, flashed, info, say, told, wait_for
from .promises import Caller, Promises
from .whole import DRILL, Expected, check

CUTS = int(os.environ.get("FERRULE_CUTS", "20"))
SEED = int(os.environ.get("FERRULE_SEED", str(random.SystemRandom().randrange(1_000_000))))
# Of the cuts so many while the board starts for the first time, and so many in a row before one that is worked with;
# and so many updates are cut while they are written.
FIRST, IN_A_ROW, UPDATES = 4, 6, 3
# When a start is cut, how long a board is worked with, and when an update is cut, in seconds.
_STARTING, _WORKING, _UPDATING = (1.0, 75.0), (3.0, 25.0), (1.0, 40.0)
_GROWN_BY = 256
# The board's own program for files of the first partition, in a hurry: a version after the other.
_WRITING = f"""
from pathlib import Path
from gateway.appliance.card import Card, CardError
card = Card(Path("/boot/ferrule"))
version = FIRST
while True:
    try:
        card.put({{"{DRILL}": (f"{{version:08d}}\\n" * (1 + version * 7919 % 5000)).encode()}})
    except CardError:
        # The gateway tells something on the card at the same time.
        continue
    print(version, flush=True)
    version += 1
"""


@dataclass
class Cuts:
    """A board, what is known of it, and what was done to it."""

    life: Life
    expected: Expected
    chance: random.Random
    promises: Promises | None = None
    told: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @contextmanager
    def power(self, *, resets: bool = False) -> Iterator[Board]:
        """The board, without waiting for anything; the end of the block is a cut, after which the card is looked at.

        Args:
            resets: the partition that is the board's own is being overwritten, and is not looked at.
        """
        with powered(self.life.card, self.life.port, self.life.ssh, self.chance) as board:
            yield board
        assert board.plug is not None
        self.count += 1
        say(f"cut {self.count}: {board.plug.lost}")
        check(self.life.card, self.expected, data=not resets)
        # Who was told a name and a fingerprint meets them again.
        known = {name: word for name, word in info(self.life.card).items() if name in {"host", "fingerprint"} and word}
        for name, word in known.items():
            assert self.told.setdefault(name, word) == word

    def early(self, until: str | None = None, within: tuple[float, float] = _STARTING, *, resets: bool = False) -> None:
        """Cut a start short: so many seconds after it began, or after it said something."""
        with self.power(resets=resets) as board:
            if until is not None:
                board.until(until)
            time.sleep(self.chance.uniform(*within))


@pytest.fixture(scope="module")
def cuts(fresh: Card, device: int) -> Iterator[Cuts]:
    say(f"{CUTS} cuts, FERRULE_SEED={SEED}")
    life = flashed(fresh, "cuts.img", device)
    files = {name: life.card.read(name) or "" for name in ("ferrule.toml", "network.toml")}
    life.card.grow(_GROWN_BY)
    yield Cuts(life, Expected(files), random.Random(SEED))
    life.card.path.unlink()


def test_a_first_start_that_is_cut_is_made_up_for(cuts: Cuts) -> None:
    # Once just when the partition that is the board's own becomes larger.
    cuts.early("the data partition grows", (0.0, 3.0))
    for _ in range(FIRST - 1):
        cuts.early()
    with cuts.power() as board:
        board.answers()
        said = told(cuts.life, code=True)
        cuts.told |= {"host": said["host"], "fingerprint": said["fingerprint"]}
        # It is as large as the room there is.
        blocks, size = cuts.life.run("stat", "-f", "-c", "'%b %S'", "/data").split()
        assert int(blocks) * int(size) > _GROWN_BY * MIB
        body = f'{{"data": {{"code": "{said["code"]}", "name": "ines", "password": "correct horse battery"}}}}'
        status, answer = call(cuts.life, "/v1/auth/first-admin", "--json", body)
        assert status == 201, answer
        token = operator(cuts.life)
        cuts.told["machine"] = cuts.life.run("cat", "/etc/machine-id").strip()
        cuts.promises = Promises(cuts.life.port, said["host"], said["authority"], token)
        work(cuts, board)


def test_what_was_acknowledged_outlives_every_cut(cuts: Cuts) -> None:
    assert cuts.promises is not None
    # The last start is for a last look, and ends as the others do.
    while cuts.count < CUTS - 1:
        for _ in range(IN_A_ROW):
            cuts.early()
        with cuts.power() as board:
            board.answers()
            same(cuts)
            work(cuts, board)
    with cuts.power() as board:
        board.answers()
        same(cuts)
    kept = cuts.promises
    say(f"{cuts.count} cuts: {len(kept.events)} events, {len(kept.clients)} clients, {cuts.expected.drill} files kept")
    # A drill in which nothing was promised proves nothing.
    assert kept.events
    assert kept.clients
    assert cuts.expected.drill > 1


def operator(life: Life) -> str:
    """A token of this start."""
    return life.run("ferrule", "token", "--scope", "'*'", "--ttl", "86400").strip()


def same(cuts: Cuts) -> None:
    """It is the board it was, and knows what it promised."""
    assert cuts.promises is not None
    # The board has no clock: a token of the start before may be of a time that has not come yet.
    cuts.promises.token = operator(cuts.life)
    assert cuts.promises.broken() == []
    with cuts.promises.client() as client:
        people = cuts.promises.ask(client, "GET", "/v1/users").json()["data"]
    assert [person["name"] for person in people] == ["ines"]
    assert cuts.life.run("cat", "/etc/machine-id").strip() == cuts.told["machine"]
    assert not told(cuts.life)["code"]


def work(cuts: Cuts, board: Board) -> None:
    """Have things acknowledged and the first partition written, until the plug is pulled in the middle of it."""
    assert cuts.promises is not None
    life, first = cuts.life, cuts.expected.drill + 1
    words = life.words("/usr/lib/ferrule/bin/python3", "-u", "-c", f"'{_WRITING.replace('FIRST', str(first))}'")
    writing = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    callers = [Caller(cuts.promises) for _ in range(2)]
    assert writing.stdout is not None
    # The board says a version when it is there: not before that is it cut.
    assert int(writing.stdout.readline()) == first
    time.sleep(cuts.chance.uniform(*_WORKING))
    board.cut()
    said, _ = writing.communicate()
    cuts.expected.drill = max([first, *(int(line) for line in said.splitlines())])
    for caller in callers:
        caller.end()


def test_an_update_that_is_cut_leaves_the_board_it_was(cuts: Cuts, fresh: Card) -> None:
    life = cuts.life
    # The system that runs, once more: as old as itself, and so no step back.
    made = Path(os.environ.get("FERRULE_IMAGE", fresh.path)).with_suffix(".raucb")
    with cuts.power() as board:
        board.answers()
        life.put(made.read_bytes(), "/data/own.raucb")
        life.run("sync")
    for _ in range(UPDATES):
        with cuts.power() as board:
            assert board.partition == BOOT_A.number
            board.answers()
            same(cuts)
            # In the middle of whatever it is at: looking at it, saving, writing the other slot, reading it back.
            updating = subprocess.Popen(life.words("ferrule", "update", "--later", "/data/own.raucb"))
            with suppress(subprocess.TimeoutExpired):
                updating.wait(cuts.chance.uniform(*_UPDATING))
            board.cut()
            updating.wait()
        if "on trial" in (life.card.read("autoboot.txt") or ""):
            # All of it was written before.
            cut_the_trial(cuts)
    with cuts.power() as board:
        assert board.partition == BOOT_A.number
        board.answers()
        same(cuts)
        life.run("ferrule", "update", "--later", "/data/own.raucb")
    assert "# on trial, back to 2" in (life.card.read("autoboot.txt") or "")
    cut_the_trial(cuts)
    with cuts.power() as board:
        assert board.partition == BOOT_A.number
        board.answers()
        same(cuts)
        wait_for(lambda: '"fell_back"' in life.run("ferrule", "update", "--status", "--json"))


def cut_the_trial(cuts: Cuts) -> None:
    """Start what waits for its trial, and cut that when its first program has given the way back: then it is over."""
    with cuts.power() as board:
        assert board.partition == BOOT_B.number
        # That file is written in its place, and through: it may be looked at from outside.
        wait_for(lambda: "on trial" not in (cuts.life.card.read("autoboot.txt") or "on trial"))
        time.sleep(cuts.chance.uniform(0.0, 5.0))


def test_a_factory_reset_that_is_cut_is_done_again(cuts: Cuts) -> None:
    card, before = cuts.life.card, dict(cuts.told)
    card.write("factory-reset", "")
    for _ in range(2):
        cuts.early("everything of this board's own is overwritten", (0.0, 5.0), resets=True)
        assert "factory-reset" in card.names()
    cuts.told.clear()
    cuts.expected.drill = 0
    with cuts.power() as board:
        board.until("the board is as it was when it was flashed")
        board.answers()
        said = told(cuts.life, code=True)
    assert "factory-reset" not in card.names()
    assert not {said["host"], said["fingerprint"]} & set(before.values())
