"""Every answer of a running gateway is what its description says; the drill ``api`` asks many times as often."""

from __future__ import annotations

from tests.e2e.described import hold, open_to_many, operations
from tests.e2e.site import Site


def test_who_may_do_everything_is_answered_as_described(site: Site) -> None:
    gateway = open_to_many(site)
    held = hold(gateway, ("fuzzing",), each=5, seed=1)
    assert not held.failed, held.words
    assert held.cases > 3 * operations(gateway), held.words


def test_strangers_are_answered_as_described_and_let_in_nowhere(site: Site) -> None:
    gateway = open_to_many(site)
    held = hold(gateway, ("fuzzing",), each=2, seed=1, stranger=True)
    assert not held.failed, held.words
    assert held.cases > operations(gateway), held.words
