"""What the gateway was sent is taken out of its reach; what only looks like a bundle is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.appliance.bundles import UpdateError
from gateway.appliance.taking import take


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    place = tmp_path / "update"
    place.mkdir()
    (place / "wanted.raucb").write_bytes(b"hsqs...")
    (place / "wanted.json").write_text('{"asked_by": "ines", "at": 1}')
    return place


def test_it_is_taken_with_who_sent_it_and_gone_from_where_it_was(inbox: Path, tmp_path: Path) -> None:
    assert take(inbox, tmp_path / "data/taken.raucb") == "ines"
    assert (tmp_path / "data/taken.raucb").read_bytes() == b"hsqs..."
    assert list(inbox.iterdir()) == []


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"asked_by"', "x" * 5000])
def test_without_a_note_that_can_be_read_nobody_sent_it(inbox: Path, tmp_path: Path, note: str) -> None:
    (inbox / "wanted.json").write_text(note)
    assert take(inbox, tmp_path / "taken.raucb") is None
    assert list(inbox.iterdir()) == []


def test_a_link_to_something_else_is_not_followed(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    for name in ("wanted.raucb", "wanted.json"):
        (inbox / name).unlink()
        (inbox / name).symlink_to(tmp_path / "secret")
    with pytest.raises(UpdateError, match=r"wanted\.raucb"):
        take(inbox, tmp_path / "taken.raucb")
    assert not (tmp_path / "taken.raucb").exists()
    # It would be tried again for ever.
    assert list(inbox.iterdir()) == []
    assert (tmp_path / "secret").read_text() == "key"


def test_a_pipe_does_not_hold_it_up(inbox: Path, tmp_path: Path) -> None:
    (inbox / "wanted.raucb").unlink()
    os.mkfifo(inbox / "wanted.raucb")
    with pytest.raises(UpdateError, match="it is no file"):
        take(inbox, tmp_path / "taken.raucb")


def test_what_is_larger_than_a_card_has_room_for_is_left(inbox: Path, tmp_path: Path) -> None:
    os.truncate(inbox / "wanted.raucb", 2**40)
    with pytest.raises(UpdateError, match="more than"):
        take(inbox, tmp_path / "taken.raucb")
    assert not (tmp_path / "taken.raucb").exists()
