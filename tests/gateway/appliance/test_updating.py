"""An update is written beside what runs, tried once, and kept or left; whatever goes wrong, the board goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.appliance.bundles import Bundle, Part, UpdateError
from gateway.appliance.card import Card, CardError
from gateway.appliance.choice import started_always, started_once
from gateway.appliance.trial import Seen
from gateway.appliance.update_state import Slot, System, UpdateState, read_state, write_state
from gateway.appliance.updating import Running, Updating

OLD = System(version="0.1.0", built=100, build="0" * 16)
NEW = System(version="0.2.0", built=200, build="1" * 16)
BUNDLE = Bundle(NEW, {"root": Part(1, "aa"), "boot": Part(1, "bb")})
FIRST = b"[all]\nboot_partition=2\n# was tried, now on 2\n"


@dataclass
class Board:
    """A board made of what is done to it.

    Attributes:
        fails: at this step it does not go on.
        how: with what; None: with words.
        answering: lines with devices that answer; None: the gateway does not.
        newer: the state was written by a version that the one that runs cannot follow.
    """

    place: Path
    fails: str = ""
    how: BaseException | None = None
    answering: frozenset[str] | None = frozenset({"hall"})
    newer: bool = False
    done: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    now: float = 0.0

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what == self.fails:
            raise self.how or UpdateError(f"{what} failed")

    def inspect(self, file: Path) -> Bundle:
        self._do("inspect")
        return BUNDLE

    def install(self, file: Path) -> None:
        # Whatever happens while it is written, no start may take what is written.
        assert self.autoboot in {started_always("a"), started_always("b")}
        self._do("install")

    def compare(self, slot: Slot, bundle: Bundle) -> None:
        self._do("compare")

    def save(self) -> Path:
        self._do("save")
        return self.place / "before.backup"

    def must_go_back(self) -> bool:
        return self.newer

    def bring_back(self, backup: Path) -> None:
        self._do(f"bring back {backup.name}")

    def look(self, at: float) -> Seen:
        return Seen(at, 0, self.answering, "connection refused")

    def restart(self) -> None:
        self.done.append("restart")

    def pause(self) -> None:
        self.now += 5.0

    def updating(self, slot: Slot = "a", system: System = OLD, *, on_trial: bool = False) -> Updating:
        card = Card(self.place, lambda _place, _mode: None)
        running = Running(slot, system, on_trial)
        return Updating(running, self, card, self.place / "state.json", lambda: 1234.0, self.said.append)

    @property
    def autoboot(self) -> bytes:
        return (self.place / "autoboot.txt").read_bytes()

    @property
    def state(self) -> UpdateState:
        return read_state(self.place / "state.json")


@pytest.fixture
def board(tmp_path: Path) -> Board:
    (tmp_path / "autoboot.txt").write_bytes(FIRST)
    return Board(tmp_path)


def test_the_next_start_tries_the_other_slot_once(board: Board) -> None:
    board.updating().install(Path("x.raucb"), asked_by="ines")
    assert board.done == ["inspect", "save", "install", "compare"]
    assert board.autoboot == b"[all]\nboot_partition=3\n# on trial, back to 2\n"
    state = board.state
    assert (state.phase, state.before, state.target, state.asked_by) == ("restarting", OLD, NEW, "ines")
    assert state.lines == ("hall",)
    assert state.backup == str(board.place / "before.backup")


def test_from_the_second_slot_it_is_the_first_one(board: Board) -> None:
    board.updating("b").install(Path("x.raucb"))
    assert board.autoboot == b"[all]\nboot_partition=2\n# on trial, back to 3\n"


@pytest.mark.parametrize("step", ["inspect", "save", "install", "compare"])
def test_whatever_fails_the_board_goes_on_as_it_is_and_says_why(board: Board, step: str) -> None:
    board.fails = step
    with pytest.raises(UpdateError):
        board.updating().install(Path("x.raucb"), sent=True)
    assert board.autoboot == FIRST
    assert (board.state.phase, board.state.reason) == ("refused", f"{step} failed")
    # What follows is not done.
    assert board.done[-1] == step


def test_a_bundle_that_was_typed_and_is_not_taken_leaves_nothing_behind(board: Board) -> None:
    # Whoever typed it has read why; an alert that stands for ever after would be about nothing.
    board.fails = "inspect"
    with pytest.raises(UpdateError):
        board.updating().install(Path("x.raucb"))
    assert board.state == UpdateState()
    board.fails = "compare"
    with pytest.raises(UpdateError):
        board.updating().install(Path("x.raucb"))
    assert board.state.phase == "refused"


def test_a_card_that_takes_nothing_is_told(board: Board) -> None:
    (board.place / "autoboot.txt").unlink()
    (board.place / "autoboot.txt").mkdir()
    with pytest.raises(CardError):
        board.updating().install(Path("x.raucb"))
    assert board.state.phase == "refused"


def test_an_older_system_is_taken_only_when_that_is_meant(board: Board) -> None:
    newest = System(version="0.3.0", built=300, build="3" * 16)
    with pytest.raises(UpdateError, match="older than what runs"):
        board.updating(system=newest).install(Path("x.raucb"))
    assert "install" not in board.done
    board.updating(system=newest).install(Path("x.raucb"), older=True)
    assert board.state.phase == "restarting"


def test_nothing_is_written_over_what_a_trial_may_fall_back_to(board: Board) -> None:
    with pytest.raises(UpdateError, match="on trial"):
        board.updating("b", NEW, on_trial=True).install(Path("x.raucb"))
    assert not board.done


def on_trial(board: Board) -> Updating:
    """A board that was started once with what was written; the initramfs gave the next start back."""
    board.updating().install(Path("x.raucb"))
    (board.place / "autoboot.txt").write_bytes(FIRST)
    board.done.clear()
    return board.updating("b", NEW, on_trial=True)


def test_a_system_that_proves_itself_is_kept(board: Board) -> None:
    on_trial(board).prove(lambda: board.now, board.pause)
    assert board.autoboot == b"[all]\nboot_partition=3\n# was tried, now on 3\n"
    assert board.state.phase == "kept"
    assert board.now >= 120
    assert "restart" not in board.done


def test_a_system_that_does_not_is_left_and_the_reason_is_kept(board: Board) -> None:
    trial = on_trial(board)
    board.answering = frozenset()
    trial.prove(lambda: board.now, board.pause)
    assert board.autoboot == FIRST
    assert board.done == ["restart"]
    # The start after it finds the reason there, and does not write another.
    board.updating().settle()
    assert board.state.phase == "fell_back"
    assert board.state.reason == "no device answers on hall, where devices answered before the update"
    assert board.done == ["restart"]


def test_a_trial_that_the_power_ended_is_told_as_that(board: Board) -> None:
    on_trial(board)
    board.newer = True
    board.updating().settle()
    assert board.state.phase == "fell_back"
    assert "power went off" in (board.state.reason or "")
    assert any("before.backup" in said for said in board.said)


def test_one_that_was_kept_at_the_last_moment_is_kept(board: Board) -> None:
    on_trial(board)
    # The power went off between the two words: one is on the card, the other is not on the board.
    (board.place / "autoboot.txt").write_bytes(started_always("b"))
    board.updating("b", NEW).settle()
    assert board.state.phase == "kept"
    assert "bring back before.backup" not in board.done


def test_one_that_runs_and_was_never_kept_is_not_called_so(board: Board) -> None:
    # A card that took nothing: the start after the trial is another trial, and nobody has given it back.
    board.updating().install(Path("x.raucb"))
    board.updating("b", NEW).settle()
    assert board.state.phase == "fell_back"


def test_a_second_update_before_the_trial_of_the_first_one_takes_its_place(board: Board) -> None:
    board.updating().install(Path("x.raucb"))
    # The slot that waits for its trial is written again: the board's fake insists that no start takes it meanwhile.
    board.updating().install(Path("y.raucb"))
    assert board.autoboot == started_once("b")
    board.fails = "install"
    with pytest.raises(UpdateError):
        board.updating().install(Path("z.raucb"))
    assert board.autoboot == started_always("a")


def test_what_ends_it_is_told_to_whoever_waits(board: Board) -> None:
    board.fails, board.how = "install", KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        board.updating().install(Path("x.raucb"))
    assert (board.state.phase, board.autoboot) == ("refused", FIRST)


def test_a_state_that_is_brought_back_is_brought_back_once_and_wholly(board: Board) -> None:
    on_trial(board)
    board.newer, board.fails = True, "bring back before.backup"
    with pytest.raises(UpdateError):
        board.updating().settle()
    # The power went off in the middle: what lies there now no longer tells that it is newer.
    board.newer, board.fails = False, ""
    board.updating().settle()
    board.updating().settle()
    assert board.done.count("bring back before.backup") == 2
    assert board.state.backup is None


def test_a_state_that_can_be_read_stays(board: Board) -> None:
    on_trial(board)
    board.updating().settle()
    # Months later a database says something else: that is no business of this update any more.
    board.newer = True
    board.updating().settle()
    assert "bring back before.backup" not in board.done


def test_one_that_was_cut_while_it_was_written_is_told(board: Board) -> None:
    write_state(UpdateState(phase="installing", before=OLD), board.place / "state.json")
    board.updating().settle()
    assert board.state.phase == "refused"


def test_one_that_was_killed_is_told(board: Board) -> None:
    write_state(UpdateState(phase="installing", before=OLD), board.place / "state.json")
    board.updating().ended()
    assert board.state.phase == "refused"
    assert "Give it once more" in (board.state.reason or "")


def test_one_that_waits_for_its_start_was_not_killed(board: Board) -> None:
    board.updating().install(Path("x.raucb"))
    board.updating().ended()
    assert board.state.phase == "restarting"


def test_a_state_that_cannot_be_brought_back_says_so_to_whoever_asks(board: Board) -> None:
    on_trial(board)
    board.newer, board.fails, board.how = True, "bring back before.backup", UpdateError("no room for it")
    for _ in range(3):
        with pytest.raises(UpdateError):
            board.updating().settle()
        # It is said once, beside what became of the update, and tried at each start.
        assert (board.state.reason or "").startswith("no room for it. The update: the new system did not come up")
        assert (board.state.reason or "").count("no room") == 1
    board.fails = ""
    board.updating().settle()
    assert board.done.count("bring back before.backup") == 4
    assert board.state.backup is None


def test_a_board_that_was_never_updated_has_nothing_to_settle(board: Board) -> None:
    board.updating().settle()
    assert board.state == UpdateState()
    assert not board.done


def test_which_system_is_started_changes_within_one_sector_that_stays_where_it_is(board: Board) -> None:
    before = (board.place / "autoboot.txt").stat()
    on_trial(board).prove(lambda: board.now, board.pause)
    after = (board.place / "autoboot.txt").stat()
    # The same file with as many bytes: on FAT a power cut leaves all of the old ones or all of the new ones.
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)


def test_the_card_is_flashed_with_a_file_of_that_length() -> None:
    flashed = Path(__file__).resolve().parents[3] / "image/selector/autoboot.txt"
    assert flashed.read_bytes() == started_always("a")
    lengths = {len(text(slot)) for text in (started_always, started_once) for slot in ("a", "b")}
    assert lengths == {len(flashed.read_bytes())}
