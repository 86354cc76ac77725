"""Somebody else at the file of the audit log: what was changed, cut off or taken away is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from gateway.storage.audit import AUDIT_FILE
from tests.gateway.storage.auditing import KEY, Opened, actions, damage, take_away, tamper, verdict
from tests.gateway.storage.conftest import World


async def test_a_row_changed_while_the_gateway_was_stopped_is_told_at_the_start(
    trail: Opened, tmp_path: Path, world: World
) -> None:
    async with trail() as audit:
        audit.note("tag.write", details={"value": 1})
        audit.note("tag.write", details={"value": 2})
    assert world.news == []
    tamper(tmp_path, "UPDATE audit SET entry = CAST(replace(entry, '1', '7') AS BLOB) WHERE seq = 1")
    async with trail() as audit:
        audit.note("system.start")
    assert ["stopped, at row 1:" in summary for _, _, summary, _ in world.news] == [True]
    assert actions(tmp_path)[-2:] == ["audit.changed", "system.start"]
    assert [problem.seq for problem in verdict(tmp_path).problems] == [1]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM audit WHERE seq > 3", "DELETE FROM audit", "UPDATE audit SET hash = zeroblob(32) WHERE seq = 5"],
)
async def test_an_end_cut_off_while_the_gateway_was_stopped_is_told_and_stays_visible(
    trail: Opened, tmp_path: Path, world: World, statement: str
) -> None:
    async with trail() as audit:
        for number in range(5):
            audit.note("tag.write", details={"value": number})
    tamper(tmp_path, statement)
    for _ in range(2):
        async with trail() as audit:
            audit.note("system.start")
    # At every start, until the rows at the break are too old to keep.
    told = world.told("firing")
    assert len(told) == 2
    assert "stopped, at row 5:" in told[0]
    assert "audit.changed" in actions(tmp_path)
    assert verdict(tmp_path).problems


async def test_a_log_that_was_taken_away_is_told(trail: Opened, tmp_path: Path, world: World) -> None:
    async with trail() as audit:
        for number in range(5):
            audit.note("tag.write", details={"value": number})
    take_away(tmp_path)
    async with trail() as audit:
        audit.note("system.start")
    assert ["stopped, at row 5:" in summary for summary in world.told("firing")] == [True]
    assert [problem.seq for problem in verdict(tmp_path).problems] == [1]


async def test_a_log_that_was_found_damaged_at_the_start_goes_on_from_the_row_that_is_remembered(
    trail: Opened, tmp_path: Path, world: World
) -> None:
    async with trail() as audit:
        for number in range(5):
            audit.note("tag.write", details={"value": number})
    damage(tmp_path / AUDIT_FILE)
    async with trail() as audit:
        audit.note("system.start")
    assert ["audit.db.bad-" in summary for summary in world.told("firing")] == [True]
    found = verdict(tmp_path)
    assert (found.first, found.problems) == (6, ())
    assert actions(tmp_path) == ["audit.renewed", "system.start"]


async def test_an_end_cut_off_while_the_gateway_runs_is_told_and_noted(
    trail: Opened, tmp_path: Path, world: World, autojump_clock: MockClock
) -> None:
    async with trail() as audit:
        for number in range(5):
            audit.note("tag.write", details={"value": number})
        await trio.sleep(1.01)
        tamper(tmp_path, "DELETE FROM audit WHERE seq > 3")
        audit.note("tag.write")
        await trio.sleep(3)
        assert ["changed while the gateway ran" in summary for summary in world.told("firing")] == [True]
        assert actions(tmp_path)[-1] == "audit.changed"
        assert [problem.seq for problem in verdict(tmp_path).problems] == [4]


NEW = b"n" * 32


async def test_a_new_root_key_is_told_of_once_and_is_no_change_of_the_log(
    trail: Opened, tmp_path: Path, world: World
) -> None:
    for _ in range(30):
        async with trail() as audit:
            audit.note("system.start")
    for _ in range(3):
        async with trail(key=NEW) as audit:
            audit.note("system.start")
    [(component, severity, summary, _)] = world.news
    assert (component, severity) == ("audit", "warning")
    assert "before row 31 cannot be verified" in summary
    assert actions(tmp_path)[-4:] == ["audit.key", "system.start", "system.start", "system.start"]
    assert [problem.seq for problem in verdict(tmp_path, NEW).problems][:2] == [1, 2]


@pytest.mark.parametrize(
    ("statement", "at"),
    [
        ("DELETE FROM audit WHERE seq > 3", 5),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("UPDATE audit SET entry = CAST('{}' AS BLOB) WHERE seq = 2", 2),
    ],
)
async def test_what_a_new_root_key_does_not_explain_is_critical_still(
    trail: Opened, tmp_path: Path, world: World, statement: str, at: int
) -> None:
    async with trail() as audit:
        for number in range(5):
            audit.note("tag.write", details={"value": number})
    tamper(tmp_path, statement)
    async with trail(key=NEW) as audit:
        audit.note("system.start")
    assert [severity for _, severity, _, _ in world.news] == ["warning", "critical"]
    assert f"stopped, at row {at}:" in world.news[1][2]


async def test_rows_of_a_new_root_key_are_watched_as_any(trail: Opened, tmp_path: Path, world: World) -> None:
    for key in (KEY, NEW):
        async with trail(key=key) as audit:
            audit.note("tag.write", details={"value": 1})
    tamper(
        tmp_path, "UPDATE audit SET entry = CAST(replace(entry, '\"value\":1', '\"value\":7') AS BLOB) WHERE seq = 3"
    )
    async with trail(key=NEW) as audit:
        audit.note("system.start")
    assert [(severity, "at row 3:" in summary) for _, severity, summary, _ in world.news][1:] == [("critical", True)]
