"""An audit log for tests: opened, read, and tampered with."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

from gateway.storage.audit import AUDIT_FILE, AuditTrail
from gateway.storage.audit_reading import newest, verify_file
from gateway.storage.audit_rows import AuditKey, Written
from gateway.storage.audit_verify import Verdict

KEY = b"k" * 32
Opened = Callable[..., AbstractAsyncContextManager[AuditTrail]]


def rows(tmp_path: Path) -> list[Written]:
    return [written for _, written in newest(tmp_path / AUDIT_FILE, lambda _: True, None)]


def actions(tmp_path: Path) -> list[str]:
    return [written.action for written in rows(tmp_path)]


def verdict(tmp_path: Path, key: bytes = KEY) -> Verdict:
    return verify_file(tmp_path / AUDIT_FILE, AuditKey(key))


def tamper(tmp_path: Path, statement: str) -> None:
    with closing(sqlite3.connect(tmp_path / AUDIT_FILE, isolation_level=None)) as connection:
        connection.execute(statement)


def take_away(tmp_path: Path) -> None:
    for file in tmp_path.glob(f"{AUDIT_FILE}*"):
        file.unlink()


def damage(file: Path) -> None:
    """Overwrite all pages but the first, as a dying card does."""
    whole = file.read_bytes()
    file.write_bytes(whole[:1024] + b"\xa5" * (len(whole) - 1024))
