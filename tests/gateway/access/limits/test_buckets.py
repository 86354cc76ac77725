"""Token buckets against a naive model, with exact arithmetic."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.access.limits.buckets import TOKEN, Buckets, Policy

POLICIES = st.builds(Policy, st.just("p"), st.integers(1, 100_000), st.integers(1, 50))
# Pauses in microseconds, mostly near the time one token takes at some rate.
PAUSES = st.one_of(st.integers(0, 3), st.integers(0, 70_000_000), st.sampled_from([600, 60_000, 60_000_000]))


class NaiveBucket:
    """Counts tokens as fractions, as the textbook has it."""

    def __init__(self, policy: Policy) -> None:
        self.policy, self.tokens, self.at = policy, Fraction(policy.burst), 0

    def admit(self, now: int) -> bool:
        earned = Fraction((now - self.at) * self.policy.rate, 60_000_000)
        self.tokens, self.at = min(Fraction(self.policy.burst), self.tokens + earned), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def admit(buckets: Buckets, key: object, now: int) -> bool:
    if buckets.held(key, now) < TOKEN:
        return False
    buckets.take(key, now)
    return True


def assert_within(policy: Policy, admitted: list[int]) -> None:
    """Never more than burst + rate * t in any window between two admissions."""
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            allowed = policy.burst * TOKEN + (admitted[last] - begin) * policy.rate
            assert (last - first + 1) * TOKEN <= allowed


@settings(max_examples=300)
@given(POLICIES, st.lists(st.tuples(PAUSES, st.integers(0, 3)), max_size=60))
def test_each_key_gets_exactly_what_the_naive_model_gives_it(policy: Policy, calls: list[tuple[int, int]]) -> None:
    buckets = Buckets(policy, most=4)
    models = {key: NaiveBucket(policy) for key in range(4)}
    admitted: dict[int, list[int]] = {key: [] for key in range(4)}
    now = 0
    for pause, key in calls:
        now += pause
        outcome = admit(buckets, key, now)
        assert outcome == models[key].admit(now)
        if outcome:
            admitted[key].append(now)
    for moments in admitted.values():
        assert_within(policy, moments)


@settings(max_examples=300)
@given(POLICIES, st.lists(st.tuples(PAUSES, st.integers(0, 9)), max_size=80))
def test_with_more_keys_than_places_no_key_gets_more_and_memory_is_bounded(
    policy: Policy, calls: list[tuple[int, int]]
) -> None:
    buckets = Buckets(policy, most=3)
    models = {key: NaiveBucket(policy) for key in range(10)}
    admitted: dict[int, list[int]] = {key: [] for key in range(10)}
    now = 0
    for pause, key in calls:
        now += pause
        if admit(buckets, key, now):
            admitted[key].append(now)
            assert models[key].admit(now), "the naive bucket of this key alone would have refused"
        assert len(buckets) <= 3
    for moments in admitted.values():
        assert_within(policy, moments)


@given(POLICIES, st.lists(PAUSES, min_size=1, max_size=30))
def test_the_wait_it_names_is_enough_and_not_a_microsecond_too_long(policy: Policy, pauses: list[int]) -> None:
    buckets, now = Buckets(policy), 0
    for pause in pauses:
        now += pause
        if not admit(buckets, "a", now):
            wait = buckets.wait(TOKEN - buckets.held("a", now))
            assert not admit(buckets, "a", now + wait - 1)
            assert admit(buckets, "a", now + wait)
            now += wait


def test_strangers_cannot_make_it_forget_what_somebody_has_used() -> None:
    buckets = Buckets(Policy("p", 60, 5), most=8)
    for _ in range(5):
        assert admit(buckets, "hog", 0)
    for number in range(10_000):
        admit(buckets, number, number)
    assert not admit(buckets, "hog", 10_000)
    assert len(buckets) == 8


def test_strangers_cannot_take_the_place_of_somebody_who_has_one() -> None:
    buckets = Buckets(Policy("p", 60, 5), most=8)
    assert admit(buckets, "honest", 0)
    for number in range(10_000):
        admit(buckets, number, 0)
    assert [admit(buckets, "honest", 0) for _ in range(5)] == [True] * 4 + [False]


def test_all_who_have_no_place_together_get_what_one_gets_and_places_come_free() -> None:
    buckets = Buckets(Policy("p", 60, 5), most=8)
    assert sum(admit(buckets, number, 0) for number in range(1000)) == 8 + 5
    # A second later the eight are full again; each has a place to give.
    assert sum(admit(buckets, number, 5_000_000) for number in range(2000, 3000)) == 8 + 5


@given(POLICIES, POLICIES, st.integers(0, 50), PAUSES)
def test_another_policy_gives_no_fresh_start_and_no_longer_wait_than_its_own(
    old: Policy, new: Policy, used: int, pause: int
) -> None:
    buckets = Buckets(old)
    debt = 0
    for _ in range(used):
        debt += admit(buckets, "a", 0)
    left = max(Fraction(0), debt - Fraction(pause * old.rate, 60_000_000))
    buckets.follow(new, pause)
    assert Fraction(buckets.held("a", pause), TOKEN) == max(Fraction(0), new.burst - left)


def test_the_model_itself_is_strict() -> None:
    model = NaiveBucket(Policy("p", 60, 2))
    assert [model.admit(moment) for moment in (0, 0, 0, 999_999, 1_000_000, 1_000_000)] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]
