"""Floods of denials: few rows, bounded memory, and no denial uncounted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.core.audit import AuditEntry, AuditOutcome, entry
from gateway.core.principal import Kind, Principal
from gateway.storage.audit_denials import MOST_KINDS, OTHERS, WINDOW_S, Counted, Denials
from gateway.storage.audit_rows import Moment

ANNA = Principal("anna", frozenset(), Kind.OPERATOR, "jti-1")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    @property
    def moment(self) -> Moment:
        return Moment(1_779_444_000.0 + self.now, "synchronised")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def denials(clock: Clock) -> Denials:
    return Denials(clock)


def login(name: str = "admin", peer: str = "192.168.1.66") -> AuditEntry:
    return entry("auth.token", AuditOutcome.DENIED, claimed=name, peer=peer, details={"reason": "wrong secret"})


def test_one_denial_is_one_row_at_once_and_nothing_later(denials: Denials, clock: Clock) -> None:
    assert denials.take(login(), clock.moment) == Counted(login(), clock.moment)
    clock.now = denials.due
    assert denials.over() == []
    assert denials.due == math.inf


def test_what_was_tried_is_told_the_first_five_of_it(denials: Denials, clock: Clock) -> None:
    def write(tag: str) -> AuditEntry:
        return entry("tag.write", AuditOutcome.DENIED, by=ANNA, target=tag, details={"reason": "scope"})

    first = denials.take(write("bus/a/0"), clock.moment)
    assert first is not None
    assert first.entry.target == "bus/a/0"
    for number in range(1, 9):
        assert denials.take(write(f"bus/a/{number}"), clock.moment) is None
    clock.now = denials.due
    [rest] = denials.over()
    assert (rest.count, rest.entry.target) == (8, None)
    assert rest.entry.details["targets"] == [*(f"bus/a/{number}" for number in range(1, 6)), "…"]


def test_a_hundred_thousand_guesses_in_a_minute_are_two_rows(denials: Denials, clock: Clock) -> None:
    rows = []
    for number in range(100_000):
        clock.now = 100 + number * WINDOW_S / 100_001
        rows.append(denials.take(login(f"user{number}"), clock.moment))
    clock.now = 100 + WINDOW_S
    rows += denials.over()
    first, second = [row for row in rows if row is not None]
    assert (first.count, first.entry.subject) == (1, "user0")
    assert (second.count, second.entry.peer) == (99_999, "192.168.1.66")
    assert second.since is not None
    assert 59 < second.moment.time - second.since < 60
    # Which names were tried is worth knowing: is it one password guesser, or a list of users?
    assert second.entry.details["claimed"] == ["user1", "user2", "user3", "user4", "user5", "…"]


def test_an_attack_that_lasts_is_one_row_a_minute(denials: Denials, clock: Clock) -> None:
    rows = []
    for second in range(3600):
        clock.now = 100.0 + second
        rows += denials.over()
        if row := denials.take(login(), clock.moment):
            rows.append(row)
    rows += denials.all()
    assert len(rows) == 61
    assert sum(row.count for row in rows) == 3600


def test_addresses_actions_and_verified_callers_are_counted_apart(denials: Denials, clock: Clock) -> None:
    kinds = [
        login(peer="192.168.1.66"),
        login(peer="192.168.1.67"),
        entry("tag.write", AuditOutcome.DENIED, peer="192.168.1.66"),
        entry("tag.write", AuditOutcome.DENIED, by=ANNA, peer="192.168.1.66"),
    ]
    assert [denials.take(kind, clock.moment) is not None for kind in kinds] == [True] * 4
    assert [denials.take(kind, clock.moment) for kind in kinds] == [None] * 4
    clock.now += WINDOW_S
    assert [(row.entry, row.count) for row in denials.over()] == [(kind, 1) for kind in kinds]


def test_a_hundred_thousand_addresses_cost_bounded_rows_and_are_all_counted(denials: Denials, clock: Clock) -> None:
    rows: list[Counted | None] = []
    for number in range(100_000):
        clock.now = 100 + number / 100
        rows += denials.over()
        peer = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        rows.append(denials.take(login(peer=peer), clock.moment))
        assert len(denials._windows) <= MOST_KINDS
    rows += denials.all()
    written = [row for row in rows if row is not None]
    # A burst, one in 30 s, and one a minute for all others: 17 minutes.
    assert len(written) < 200 + 34 + 18
    assert sum(row.count for row in written) == 100_000
    assert written[-1].entry.action == OTHERS
    assert len(str(written[-1].entry.details)) < 500


@given(
    some.lists(
        some.tuples(some.sampled_from("abcd"), some.sampled_from(("auth.token", "rpc")), some.floats(0, 90)),
        max_size=60,
    )
)
@settings(max_examples=100)
def test_no_denial_is_counted_twice_or_not_at_all(told: list[tuple[str, str, float]]) -> None:
    clock = Clock()
    denials = Denials(clock)
    rows: list[Counted | None] = []
    for peer, action, pause in told:
        clock.now += pause
        if denials.due <= clock.now:
            rows += denials.over()
        rows.append(denials.take(entry(action, AuditOutcome.DENIED, peer=peer), clock.moment))
    rows += denials.all()
    written = [row for row in rows if row is not None]
    assert sum(row.count for row in written) == len(told)
    for peer, action in {(peer, action) for peer, action, _ in told}:
        ours = [row.count for row in written if (row.entry.peer, row.entry.action) == (peer, action)]
        assert sum(ours) == sum((peer, action) == (other, act) for other, act, _ in told)
