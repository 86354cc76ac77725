"""What lies on the card comes into force when it is right; else the last that was right stays, and it says why."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from gateway.appliance.card import Card, CardError
from gateway.appliance.takeover import CONFIG, NETWORK, Shelf, Taken, errors_text, take_over
from gateway.settings.load import load
from gateway.settings.problems import Problem

RIGHT = '[server]\nbind = "private"\n\n[gateway]\nname = "{}"\n'


def check(path: Path) -> tuple[Problem, ...]:
    return load(path).warnings


@dataclass
class Mounted:
    """A card, with what is done to its mount."""

    card: Card
    shelf: Shelf
    mounts: list[str] = field(default_factory=list)

    def take(self, name: str = CONFIG) -> Taken:
        return take_over(self.card, name, self.shelf, check)

    def write(self, text: str, name: str = CONFIG) -> None:
        (self.card.place / name).write_text(text)


@pytest.fixture
def on(tmp_path: Path) -> Mounted:
    mounts: list[str] = []

    def remount(_: Path, mode: Literal["rw", "ro"]) -> None:
        mounts.append(mode)

    (tmp_path / "card").mkdir()
    return Mounted(Card(tmp_path / "card", remount), Shelf(tmp_path / "kept"), mounts)


def test_what_is_right_comes_into_force(on: Mounted) -> None:
    on.write(RIGHT.format("one"))
    taken = on.take()
    assert not taken.problems
    assert taken.path is not None
    assert load(taken.path).gateway.name == "one"
    # It is a copy: the card may be pulled.
    (on.card.place / CONFIG).unlink()
    assert load(taken.path).gateway.name == "one"
    assert on.mounts == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[gateway]\nnmae = 3\n", 'ferrule.toml:2:1: error: unknown key "nmae" in [gateway]. Did you mean "name"?'),
        ("[gateway\n", "ferrule.toml:1:"),
        ("\0\0\0", "ferrule.toml:1:"),
    ],
)
def test_what_is_wrong_changes_nothing(text: str, why: str, on: Mounted) -> None:
    on.write(RIGHT.format("one"))
    on.take()
    on.write(text)
    taken = on.take()
    assert taken.problems[0].startswith(why)
    assert taken.path is not None
    assert load(taken.path).gateway.name == "one"
    said = errors_text([taken])
    assert said is not None
    assert taken.problems[0] in said
    assert "The last one that was right is still in force" in said
    on.write(RIGHT.format("two"))
    taken = on.take()
    assert errors_text([taken]) is None
    assert taken.path is not None
    assert load(taken.path).gateway.name == "two"


def test_a_board_that_never_had_a_right_one_says_so(on: Mounted) -> None:
    on.write("[[line]]\n")
    taken = on.take()
    assert taken.path is None
    assert "There is none that was right yet" in str(errors_text([taken]))


def test_a_name_with_a_hidden_end_is_found(on: Mounted) -> None:
    on.write(RIGHT.format("one"), f"{CONFIG}.txt")
    [problem] = on.take().problems
    assert problem.startswith("ferrule.toml: it is called ferrule.toml.txt. Rename it")


def test_a_configuration_that_is_gone_is_told_and_a_network_is_not(on: Mounted) -> None:
    assert "there is no such file" in on.take().problems[0]
    assert on.take(NETWORK) == Taken(NETWORK, None)


def test_a_file_as_large_as_a_card_is_not_read(on: Mounted) -> None:
    with (on.card.place / CONFIG).open("wb") as file:
        file.truncate(2**30)
    assert "No such file is so large" in on.take().problems[0]


def test_profiles_beside_it_come_along(on: Mounted) -> None:
    (on.card.place / "profiles").mkdir()
    about = '[profile]\nname = "own"\ntitle = "A meter"\n'
    on.write(about + '[[tag]]\nname = "power"\ntable = "input"\naddress = 0\ntype = "float32"\n', "profiles/own.toml")
    config = (
        '[[line]]\nname = "bus"\ntransport = "rtu"\nport = "/dev/ttyUSB0"\nbaudrate = 9600\n'
        '[[line.device]]\nname = "meter"\nunit = 1\nprofile = "own"\n'
    )
    on.write(config)
    taken = on.take()
    assert taken.problems == ()
    # A profile that is spoilt later is the same mistake.
    on.write(about + "[[tag]]\nname = 1\n", "profiles/own.toml")
    taken = on.take()
    assert taken.problems[0].startswith("profiles/own.toml:4:")
    assert taken.path is not None
    assert [tag.name for line in load(taken.path).lines for device in line.devices for tag in device.tags] == ["power"]


def test_a_power_cut_leaves_the_old_one_or_the_new_one(on: Mounted, tmp_path: Path) -> None:
    """Cut at every change of the directory, as far as a test can: by whatever is left over of an earlier attempt."""
    on.write(RIGHT.format("one"))
    first = on.take()
    kept = tmp_path / "kept"
    version = kept / (kept / "good").readlink()
    on.write(RIGHT.format("two"))
    # Half a version, a link that was not put in place, and a version nothing points at.
    (kept / "0123456789abcdef.new").mkdir()
    (kept / "0123456789abcdef.new" / CONFIG).write_text("[gate")
    (kept / "good.new").symlink_to("0123456789abcdef")
    (kept / "fedcba9876543210").mkdir()
    assert first.path is not None
    assert load(first.path).gateway.name == "one"
    second = on.take()
    assert second.path is not None
    assert load(second.path).gateway.name == "two"
    assert not version.exists()
    assert sorted(path.name for path in kept.iterdir()) == sorted(["good", (kept / "good").readlink().name])


def test_the_card_is_writable_only_while_it_is_written_and_only_for_what_is_new(on: Mounted) -> None:
    assert on.card.put({"a.txt": "one\n", "b.txt": b"two", "c.txt": None})
    assert on.mounts == ["rw", "ro"]
    assert (on.card.place / "a.txt").read_bytes() == b"one\r\n"
    assert not on.card.put({"a.txt": "one\n", "b.txt": b"two", "c.txt": None})
    assert on.mounts == ["rw", "ro"]
    assert on.card.put({"a.txt": None})
    assert sorted(path.name for path in on.card.place.iterdir()) == ["b.txt"]


def test_an_old_file_keeps_its_room_until_the_directory_without_it_is_safe(
    on: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that are free too early leave an empty file behind a power cut: FAT has no journal."""
    place = on.card.place
    on.card.put({"a.txt": "one", "b.txt": "two"})
    kept, synced, sync = [], [], os.fsync

    def watch(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve().name)
        if synced[-1] == place.name:
            open_ = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
            kept.append([path.name for path in open_ if path.parent == place and path.name.endswith("(deleted)")])
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    on.card.put({"a.txt": "three", "b.txt": None})
    assert kept == [["a.txt (deleted)"], ["b.txt (deleted)"]]
    # The new one is safe under both of its names, the second time before the old one's room is free.
    assert synced == ["a.txt.new", "a.txt", place.name, place.name]


