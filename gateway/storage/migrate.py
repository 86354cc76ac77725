"""Brings a database to the schema of this version, one numbered step a transaction.

``PRAGMA user_version`` is part of the transaction of its step: a kill at any moment leaves the step done or not begun.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from gateway.storage.copies import copy_whole
from gateway.storage.trouble import NewerSchema

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

# The number also stands in a table: a single flipped bit in the file's header is then not taken for a newer version.
_NOTE = "CREATE TABLE IF NOT EXISTS schema_step (number INTEGER PRIMARY KEY) STRICT"


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered change of the schema."""

    number: int
    sql: str


def packaged_steps(name: str) -> tuple[Step, ...]:
    """The steps that come with this version for the database ``name``."""
    return read_steps(resources.files("gateway.storage").joinpath("migrations", name))


def read_steps(directory: Traversable) -> tuple[Step, ...]:
    """The steps in a directory, in order.

    Raises:
        ValueError: the numbers do not run from 1 without a gap.
    """
    found = {}
    for file in directory.iterdir():
        if match := _NAME.fullmatch(file.name):
            found[int(match[1])] = file.read_text("utf-8")
    if sorted(found) != list(range(1, len(found) + 1)):
        raise ValueError(f"{directory}: migrations must be numbered from 0001 without a gap, found {sorted(found)}")
    return tuple(Step(number, found[number]) for number in sorted(found))


def migrate(connection: sqlite3.Connection, path: Path, steps: tuple[Step, ...]) -> int:
    """Apply the steps a database lacks; copy it first where it holds anything, in the place of older copies.

    Returns:
        Bytes the copy took.

    Raises:
        NewerSchema: a newer version of the gateway wrote this database.
        sqlite3.DatabaseError: the file contradicts itself, or the disk took it not.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    noted = 0
    if tables:
        (noted,) = connection.execute("SELECT coalesce(max(number), 0) FROM schema_step").fetchone()
    if version != noted:
        raise sqlite3.DatabaseError(f"{path}: header and table disagree on the schema: {version}, {noted}")
    known = len(steps)
    if version > known:
        raise NewerSchema(
            f"{path}: written by a newer version of the gateway (schema {version}, this version knows {known}); "
            "install that version again, or move the file away to start with an empty one"
        )
    written = 0
    if 0 < version < known:
        copy = path.with_name(f"{path.name}.schema-{version}")
        written = copy_whole(connection, path, copy)
        # Of the copies of earlier versions this is the one that is needed; a card has no room for all of them.
        for older in path.parent.glob(f"{path.name}.schema-*"):
            if older != copy:
                older.unlink(missing_ok=True)
    for step in steps[version:]:
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{_NOTE};\n{step.sql}\n;"  # noqa: S608 - a number and a file of this package
                f"INSERT INTO schema_step VALUES ({step.number});"
                f"PRAGMA user_version = {step.number};\nCOMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return written


def has_tables_of(connection: sqlite3.Connection, path: Path, steps: tuple[Step, ...]) -> bool:
    """Whether a database has the tables its steps make, to the letter."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        migrate(model, path, steps)
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        return model.execute(query).fetchall() == connection.execute(query).fetchall()
