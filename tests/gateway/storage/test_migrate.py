"""A database comes to this version's schema step by step, and a kill between steps costs nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.storage import NewerSchema
from gateway.storage.migrate import Step, migrate, packaged_steps, read_steps
from gateway.storage.storage import CONTROL_FILE

from .conftest import Opener

STEPS = (
    Step(1, "CREATE TABLE a (x); INSERT INTO a VALUES (1);"),
    Step(2, "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1;"),
    Step(3, "CREATE TABLE b AS SELECT y FROM a;"),
)


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def apply(path: Path, steps: tuple[Step, ...]) -> int:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return migrate(connection, path, steps)


def test_an_empty_database_takes_all_steps_and_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    assert apply(path, STEPS) == 0
    assert version(path) == 3
    assert [file.name for file in tmp_path.iterdir()] == ["d.db"]


def test_an_older_database_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    apply(path, STEPS[:1])
    assert apply(path, STEPS) > 0
    assert version(path) == 3
    assert version(tmp_path / "d.db.schema-1") == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT y FROM b").fetchall() == [(2,)]


def test_of_the_copies_the_last_one_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    for known in (1, 2, 3):
        apply(path, STEPS[:known])
    assert {file.name for file in tmp_path.iterdir()} == {"d.db", "d.db.schema-2"}
    assert version(tmp_path / "d.db.schema-2") == 2


def test_a_newer_database_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    apply(path, STEPS)
    with pytest.raises(
        NewerSchema, match=r"d\.db: written by a newer version .*schema 3, this version knows 2.*install"
    ):
        apply(path, STEPS[:2])


async def test_the_store_refuses_to_open_a_newer_one(opened: Opener, tmp_path: Path) -> None:
    async with opened():
        pass
    with closing(sqlite3.connect(tmp_path / CONTROL_FILE)) as connection:
        connection.executescript("PRAGMA user_version = 99; INSERT INTO schema_step VALUES (99);")
    before = (tmp_path / CONTROL_FILE).read_bytes()
    with pytest.raises(NewerSchema):
        async with opened():
            pass
    assert (tmp_path / CONTROL_FILE).read_bytes() == before


def test_a_failing_step_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "d.db"
    with pytest.raises(sqlite3.OperationalError):
        apply(path, (*STEPS[:2], Step(3, "CREATE TABLE c (z); INSERT INTO nowhere VALUES (1);")))
    assert version(path) == 2
    apply(path, STEPS)
    assert version(path) == 3


KILLED = """
import os, pathlib, signal, sqlite3, sys
from gateway.storage.migrate import Step, migrate
path, statements = pathlib.Path(sys.argv[1]), int(sys.argv[2])
steps = tuple(Step(n, sql) for n, sql in eval(sys.argv[3]))
connection = sqlite3.connect(path, isolation_level=None)
left = [statements]
def count(statement):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
connection.set_trace_callback(count)
migrate(connection, path, steps)
print("done")
"""


def test_a_kill_at_any_statement_is_survived(tmp_path: Path) -> None:
    source = repr([(step.number, step.sql) for step in STEPS])
    for statements in range(4, 40, 2):
        path = tmp_path / f"{statements}.db"
        apply(path, STEPS[:1])
        ended = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(statements), source],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},  # noqa: PTH109 - the project's root, where tests run
            check=False,
        )
        assert ended.returncode in {0, -signal.SIGKILL}, ended.stderr
        assert version(path) in {1, 2, 3}
        apply(path, STEPS)
        assert version(path) == 3
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT y FROM b").fetchall() == [(2,)]
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if ended.returncode == 0:
            return
    pytest.fail("the migration never came to its end")


def test_steps_are_numbered_without_a_gap(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("SELECT 1")
    (tmp_path / "0003_b.sql").write_text("SELECT 1")
    with pytest.raises(ValueError, match="without a gap"):
        read_steps(tmp_path)
    for name in ("control", "history"):
        assert packaged_steps(name)
