"""What is said of plugins: nothing where there are none, and what is missing where there are."""

from __future__ import annotations

from pathlib import Path

from gateway.field.doctor import State, World
from gateway.field.doctor_plugins import plugin_checks
from gateway.plugins.host.sandbox import Means

WHOLE = Means(bubblewrap="/usr/bin/bwrap", nested=True, prlimit="/usr/bin/prlimit", python="/usr/bin/python3")
BARE = Means(prlimit="/usr/bin/prlimit", why="bubblewrap is not installed")


def fail() -> Means:
    raise AssertionError("nobody has to look")


def test_without_plugins_nobody_looks(tmp_path: Path) -> None:
    assert plugin_checks(World(state=tmp_path), fail) == []
    (tmp_path / "instances").mkdir()
    assert plugin_checks(World(state=tmp_path), fail) == []


def test_with_plugins_the_sandbox_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "instances" / "scale-1").mkdir(parents=True)
    (found,) = plugin_checks(World(state=tmp_path), lambda: WHOLE)
    assert (found.state, found.words) == (State.OK, "the sandbox works; 1 installed")
    (found,) = plugin_checks(World(state=tmp_path), lambda: BARE)
    assert found.state is State.WARNING
    assert "bubblewrap is not installed" in found.words
    assert "install bubblewrap" in found.cure
