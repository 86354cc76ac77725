"""Failures double the wait, and nobody can make us forget or remember too much."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.login.throttle import Pace, Throttle

PACE = Pace(free=3, first=2.0, longest=60.0, forgotten=3600.0)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_few_failures_are_free_and_then_each_doubles_the_wait() -> None:
    clock = Clock()
    throttle = Throttle(PACE, clock)
    waits = []
    for _ in range(12):
        throttle.begin("anna")
        waits.append(throttle.wait("anna"))
        clock.now += waits[-1]
    assert waits == [0, 0, 0, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert throttle.wait("ben") == 0


def test_time_wears_the_wait_off_and_in_the_end_all_of_it() -> None:
    clock = Clock()
    throttle = Throttle(PACE, clock)
    for _ in range(6):
        throttle.begin("anna")
    assert throttle.wait("anna") == 8
    clock.now += 5
    assert throttle.wait("anna") == 3
    clock.now += 3600
    assert throttle.wait("anna") == 0
    assert len(throttle) == 0
    throttle.begin("anna")
    assert throttle.wait("anna") == 0


def test_success_clears_a_name_and_takes_one_attempt_of_an_address_back() -> None:
    throttle = Throttle(PACE, Clock())
    for _ in range(5):
        throttle.begin("anna")
        throttle.begin("10.0.0.7")
    throttle.clear("anna")
    assert throttle.wait("anna") == 0
    throttle.take_back("10.0.0.7")
    assert throttle.wait("10.0.0.7") == 2
    for _ in range(4):
        throttle.take_back("10.0.0.7")
    throttle.take_back("10.0.0.7")
    assert len(throttle) == 0


def test_any_number_of_names_takes_a_bounded_memory_and_pushes_nobody_out() -> None:
    clock = Clock()
    throttle = Throttle(PACE, clock, slots=64)
    for _ in range(10):
        throttle.begin("anna")
    before = throttle.wait("anna")
    for number in range(5000):
        throttle.begin(f"stranger-{number}")
    assert len(throttle) <= 64
    assert throttle.wait("anna") >= before


def test_which_names_share_a_place_cannot_be_known_outside() -> None:
    names = [f"name-{number}" for number in range(50)]
    places = {tuple(Throttle(PACE, Clock())._place(name) for name in names) for _ in range(3)}
    assert len(places) == 3


@given(st.integers(0, 10**9))
def test_the_wait_is_bounded_and_never_shrinks_with_failures(failures: int) -> None:
    assert 0 <= PACE.wait(failures) <= PACE.wait(failures + 1) <= PACE.longest


@pytest.mark.parametrize("name", ["", "\ud800", "x" * 100_000])
def test_any_name_can_be_counted(name: str) -> None:
    throttle = Throttle(PACE, Clock())
    throttle.begin(name)
    assert len(throttle) == 1
