"""Each caller has a share of the audit log: nobody pushes out what others did, and nothing goes uncounted."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.core.audit import AuditEntry, AuditOutcome, entry
from gateway.core.principal import Kind, Principal
from gateway.storage.audit_callers import MOST_CALLERS, ROW_OVERHEAD, Callers
from gateway.storage.audit_denials import Counted
from gateway.storage.audit_rows import AuditKey, Moment, write
from gateway.storage.settings import DAY

LIMIT, RETENTION = 1_000_000, 30 * DAY
KEY = AuditKey(b"k" * 32)
BUSY = Principal("busy", frozenset(), Kind.AGENT, "jti-1")
ANNA = Principal("anna", frozenset(), Kind.OPERATOR, "jti-2")


def written(row: Counted) -> bytes:
    return write(row.entry, row.moment, KEY, row.count, row.since)


def done(action: str = "tag.write", by: Principal = BUSY, target: str = "bus/a/b", value: float = 1.5) -> AuditEntry:
    return entry(action, by=by, peer="192.168.1.7", target=target, details={"value": value})


class Log:
    """What a log of this size would take, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.callers = Callers(LIMIT, RETENTION, lambda: self.now, written)
        self.rows: list[Counted] = []

    def note(self, made: AuditEntry) -> None:
        row = Counted(made, Moment(1.8e9 + self.now, "synchronised"))
        if self.callers.take(made, row.moment, len(written(row))):
            self.rows.append(row)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.rows += self.callers.over()

    def bytes(self) -> int:
        return sum(len(written(row)) + ROW_OVERHEAD for row in self.rows)


@pytest.fixture
def log() -> Log:
    return Log()


def exhaust(log: Log) -> int:
    """Write until a row is counted. Returns how many had one of their own."""
    while log.callers.due == math.inf:
        log.note(done())
    return len(log.rows)


def test_an_ordinary_day_has_a_row_for_each_write(log: Log) -> None:
    for _ in range(100):
        log.note(done())
        log.wait(864)
    assert [row.count for row in log.rows] == [1] * 100


def test_a_flood_takes_half_of_the_log_at_most_and_each_write_of_it_is_counted(log: Log) -> None:
    for _ in range(30 * 1440):
        for value in range(3):
            log.note(done(value=value))
        log.wait(60)
    assert 0.4 * LIMIT < log.bytes() <= 0.5 * LIMIT
    log.rows += log.callers.all()
    assert sum(row.count for row in log.rows) == 30 * 1440 * 3


def test_others_keep_a_row_for_each_thing_they_do(log: Log) -> None:
    exhaust(log)
    log.rows.clear()
    log.note(done(by=ANNA))
    assert [(row.entry.subject, row.count) for row in log.rows] == [("anna", 1)]


def test_a_row_for_many_says_how_they_ended_on_what_and_the_last_one(log: Log) -> None:
    before = exhaust(log)
    for number in range(3):
        log.note(done(target=f"bus/a/{number}", value=number))
    log.note(entry("tag.write", AuditOutcome.FAILED, by=BUSY, peer="192.168.1.8", target="bus/a/9"))
    log.wait(7200)
    [row] = log.rows[before:]
    assert (row.count, row.entry.action, row.entry.outcome) == (5, "tag.write", AuditOutcome.FAILED)
    assert (row.entry.target, row.entry.peer) == (None, None)
    assert row.entry.details == {
        "last": {},
        "outcomes": {"done": 4, "failed": 1},
        "targets": ["bus/a/b", "bus/a/0", "bus/a/1", "bus/a/2", "bus/a/9"],
        "peers": ["192.168.1.7", "192.168.1.8"],
    }


def test_behind_a_flood_of_one_action_another_is_told_as_it_was(log: Log) -> None:
    before = exhaust(log)
    log.note(done())
    log.note(done("agent.unregister", target="hvac-1"))
    log.wait(7200)
    assert [(row.entry.action, row.entry.target, row.count) for row in log.rows[before:]] == [
        ("tag.write", "bus/a/b", 2),
        ("agent.unregister", "hvac-1", 1),
    ]


def test_ever_new_callers_take_no_more_memory_and_push_out_nobodys_share(log: Log) -> None:
    exhaust(log)
    for number in range(2 * MOST_CALLERS):
        log.note(done(by=Principal(f"a{number}", frozenset(), Kind.AGENT, "j")))
    assert len(log.callers._shares) <= MOST_CALLERS + 1
    log.rows.clear()
    log.note(done())
    assert log.rows == []


@settings(max_examples=60)
@given(
    some.lists(
        some.tuples(some.sampled_from("ab"), some.sampled_from("xyz"), some.integers(0, 500), some.floats(0, 90)),
        max_size=60,
    )
)
def test_whatever_is_done_is_counted_once(steps: list[tuple[str, str, int, float]]) -> None:
    log, said = Log(), Counter[tuple[str, str]]()
    for who, action, times, pause in steps:
        for _ in range(times):
            log.note(done(action, by=Principal(who, frozenset(), Kind.AGENT, "j")))
        said[who, action] += times
        log.wait(pause)
    log.rows += log.callers.all()
    told = Counter[tuple[str, str]]()
    for row in log.rows:
        told[str(row.entry.subject), row.entry.action] += row.count
    assert told == +said
