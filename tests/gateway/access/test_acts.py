"""What commands did without the gateway gets into the audit log, with who did it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
import trio.testing
from trio.testing import MockClock

from gateway.access.acting import LOOK_S, Acts
from gateway.access.acts import ACTS, Act, forget, leave, left
from gateway.access.keys import RootKey
from gateway.core.audit import AuditOutcome
from gateway.core.ports import Json
from gateway.core.principal import Principal

AT = 1_800_000_000.0
KEY = RootKey(b"k" * 32)


class Audit:
    """An audit log as a list."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str | None, str | None, Mapping[str, Json]]] = []

    def note(
        self,
        action: str,
        outcome: AuditOutcome = AuditOutcome.DONE,
        *,
        by: Principal | None = None,
        claimed: str | None = None,
        peer: str | None = None,
        target: str | None = None,
        details: Mapping[str, Json] | None = None,
    ) -> None:
        self.rows.append((action, None if by is None else by.known_as, target, details or {}))


def files(state: Path) -> list[str]:
    return sorted(path.name for path in (state / ACTS).iterdir())


def test_what_is_left_is_found_in_its_order_until_it_is_forgotten(tmp_path: Path) -> None:
    assert left(tmp_path, KEY) == {}
    acts = [Act("agent.enrol", AT + number, "anna", f"agent-{number}", {"kid": "k"}) for number in range(3)]
    for act in acts:
        leave(tmp_path, KEY, act)
    found = left(tmp_path, KEY)
    assert list(found.values()) == acts
    assert {(tmp_path / ACTS / name).stat().st_mode & 0o777 for name in found} == {0o600}
    first, *others = found
    assert list(left(tmp_path, KEY, {first})) == others
    forget(tmp_path, others)
    assert files(tmp_path) == [first]


def test_what_was_not_sealed_with_the_key_of_the_gateway_is_no_act(tmp_path: Path) -> None:
    leave(tmp_path, KEY, Act("agent.enrol", AT, "anna"))
    [name] = files(tmp_path)
    path = tmp_path / ACTS / name
    content: dict[str, Any] = json.loads(path.read_text())
    assert left(tmp_path, RootKey(b"x" * 32)) == {name: None}
    for forged in (
        json.dumps(content | {"act": content["act"] | {"by": "eve"}}),
        json.dumps(content | {"seal": "0" * 64}),
        json.dumps(content | {"seal": "ä"}),
        json.dumps({"act": content["act"]}),
        "{",
        "",
    ):
        path.write_text(forged)
        assert left(tmp_path, KEY) == {name: None}
    path.unlink()
    path.mkdir()
    assert left(tmp_path, KEY) == {name: None}


async def until(audit: Audit, rows: int) -> None:
    """Wait for the thread that looks."""
    while len(audit.rows) < rows:
        await trio.lowlevel.checkpoint()


async def test_what_was_done_before_the_start_and_since_is_noted_once(tmp_path: Path, mock_clock: MockClock) -> None:
    audit = Audit()
    leave(tmp_path, KEY, Act("agent.enrol", AT, "anna", "hvac-1", {"kid": "k"}))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Acts(tmp_path, KEY, audit).run)
        await until(audit, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert len(files(tmp_path)) == 1, "it is removed when the log has it"
        leave(tmp_path, KEY, Act("keys.rotate", AT + 9, None))
        mock_clock.jump(LOOK_S)
        await until(audit, 2)
        nursery.cancel_scope.cancel()
    assert audit.rows == [
        ("agent.enrol", "operator:anna", "hvac-1", {"kid": "k", "at": "2027-01-15T08:00:00.000Z"}),
        ("keys.rotate", "operator", None, {"at": "2027-01-15T08:00:09.000Z"}),
    ]
    assert files(tmp_path) == []


async def test_who_asked_for_a_reload_is_known_when_it_begins(tmp_path: Path, mock_clock: MockClock) -> None:
    audit = Audit()
    acts = Acts(tmp_path, KEY, audit)
    # It reached nobody: no gateway ran.
    leave(tmp_path, KEY, Act("gateway.reload", AT, "early"))
    await acts.look()
    assert acts.asker() is None
    leave(tmp_path, KEY, Act("gateway.reload", AT + 1, "anna"))
    await acts.look()
    asker = acts.asker()
    assert asker is not None
    assert asker.known_as == "operator:anna"
    assert acts.asker() is None, "the next one comes from somebody else"
    leave(tmp_path, KEY, Act("gateway.reload", AT + 2, "anna"))
    await acts.look()
    mock_clock.jump(600)
    assert acts.asker() is None, "her signal never came"
    assert audit.rows == []


async def test_what_cannot_be_used_is_told_once(tmp_path: Path) -> None:
    leave(tmp_path, RootKey(b"x" * 32), Act("agent.enrol", AT, "eve"))
    audit = Audit()
    acts = Acts(tmp_path, KEY, audit)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await acts.look()
    assert audit.rows == []
    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert files(tmp_path) == []


def test_the_directory_is_private(tmp_path: Path) -> None:
    leave(tmp_path, KEY, Act("agent.enrol", AT, "anna"))
    assert (tmp_path / ACTS).stat().st_mode & 0o777 == 0o700
    with pytest.raises(OSError, match="Not a directory"):
        leave(tmp_path / ACTS / files(tmp_path)[0], KEY, Act("agent.enrol", AT, "anna"))
