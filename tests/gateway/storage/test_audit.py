"""The audit log at work: on disk within a second, in order, and no trouble of the disk loses a note silently."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import trio
from trio.testing import MockClock

from gateway.core.audit import AuditOutcome
from gateway.core.principal import Kind, Principal
from gateway.storage.audit import AUDIT_FILE
from gateway.storage.audit_reading import verify_file
from gateway.storage.audit_rows import AuditKey, Head
from gateway.storage.audit_settings import AuditSettings
from gateway.storage.settings import DAY
from tests.gateway.storage.auditing import KEY, Opened, actions, damage, rows, verdict
from tests.gateway.storage.conftest import World

ANNA = Principal("anna", frozenset({"devices:write"}), Kind.OPERATOR, "jti-1")


async def test_a_note_is_on_disk_within_a_second_and_says_who_what_and_how(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        audit.note("tag.write", by=ANNA, peer="192.168.1.7", target="l/d/setpoint", details={"value": 3.5})
        audit.note("agent.revoke", AuditOutcome.FAILED, by=ANNA, target="hvac-1")
        await trio.sleep(1.01)
        first, second = rows(tmp_path)
        assert (first.action, first.outcome, first.target, first.peer) == (
            "tag.write",
            "done",
            "l/d/setpoint",
            "192.168.1.7",
        )
        assert (first.who.kind, first.who.subject, first.who.token) == ("operator", "anna", "jti-1")
        assert (first.details, first.clock) == ({"value": 3.5}, "synchronised")
        assert (second.action, second.outcome) == ("agent.revoke", "failed")
        assert verdict(tmp_path).problems == ()


async def test_what_is_noted_last_is_written_when_the_gateway_stops(trail: Opened, tmp_path: Path) -> None:
    async with trail() as audit:
        audit.note("system.stop")
        for _ in range(3):
            audit.note("auth.token", AuditOutcome.DENIED, claimed="admin", peer="10.0.0.9")
    assert [(row.action, row.count) for row in rows(tmp_path)] == [
        ("system.stop", 1),
        ("auth.token", 1),
        ("auth.token", 2),
    ]


async def test_the_chain_goes_on_over_restarts(trail: Opened, tmp_path: Path) -> None:
    for _ in range(3):
        async with trail() as audit:
            audit.note("system.start")
    found = verdict(tmp_path)
    assert (found.rows, found.problems) == (3, ())


async def test_a_time_nobody_vouches_for_says_so(trail: Opened, tmp_path: Path, world: World) -> None:
    world.synchronised = False
    async with trail() as audit:
        audit.note("system.start")
    assert rows(tmp_path)[0].clock == "unsynchronised"


async def test_a_flood_of_denials_is_few_rows_and_their_minutes_come_to_an_end(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        for number in range(100_000):
            audit.note("auth.token", AuditOutcome.DENIED, claimed=f"user{number}", peer="10.0.0.9")
        assert audit.waiting_rows == 1
        await trio.sleep(62)
        assert [row.count for row in rows(tmp_path)] == [1, 99_999]


async def test_denials_that_are_counted_together_get_their_row_though_nothing_else_is_noted(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        for number in range(200):
            audit.note("auth.token", AuditOutcome.DENIED, peer=f"10.0.0.{number}")
        # By now there is room for two more kinds, and none is counted any more.
        await trio.sleep(62)
        for number in range(10):
            audit.note("auth.token", AuditOutcome.DENIED, peer=f"10.0.1.{number}")
        await trio.sleep(62)
        last = rows(tmp_path)[-1]
        assert (last.action, last.count, len(rows(tmp_path))) == ("denials", 8, 200 + 2 + 1)
        assert last.details["actions"] == ["auth.token"]


async def test_a_busy_day_takes_its_share_of_the_card_and_no_more(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        begun = audit._database._budget.commits
        for _ in range(7200):
            audit.note("tag.write", by=ANNA, target="l/d/setpoint")
            await trio.sleep(1)
        await trio.sleep(11)
        # One a second for ten minutes and a little, then one in ten seconds; not one of two hours' rows is missing.
        assert audit._database._budget.commits - begun < 600 + 740
        assert len(rows(tmp_path)) == 7200


async def test_who_writes_all_day_does_not_push_out_what_others_did(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail(AuditSettings(limit=200_000)) as audit:
        audit.note("agent.revoke", by=Principal("ben", frozenset(), Kind.OPERATOR, "jti-2"), target="hvac-1")
        for _ in range(12):
            for number in range(600):
                audit.note("tag.write", by=ANNA, target="l/d/setpoint", details={"value": number})
            await trio.sleep(3700)
    kept = rows(tmp_path)
    assert kept[0].action == "agent.revoke"
    assert sum(row.count for row in kept if row.action == "tag.write") == 12 * 600
    assert verdict(tmp_path).problems == ()


async def test_the_minute_of_one_whose_share_is_used_up_comes_to_an_end_though_nothing_else_is_noted(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail(AuditSettings(limit=1_000_000, retention=3600)) as audit:
        for _ in range(1000):
            audit.note("tag.write", by=ANNA, target="l/d/setpoint")
        await trio.sleep(65)
        last = rows(tmp_path)[-1]
        assert last.count > 1
        assert sum(row.count for row in rows(tmp_path)) == 1000


# Retention.


async def test_rows_go_after_thirty_days_and_the_rest_still_verifies(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        for day in range(40):
            audit.note("tag.write", details={"day": day})
            await trio.sleep(DAY)
        found = verdict(tmp_path)
        assert found.problems == ()
        assert found.first == 11
        assert found.anchored is not None
        assert (found.anchored.rows, found.anchored.why) == (10, "age")


async def test_without_a_sure_clock_no_row_is_too_old(
    trail: Opened, tmp_path: Path, world: World, autojump_clock: MockClock
) -> None:
    async with trail(AuditSettings(retention=DAY)) as audit:
        audit.note("system.start")
        await trio.sleep(1.01)
        world.synchronised = False
        audit._timeline.look()
        await trio.sleep(10 * DAY)
        assert actions(tmp_path) == ["system.start"]


async def test_a_log_that_grows_too_large_gives_its_oldest_rows_and_says_so_once(
    trail: Opened, tmp_path: Path, world: World, autojump_clock: MockClock
) -> None:
    limit = 200_000
    async with trail(AuditSettings(limit=limit)) as audit:
        for _ in range(4):
            for number in range(600):
                audit.note("tag.write", details={"value": number})
            await trio.sleep(3700)
        found = verdict(tmp_path)
        assert found.problems == ()
        assert found.anchored is not None
        assert found.anchored.why == "size"
        assert found.anchored.rows + found.rows == 2400
        assert (tmp_path / AUDIT_FILE).stat().st_size < 2 * limit
        assert len([summary for summary in world.told("firing") if "audit log is full" in summary]) == 1


# The head, told elsewhere.


async def test_the_head_is_told_once_an_hour_where_there_is_a_new_one_and_at_the_end(
    trail: Opened, tmp_path: Path, heads: list[Head], autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        audit.note("tag.write")
        await trio.sleep(3 * 3600 + 10)
        assert [head.seq for head in heads] == [1]
        audit.note("tag.write")
    assert [head.seq for head in heads] == [1, 2]
    assert verify_file(tmp_path / AUDIT_FILE, AuditKey(KEY), heads).problems == ()


# Trouble of the disk.


async def test_rows_wait_in_memory_while_the_disk_takes_none_and_what_is_too_much_is_counted(
    trail: Opened, tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with trail(AuditSettings(most_waiting=10)) as audit:
        audit.note("system.start")
        await trio.sleep(1.01)
        with closing(sqlite3.connect(tmp_path / AUDIT_FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for number in range(25):
                audit.note("tag.write", details={"value": number})
            await trio.sleep(2)
            assert audit.waiting_rows == 10
            assert not await audit.flush()
            other.execute("ROLLBACK")
        await trio.sleep(120)
        assert [(row.action, row.count) for row in rows(tmp_path)[-2:]] == [("tag.write", 1), ("audit.lost", 15)]
        assert len(rows(tmp_path)) == 12
        assert verdict(tmp_path).problems == ()


async def test_a_damaged_file_is_set_aside_and_the_chain_goes_on(
    trail: Opened, tmp_path: Path, world: World, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        for number in range(200):
            audit.note("tag.write", details={"value": number})
        await trio.sleep(1.01)
        await audit._database.checkpoint()
        damage(tmp_path / AUDIT_FILE)
        # The look for old rows finds it, once an hour.
        await trio.sleep(3700)
        audit.note("tag.write")
        await trio.sleep(120)
        found = verdict(tmp_path)
        assert (found.first, found.problems) == (201, ())
        assert found.anchored is not None
        assert found.anchored.why == "damage"
        assert actions(tmp_path) == ["tag.write", "audit.renewed"]
        assert any("audit.db.bad-" in summary for summary in world.told("firing"))
