"""``ferrule audit``: what people and programs are told, beside a gateway that writes and of a copy."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from shutil import copy2

import pytest
import trio

from gateway.access.keys import load_root_key
from gateway.cli.audit import PURPOSE
from gateway.cli.main import main
from gateway.core.audit import AuditOutcome
from gateway.core.ports import Json
from gateway.core.principal import Kind, Principal
from gateway.core.timeline import Timeline
from gateway.field.backup import copy_database
from gateway.storage import StoreSettings, open_storage
from gateway.storage.audit import AUDIT_FILE, AuditTrail, open_audit
from gateway.storage.audit_rows import Head

ANNA = Principal("anna", frozenset({"devices:write"}), Kind.OPERATOR, "jti-1")
Opened = Callable[[], AbstractAsyncContextManager[AuditTrail]]
Said = pytest.CaptureFixture[str]


def silent(component: str, severity: str, summary: str, details: dict[str, Json]) -> None:
    """Nobody listens."""


def nobody(head: Head) -> None:
    """Nobody keeps it."""


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    load_root_key(tmp_path)
    return tmp_path


@pytest.fixture
async def gateway(state: Path) -> Opened:
    """A gateway, as far as it writes the log."""

    @asynccontextmanager
    async def gateway() -> AsyncIterator[AuditTrail]:
        timeline = Timeline(trio.current_time, time.time, lambda: True)
        async with (
            open_storage(
                state,
                settings=StoreSettings(ballast=0),
                monotonic=trio.current_time,
                wall=time.time,
                announce=silent,
                inline=True,
            ) as storage,
            open_audit(
                storage,
                key=load_root_key(state).key(PURPOSE).secret,
                timeline=timeline,
                monotonic=trio.current_time,
                announce=silent,
                tell_head=nobody,
            ) as audit,
        ):
            audit.note("tag.write", by=ANNA, peer="192.168.1.7", target="l/d/setpoint", details={"value": 3.5})
            audit.note("auth.token", AuditOutcome.DENIED, claimed="admin\x1b[2J", peer="10.0.0.9")
            audit.note("tag.write", AuditOutcome.UNKNOWN, by=ANNA, peer="192.168.1.7", target="l/d/setpoint")
            await audit.flush()
            yield audit

    return gateway


def audit(state: Path, *words: str) -> int:
    return main(["audit", words[0], "--state", str(state), *words[1:]])


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def cut_off(state: Path) -> None:
    with closing(sqlite3.connect(state / AUDIT_FILE, isolation_level=None)) as connection:
        connection.execute("DELETE FROM audit WHERE seq = 3")


async def test_verify_works_beside_the_gateway_that_writes(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway() as trail:
        assert audit(state, "verify") == 0
        assert "3 rows, 1 to 3\nevery row is as it was written\nhead 3:" in capsys.readouterr().out
        trail.note("tag.write", by=ANNA)
        await trail.flush()
        assert audit(state, "verify", "--json") == 0
        said = json.loads(capsys.readouterr().out)
    assert (said["intact"], said["rows"], said["first"], said["removed"], said["problems"]) == (True, 4, 1, None, [])


async def test_verify_leaves_nothing_beside_the_files_of_a_stopped_gateway(
    gateway: Opened, state: Path, capsys: Said
) -> None:
    async with gateway():
        pass
    before = names(state)
    assert audit(state, "verify") == 0
    assert names(state) == before


async def test_verify_names_the_first_row_that_was_changed(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway():
        pass
    with closing(sqlite3.connect(state / AUDIT_FILE, isolation_level=None)) as connection:
        connection.execute("UPDATE audit SET entry = CAST(replace(entry, '3.5', '2.5') AS BLOB) WHERE seq = 1")
        connection.execute("DELETE FROM audit WHERE seq = 3")
    assert audit(state, "verify") == 1
    out = capsys.readouterr().out
    assert "row 1: it was changed" in out
    assert "every row is" not in out


async def test_an_end_that_was_cut_off_is_found_by_what_the_gateway_remembers(
    gateway: Opened, state: Path, capsys: Said
) -> None:
    async with gateway():
        pass
    cut_off(state)
    assert audit(state, "verify") == 1
    assert "row 3: it is gone, and so is every row after 2" in capsys.readouterr().out


async def test_an_end_that_was_cut_off_is_found_by_a_head_that_was_kept_elsewhere(
    gateway: Opened, state: Path, capsys: Said
) -> None:
    async with gateway():
        pass
    audit(state, "verify", "--json")
    head = json.loads(capsys.readouterr().out)["head"]
    cut_off(state)
    (state / "ferrule.db").unlink()
    assert audit(state, "verify") == 0
    assert audit(state, "verify", "--head", head) == 1
    assert "row 3: it is gone" in capsys.readouterr().out


async def test_what_ferrule_db_says_is_not_asked_of_a_copy(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway():
        pass
    copy2(state / AUDIT_FILE, state / "of-yesterday")
    async with gateway():
        pass
    assert audit(state, "verify") == 0
    assert audit(state, "verify", "--database", str(state / "of-yesterday")) == 0


@pytest.mark.parametrize("content", [b"", b"no database at all" * 400])
async def test_a_ferrule_db_that_cannot_be_read_is_no_problem_of_the_log(
    gateway: Opened, state: Path, capsys: Said, content: bytes
) -> None:
    async with gateway():
        pass
    (state / "ferrule.db").write_bytes(content)
    assert audit(state, "verify") == 0


async def test_a_copy_is_verified_with_the_key_of_the_gateway(
    gateway: Opened, state: Path, tmp_path_factory: pytest.TempPathFactory, capsys: Said
) -> None:
    elsewhere = tmp_path_factory.mktemp("stick")
    async with gateway():
        # As ``ferrule backup`` does it, and as somebody with a stick does.
        copy_database(state / AUDIT_FILE, elsewhere / "backup.db")
        for suffix in ("", "-wal"):
            copy2(state / f"{AUDIT_FILE}{suffix}", elsewhere / f"copy.db{suffix}")
        copy2(state / AUDIT_FILE, elsewhere / "half.db")
    for name in ("backup.db", "copy.db"):
        assert audit(state, "verify", "--database", str(elsewhere / name)) == 0
        assert "3 rows" in capsys.readouterr().out
    assert audit(state, "verify", "--database", str(elsewhere / "half.db")) == 1
    assert "half.db-wal" in capsys.readouterr().err


async def test_a_list_says_who_did_what_and_moves_no_cursor(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway():
        assert audit(state, "list") == 0
    out = capsys.readouterr().out
    _, first, second, third = out.splitlines()
    assert all(word in first for word in ("operator anna", "192.168.1.7", "tag.write", "l/d/setpoint", "done", "3.5"))
    assert "\\x1b" in second
    assert "\x1b" not in out
    # Nobody has verified that name.
    assert "?" in second
    assert "unknown" in third


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), [1, 2, 3]),
        (("--who", "anna"), [1, 3]),
        (("--who", "admin"), [2]),
        (("--who", "10.0.0.9"), [2]),
        (("--who", "jti-1"), [1, 3]),
        (("--action", "write"), [1, 3]),
        (("--outcome", "unknown"), [3]),
        (("--since", "1h"), [1, 2, 3]),
        (("--until", "1h"), []),
        (("--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02T00:00:00Z"), []),
        (("--who", "anna", "--outcome", "done"), [1]),
    ],
)
async def test_a_list_is_of_what_was_asked_for(
    gateway: Opened, state: Path, capsys: Said, words: tuple[str, ...], wanted: list[int]
) -> None:
    async with gateway():
        assert audit(state, "list", "--json", *words) == 0
    assert [entry["seq"] for entry in json.loads(capsys.readouterr().out)["entries"]] == wanted


async def test_json_has_every_member(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway():
        audit(state, "list", "--json", "--who", "admin")
    [entry] = json.loads(capsys.readouterr().out)["entries"]
    assert entry.pop("time").endswith("Z")
    assert entry == {
        "seq": 2,
        "clock": "synchronised",
        "who": {"kind": None, "subject": "admin\x1b[2J", "token": None},
        "peer": "10.0.0.9",
        "action": "auth.token",
        "target": None,
        "outcome": "denied",
        "count": 1,
        "since": None,
        "details": {},
    }


async def test_a_long_list_shows_the_newest_and_says_so(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway() as trail:
        for number in range(100):
            trail.note("tag.write", details={"value": number})
        await trail.flush()
        audit(state, "list")
        short = capsys.readouterr().out.splitlines()
        audit(state, "list", "--all")
        whole = capsys.readouterr().out.splitlines()
    assert (len(short), len(whole)) == (1 + 50 + 1, 1 + 103)
    assert "--all" in short[-1]
    assert short[-2].split() == whole[-1].split()


async def test_an_unreadable_row_does_not_vanish_from_the_list(gateway: Opened, state: Path, capsys: Said) -> None:
    async with gateway():
        pass
    with closing(sqlite3.connect(state / AUDIT_FILE, isolation_level=None)) as connection:
        connection.execute("UPDATE audit SET entry = x'00' WHERE seq = 2")
    assert audit(state, "list") == 0
    assert "(unreadable)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "cure"),
    [
        (("verify",), 1, "the gateway makes it when it starts"),
        (("list",), 1, "the gateway makes it when it starts"),
        (("verify", "--head", "12"), 2, "a number, a colon and 64"),
        (("list", "--since", "yesterday"), 2, "neither how long ago"),
        (("list", "--since", "1h", "--until", "2h"), 2, "--until lies before --since"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_cure(
    tmp_path: Path, capsys: Said, words: tuple[str, ...], code: int, cure: str
) -> None:
    load_root_key(tmp_path)
    assert audit(tmp_path, *words) == code
    assert cure in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no database at all" * 400])
def test_what_is_no_audit_log_is_told_without_a_traceback(tmp_path: Path, capsys: Said, content: bytes) -> None:
    load_root_key(tmp_path)
    (tmp_path / AUDIT_FILE).write_bytes(content)
    assert audit(tmp_path, "verify") == 1
    assert str(tmp_path / AUDIT_FILE) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("nowhere", "is not there"),
        ("", "is a directory"),
        ("/dev/null", "is no file, but a device"),
        ("text", "is no database"),
        ("text/below", "is not there"),
    ],
)
async def test_what_is_no_log_is_called_what_it_is(state: Path, capsys: Said, place: str, words: str) -> None:
    (state / "text").write_text("no database at all" * 400)
    for act in ("verify", "list"):
        assert audit(state, act, "--database", str(state / place)) == 1
        said = capsys.readouterr()
        assert (said.out, words in said.err) == ("", True), said.err
        assert str(state / place) in said.err
