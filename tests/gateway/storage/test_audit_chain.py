"""The chain of the audit log: whatever is changed in the file without the key shows, and the first place is named."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gateway.core.audit import entry
from gateway.storage.audit_chain import add, go_on_in_new_file, head_of, outlived, remove
from gateway.storage.audit_rows import BEGINNING, GENESIS, AuditKey, Head, Moment, parse_head, read, write
from gateway.storage.audit_verify import Verdict, verify
from gateway.storage.migrate import migrate, packaged_steps

KEY = AuditKey(b"k" * 32)
OTHER_KEY = AuditKey(b"x" * 32)
NOON = 1_779_451_200.0


def empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("audit.db"), packaged_steps("audit"))
    return connection


def row(number: int, *, key: AuditKey = KEY, time: float | None = None, clock: str = "synchronised") -> bytes:
    moment = Moment(NOON + number if time is None else time, clock)
    return write(entry("tag.write", target="l/d/setpoint", details={"value": number}), moment, key)


def filled(rows: int, key: AuditKey = KEY) -> sqlite3.Connection:
    connection = empty()
    add(connection, key, None, [row(number, key=key) for number in range(1, rows + 1)])
    return connection


@pytest.fixture
def ten() -> Iterator[sqlite3.Connection]:
    with closing(filled(10)) as connection:
        yield connection


def broken(verdict: Verdict) -> list[int]:
    return [problem.seq for problem in verdict.problems]


def test_what_nobody_touched_verifies(ten: sqlite3.Connection) -> None:
    verdict = verify(ten, KEY)
    assert (verdict.rows, verdict.first, verdict.head.seq) == (10, 1, 10)
    assert verdict.problems == ()
    assert verdict.head == head_of(ten)


def test_rows_can_be_added_in_any_batches(ten: sqlite3.Connection) -> None:
    known = head_of(ten)
    for number in range(11, 20):
        known = add(ten, KEY, known, [row(number)]).head
    assert (verify(ten, KEY).rows, verify(ten, KEY).problems) == (19, ())


Tamper = Callable[[sqlite3.Connection], object]


def move(connection: sqlite3.Connection, pairs: list[tuple[int, int]]) -> None:
    """Give rows other numbers, with their entries and hashes."""
    connection.executemany("UPDATE audit SET seq = -? WHERE seq = ?", [(new, old) for old, new in pairs])
    connection.execute("UPDATE audit SET seq = -seq WHERE seq < 0")


def insert(connection: sqlite3.Connection, digest: bytes) -> None:
    move(connection, [(old, old + 1) for old in range(10, 4, -1)])
    connection.execute("INSERT INTO audit VALUES (5, ?, ?)", (row(99), digest))


def close_up(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM audit WHERE seq = 5")
    move(connection, [(old, old - 1) for old in range(6, 11)])


TAMPERINGS: list[tuple[str, Tamper, int]] = [
    ("a value", lambda c: c.execute("UPDATE audit SET entry = ? WHERE seq = 5", (row(6),)), 5),
    (
        "a letter",
        lambda c: c.execute("UPDATE audit SET entry = CAST(replace(entry, 'tag', 'tah') AS BLOB) WHERE seq = 5"),
        5,
    ),
    ("a space", lambda c: c.execute("UPDATE audit SET entry = CAST(entry || ' ' AS BLOB) WHERE seq = 5"), 5),
    ("no text", lambda c: c.execute("UPDATE audit SET entry = ? WHERE seq = 5", (row(6).replace(b"tag", b"\xff"),)), 5),
    ("deep", lambda c: c.execute("UPDATE audit SET entry = ? WHERE seq = 5", (b"[" * 100_000,)), 5),
    ("a number below zero", lambda c: c.execute("UPDATE audit SET seq = -5 WHERE seq = 5"), -5),
    ("no entry", lambda c: c.execute("UPDATE audit SET entry = x'' WHERE seq = 5"), 5),
    ("the newest", lambda c: c.execute("UPDATE audit SET entry = ? WHERE seq = 10", (row(6),)), 10),
    ("the first", lambda c: c.execute("UPDATE audit SET entry = ? WHERE seq = 1", (row(6),)), 1),
    ("a hash", lambda c: c.execute("UPDATE audit SET hash = zeroblob(32) WHERE seq = 5"), 5),
    ("deleted", lambda c: c.execute("DELETE FROM audit WHERE seq = 5"), 5),
    ("several deleted", lambda c: c.execute("DELETE FROM audit WHERE seq BETWEEN 3 AND 7"), 3),
    ("the first deleted", lambda c: c.execute("DELETE FROM audit WHERE seq < 4"), 1),
    ("deleted and closed up", close_up, 5),
    ("swapped", lambda c: move(c, [(5, 6), (6, 5)]), 5),
    ("inserted", lambda c: insert(c, bytes(32)), 5),
    ("inserted with a hash of somebody else's key", lambda c: insert(c, OTHER_KEY.row(5, GENESIS, row(99))), 5),
]


@pytest.mark.parametrize(("tamper", "first"), [(do, seq) for _, do, seq in TAMPERINGS], ids=[t[0] for t in TAMPERINGS])
def test_whatever_is_changed_shows_and_the_first_row_is_named(
    ten: sqlite3.Connection, tamper: Tamper, first: int
) -> None:
    tamper(ten)
    assert broken(verify(ten, KEY))[0] == first


def test_one_changed_row_is_one_problem_not_all_that_follow(ten: sqlite3.Connection) -> None:
    ten.execute("UPDATE audit SET entry = ? WHERE seq = 5", (row(6),))
    assert broken(verify(ten, KEY)) == [5]


def test_missing_rows_are_told_from_to(ten: sqlite3.Connection) -> None:
    ten.execute("DELETE FROM audit WHERE seq BETWEEN 3 AND 7")
    [problem] = verify(ten, KEY).problems
    assert problem.seq == 3
    assert "up to row 7" in problem.text


def test_whoever_chains_anew_without_the_key_is_found_out() -> None:
    with closing(filled(10, OTHER_KEY)) as forged:
        verdict = verify(forged, KEY)
    assert broken(verdict) == list(range(1, 11))
    assert "another key" in verdict.problems[0].text


def test_a_long_forged_log_is_told_in_few_words() -> None:
    with closing(filled(100, OTHER_KEY)) as forged:
        verdict = verify(forged, KEY)
    assert (len(verdict.problems), verdict.more_problems) == (20, 80)


@given(some.data())
@settings(max_examples=60)
def test_any_flipped_bit_shows(data: some.DataObject) -> None:
    with closing(filled(5)) as connection:
        seq = data.draw(some.integers(1, 5))
        whole, digest = connection.execute("SELECT entry, hash FROM audit WHERE seq = ?", (seq,)).fetchone()
        flipped = bytearray(whole + digest)
        bit = data.draw(some.integers(0, len(flipped) * 8 - 1))
        flipped[bit // 8] ^= 1 << bit % 8
        parts = bytes(flipped[: len(whole)]), bytes(flipped[len(whole) :])
        connection.execute("UPDATE audit SET entry = ?, hash = ? WHERE seq = ?", (*parts, seq))
        assert broken(verify(connection, KEY))[0] == seq


# What a chain cannot show by itself, and what a head that was kept elsewhere does.


def test_a_cut_off_end_does_not_show_by_itself_but_against_a_kept_head(ten: sqlite3.Connection) -> None:
    kept = head_of(ten)
    ten.execute("DELETE FROM audit WHERE seq > 7")
    assert verify(ten, KEY).problems == ()
    [problem] = verify(ten, KEY, [kept]).problems
    assert problem.seq == 10
    assert "cut off" in problem.text


def test_an_end_cut_off_and_written_on_shows_against_a_kept_head(ten: sqlite3.Connection) -> None:
    kept = head_of(ten)
    ten.execute("DELETE FROM audit WHERE seq > 7")
    add(ten, KEY, None, [row(number) for number in range(50, 60)])
    assert verify(ten, KEY).problems == ()
    assert broken(verify(ten, KEY, [kept])) == [10]


def test_an_emptied_log_shows_against_a_kept_head(ten: sqlite3.Connection) -> None:
    kept = head_of(ten)
    ten.execute("DELETE FROM audit")
    assert broken(verify(ten, KEY, [kept])) == [10]


def test_heads_of_every_age_that_are_in_the_chain_are_no_problem(ten: sqlite3.Connection) -> None:
    heads = [Head(*found) for found in ten.execute("SELECT seq, hash FROM audit")]
    assert verify(ten, KEY, heads).problems == ()


def test_a_head_reads_as_it_is_written(ten: sqlite3.Connection) -> None:
    assert parse_head(str(head_of(ten))) == head_of(ten)


@pytest.mark.parametrize("text", ["", "12", "12:abcd", "x:" + "0" * 64, "-1:" + "0" * 64, "1:" + "z" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_head(text)


# Removing the oldest.


def test_rows_removed_from_the_front_leave_a_chain_that_verifies(ten: sqlite3.Connection) -> None:
    kept = head_of(ten)
    assert remove(ten, KEY, 6, 100, "age").rows == 6
    verdict = verify(ten, KEY, [kept])
    assert (verdict.rows, verdict.first, verdict.problems) == (4, 7, ())
    assert verdict.anchored is not None
    assert (verdict.anchored.rows, verdict.anchored.time, verdict.anchored.why) == (6, round((NOON + 6) * 1000), "age")


def test_all_rows_removed_leave_a_chain_that_goes_on(ten: sqlite3.Connection) -> None:
    known = head_of(ten)
    for _ in range(4):
        remove(ten, KEY, 10, 3, "size")
    assert verify(ten, KEY).rows == 0
    assert head_of(ten) == known
    assert add(ten, KEY, known, [row(11)]) == (head_of(ten), None)
    verdict = verify(ten, KEY, [known])
    assert (verdict.first, verdict.problems) == (11, ())
    assert verdict.anchored is not None
    assert verdict.anchored.rows == 10


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE anchor SET seq = 5",
        "UPDATE anchor SET hash = zeroblob(32)",
        "UPDATE anchor SET entry = CAST(replace(entry, 'age', 'size') AS BLOB)",
        "UPDATE anchor SET entry = x'00'",
        "UPDATE anchor SET seal = zeroblob(32)",
        "DELETE FROM anchor",
    ],
)
def test_a_changed_anchor_shows(ten: sqlite3.Connection, change: str) -> None:
    remove(ten, KEY, 4, 100, "age")
    ten.execute(change)
    assert verify(ten, KEY).problems


def test_more_rows_removed_than_the_anchor_stands_for_shows(ten: sqlite3.Connection) -> None:
    remove(ten, KEY, 4, 100, "age")
    ten.execute("DELETE FROM audit WHERE seq < 8")
    assert broken(verify(ten, KEY)) == [5]


def test_nobody_without_the_key_can_move_the_anchor(ten: sqlite3.Connection) -> None:
    remove(ten, OTHER_KEY, 4, 100, "age")
    assert "another key" in verify(ten, KEY).problems[0].text


def test_a_changed_row_is_told_before_it_goes(ten: sqlite3.Connection) -> None:
    ten.execute("UPDATE audit SET entry = ? WHERE seq = 3", (row(9),))
    gone = remove(ten, KEY, 6, 100, "age")
    assert gone.broken is not None
    assert gone.broken.seq == 3


# Age.


def test_rows_are_as_old_as_their_clocks_say(ten: sqlite3.Connection) -> None:
    assert outlived(ten, round((NOON + 7) * 1000)) == 6
    assert outlived(ten, round(NOON * 1000)) == 0
    assert outlived(ten, round((NOON + 1000) * 1000)) == 10


def test_a_row_without_a_sure_time_goes_with_the_next_one_that_has_one() -> None:
    with closing(empty()) as connection:
        nobody_knows = row(0, time=1000.0, clock="unsynchronised")
        add(connection, KEY, None, [nobody_knows, row(1), nobody_knows, row(2), nobody_knows])
        assert outlived(connection, round(NOON * 1000)) == 0
        assert outlived(connection, round((NOON + 2) * 1000)) == 2
        assert outlived(connection, round((NOON + 3) * 1000)) == 4


def test_a_young_row_keeps_what_came_after_it_though_its_clock_was_set_back() -> None:
    with closing(empty()) as connection:
        add(connection, KEY, None, [row(1), row(2), row(500), row(3), row(501)])
        assert outlived(connection, round((NOON + 400) * 1000)) == 2


# Others at the file while the gateway runs.


def test_a_row_added_by_somebody_else_is_noticed_and_stays_visible(ten: sqlite3.Connection) -> None:
    known = head_of(ten)
    ten.execute("INSERT INTO audit VALUES (11, ?, ?)", (row(99), bytes(32)))
    head, foreign = add(ten, KEY, known, [row(11)])
    assert foreign == Head(11, bytes(32))
    assert head.seq == 12
    assert broken(verify(ten, KEY))[0] == 11


def test_an_end_cut_off_while_the_gateway_runs_is_noticed_and_stays_visible(ten: sqlite3.Connection) -> None:
    known = head_of(ten)
    ten.execute("DELETE FROM audit WHERE seq > 7")
    head, foreign = add(ten, KEY, known, [row(11)])
    assert foreign is not None
    assert (foreign.seq, head.seq) == (7, 11)
    assert broken(verify(ten, KEY)) == [8]


def test_a_new_file_for_a_damaged_one_goes_on_with_the_chain(ten: sqlite3.Connection) -> None:
    known = head_of(ten)
    with closing(empty()) as new:
        go_on_in_new_file(new, KEY, known, round(NOON * 1000))
        assert add(new, KEY, known, [row(11)]).foreign is None
        verdict = verify(new, KEY, [known])
    assert (verdict.first, verdict.problems) == (11, ())
    assert verdict.anchored is not None
    assert verdict.anchored.why == "damage"


def test_an_empty_log_verifies_and_has_no_head() -> None:
    with closing(empty()) as connection:
        assert verify(connection, KEY) == Verdict(0, None, BEGINNING, None, (), 0)


def test_a_row_says_what_was_noted() -> None:
    said = read(row(7))
    assert said is not None
    assert (said.action, said.target, said.details, said.time) == (
        "tag.write",
        "l/d/setpoint",
        {"value": 7},
        round((NOON + 7) * 1000),
    )
