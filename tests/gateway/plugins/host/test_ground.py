"""Each instance has a place of its own, and its user is known by it after a restart."""

from __future__ import annotations

import gc
import os
import stat
from pathlib import Path

import pytest

from gateway.plugins.host.ground import Ground, GroundError
from gateway.plugins.host.users import EACH, FIRST_USER, LAST_USER, Users

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
    ground = Ground(place / "data", own_users=True, users=Users(place / "claims"))
    users = [ground.prepare(name).user for name in ("a", "b", "c")]
    assert users == [FIRST_USER, FIRST_USER + 1, FIRST_USER + 2]
    ground.remove("b")
    ground.close()
    again = Ground(place / "data", own_users=True, users=Users(place / "claims"))
    assert again.prepare("c").user == FIRST_USER + 2
    assert again.prepare("d").user == FIRST_USER + 1
    assert (place / "data" / "d").stat().st_uid == FIRST_USER + 1


@as_root
def test_no_two_gateways_have_the_same_users(place: Path) -> None:
    claims = place / "claims"
    one = Ground(place / "one", own_users=True, users=Users(claims))
    assert one.prepare("a").user == FIRST_USER
    other = Ground(place / "other", own_users=True, users=Users(claims))
    found = other.prepare("a")
    assert found.user == FIRST_USER + EACH
    (found.data / "kept").write_text("x")
    (found.data / "deep").mkdir()
    (found.data / "link").symlink_to(place)
    for kept in (*found.data.iterdir(), found.data):
        os.chown(kept, FIRST_USER, FIRST_USER, follow_symlinks=False)
    (found.data / "of-another").write_text("x")
    # A copy of another gateway's directory, as it were: it runs beside it all the same.
    assert other.prepare("a").user == FIRST_USER + EACH
    assert {kept.lstat().st_uid for kept in found.data.iterdir()} == {FIRST_USER + EACH, 0}
    assert place.stat().st_uid == 0
    assert one.prepare("b").user == FIRST_USER + 1


@as_root
def test_more_gateways_than_there_are_users_for_are_told_so(place: Path) -> None:
    held = [Users(place) for _ in range(FIRST_USER, LAST_USER, EACH)]
    assert len({users.claim(()).start for users in held}) == len(held)
    with pytest.raises(GroundError, match="other gateways"):
        Ground(place / "data", own_users=True, users=Users(place)).prepare("a")
    # One of them ends, however that happens.
    del held[3]
    assert Ground(place / "data", own_users=True, users=Users(place)).prepare("a").user == FIRST_USER + 3 * EACH


def test_what_is_nested_beyond_all_bounds_is_removed(tmp_path: Path) -> None:
    ground = Ground(tmp_path / "data", own_users=False)
    data = ground.prepare("scale-1").data
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept").touch()
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(data)
        for number in range(300):
            Path("link").symlink_to(tmp_path / "elsewhere")
            Path("cleared-0").touch()
            name = "x" * 200
            Path(name).mkdir()
            os.chdir(name)
            if number % 3 == 0:
                Path("../" + name).chmod(0o300)
    finally:
        os.fchdir(before)
        os.close(before)
    # What other tests left open is closed now, and not in between.
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    ground.remove("scale-1")
    assert not data.exists()
    assert (tmp_path / "elsewhere" / "kept").exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


@as_root
def test_what_its_user_cannot_reach_is_said(place: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(GroundError, match="chmod o\\+x"):
        Ground(closed / "data", own_users=True).prepare("a")
