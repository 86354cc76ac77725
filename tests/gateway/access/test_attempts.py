"""Failed attempts: who made too many waits, for as long as is said, in bounded memory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.attempts import BY_ADDRESS, BY_NAME, Attempts
from gateway.access.limits.buckets import MOST


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_waits_after_its_last_attempt_and_no_longer_than_told() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(BY_ADDRESS.burst):
        assert attempts.wait("10.0.0.7") == 0
        attempts.failed("10.0.0.7")
    wait = attempts.wait("10.0.0.7")
    assert wait == 10
    assert attempts.wait("10.0.0.8") == 0
    clock.now += wait
    assert attempts.wait("10.0.0.7") == 0
    attempts.failed("10.0.0.7")
    assert attempts.wait("10.0.0.7") == 10


def test_a_name_is_tried_from_many_addresses() -> None:
    attempts = Attempts(Clock())
    for number in range(BY_NAME.burst):
        assert attempts.wait(f"10.0.0.{number}", "admin") == 0
        attempts.failed(f"10.0.0.{number}", "admin")
    assert attempts.wait("10.0.1.1", "admin") > 0
    assert attempts.wait("10.0.1.1", "other") == 0
    assert attempts.wait("10.0.1.1") == 0


def test_whoever_makes_up_addresses_takes_no_memory() -> None:
    attempts = Attempts(Clock())
    for number in range(3 * MOST):
        attempts.failed(f"fd00::{number:x}", f"name-{number}")
    assert len(attempts._by_address) <= MOST
    assert len(attempts._by_name) <= MOST


@settings(max_examples=50)
@given(st.lists(st.floats(0, 30), max_size=60))
def test_nobody_ever_makes_more_than_the_rate_allows(pauses: list[float]) -> None:
    clock = Clock()
    attempts, begun, made = Attempts(clock), clock.now, 0
    for pause in pauses:
        clock.now += pause
        if attempts.wait("10.0.0.7") == 0:
            attempts.failed("10.0.0.7")
            made += 1
    assert made <= BY_ADDRESS.burst + (clock.now - begun) * BY_ADDRESS.rate / 60 + 1e-3
