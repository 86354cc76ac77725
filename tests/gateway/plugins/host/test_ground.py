"""Each instance has a place of its own, and its user is known by it after a restart."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gateway.plugins.host.ground import FIRST_USER, Ground, GroundError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_a_place_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    ground = Ground(tmp_path / "data", own_users=False)
    place = ground.prepare("scale-1")
    assert place == ground.prepare("scale-1")
    assert stat.S_IMODE(place.data.stat().st_mode) == 0o700
    assert place.user is None
    (place.data / "kept").write_text("x")
    ground.remove("scale-1")
    assert not place.data.exists()
    ground.remove("scale-1")


@pytest.mark.parametrize("name", ["../etc", "a/b", "", ".", "..", ".hidden", "a b", "x" * 101])
def test_no_name_leads_elsewhere(name: str, tmp_path: Path) -> None:
    with pytest.raises(GroundError, match="names no instance"):
        Ground(tmp_path, own_users=False).prepare(name)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scale-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GroundError):
        Ground(tmp_path / "data", own_users=False).prepare("scale-1")


@as_root
def test_users_are_own_and_stay(place: Path) -> None:
    ground = Ground(place / "data", own_users=True)
    users = [ground.prepare(name).user for name in ("a", "b", "c")]
    assert users == [FIRST_USER, FIRST_USER + 1, FIRST_USER + 2]
    ground.remove("b")
    again = Ground(place / "data", own_users=True)
    assert again.prepare("c").user == FIRST_USER + 2
    assert again.prepare("d").user == FIRST_USER + 1
    assert (place / "data" / "d").stat().st_uid == FIRST_USER + 1


@as_root
def test_what_its_user_cannot_reach_is_said(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(GroundError, match="chmod o\\+x"):
        Ground(closed / "data", own_users=True).prepare("a")