def test_a_card_that_refuses_is_read_only_again_and_says_what_to_look_at(tmp_path: Path) -> None:
    mounts = []

    def remount(_: Path, mode: Literal["rw", "ro"]) -> None:
        mounts.append(mode)
        if mode == "rw":
            raise OSError(errno.EROFS, "Read-only file system")

    card = Card(tmp_path, remount)
    with pytest.raises(CardError, match="is it full, locked or damaged"):
        card.put({"a.txt": "one"})
    assert list(tmp_path.iterdir()) == []

    # A directory in the place of the file: the write fails after the card was made writable.
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "x").touch()
    mounts.clear()
    worse = Card(tmp_path, lambda _, mode: mounts.append(mode))
    with pytest.raises(CardError):
        worse.put({"a.txt": "one"})
    assert mounts == ["rw", "ro"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt"]


def test_what_a_system_on_trial_takes_is_not_what_the_one_before_finds_when_it_fails(
    on: Mounted, tmp_path: Path
) -> None:
    on.write(RIGHT.format("known"))
    on.take()
    tried = Shelf(tmp_path / "tried", behind=on.shelf)
    on.write(RIGHT.format("new"))
    taken = take_over(on.card, CONFIG, tried, check)
    assert taken.path is not None
    assert load(taken.path).gateway.name == "new"
    good = on.shelf.good()
    assert good is not None
    assert load(good / CONFIG).gateway.name == "known"


def test_on_trial_the_last_right_one_counts_too(on: Mounted, tmp_path: Path) -> None:
    on.write(RIGHT.format("known"))
    on.take()
    on.write("[sever]\n")
    taken = take_over(on.card, CONFIG, Shelf(tmp_path / "tried", behind=on.shelf), check)
    assert taken.problems
    assert taken.path is not None
    assert load(taken.path).gateway.name == "known"


def test_two_who_write_to_the_card_wait_for_each_other(tmp_path: Path) -> None:
    writers, most = [0], [0]

    def remount(_: Path, mode: Literal["rw", "ro"]) -> None:
        # Whoever makes it read-only while another writes spoils what the other does.
        writers[0] += 1 if mode == "rw" else -1
        most[0] = max(most[0], writers[0])

    (tmp_path / "card").mkdir()

    def write(name: str) -> None:
        card = Card(tmp_path / "card", remount, tmp_path / "lock")
        for number in range(30):
            card.put({name: f"{number}"})

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, ("one", "two")))
    assert (most[0], writers[0]) == (1, 0)
    assert (tmp_path / "lock").stat().st_mode & 0o077 == 0
