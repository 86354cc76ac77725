"""The newest row of the audit log, kept where it is not: in ``ferrule.db`` and with whoever listens.

A chain does not show that its end was cut off, or that the whole file is an older one or a new one. Compared with a row
that was seen elsewhere it does.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable

import structlog

from gateway.core.ports import FactStore, Json
from gateway.storage.audit_chain import anchor_of
from gateway.storage.audit_rows import BEGINNING, Head, parse_head

log = structlog.stdlib.get_logger(__name__)

_KIND, _KEY = "audit", "head"
_SEALED_WITH = "sealed_with"

# Told the newest row now and then, to be kept where somebody who can change the file cannot change it.
TellHead = Callable[[Head], None]


def log_head(head: Head) -> None:
    """Tell the head in the log, which a board that matters sends to another machine."""
    log.info("audit log: newest row", head=str(head))


class Witness:
    """Remembers the head.

    Args:
        facts: where it is kept over a restart.
        tell: told of every head that is remembered.
    """

    def __init__(self, facts: FactStore, tell: TellHead) -> None:
        self._facts = facts
        self._tell = tell
        self._told: Head | None = None

    def kept(self) -> Head | None:
        """The newest head that an earlier start remembered, or this one."""
        return _head(self._facts.recall(_KIND).get(_KEY))

    def remember(self, head: Head | None) -> None:
        """Keep the head and tell it, where it is another one than the last."""
        if head is None or head in (self._told, BEGINNING):
            return
        self._told = head
        self._facts.remember(_KIND, _KEY, str(head))
        self._tell(head)

    def key(self) -> tuple[str, int] | None:
        """The id of the key that rows were sealed with last, and the first row of that key; None: it is not known."""
        kept = self._facts.recall(_KIND).get(_SEALED_WITH)
        match kept:
            case {"key": str(name), "since": int(since)}:
                return name, since
        return None

    def remember_key(self, name: str, since: int) -> None:
        """Keep which key rows are sealed with, and from which row on."""
        self._facts.remember(_KIND, _SEALED_WITH, {"key": name, "since": since})


def kept_head(connection: sqlite3.Connection) -> Head | None:
    """The head as ``ferrule.db`` has it, for somebody beside the gateway."""
    found = connection.execute("SELECT value FROM fact WHERE kind = ? AND key = ?", (_KIND, _KEY)).fetchone()
    try:
        return None if found is None else _head(json.loads(found[0]))
    except ValueError:
        return None


def _head(text: Json) -> Head | None:
    try:
        return parse_head(text) if isinstance(text, str) else None
    except ValueError:
        return None


def holds(connection: sqlite3.Connection, head: Head) -> bool:
    """Whether a log still holds a row, or has removed it in order.

    Args:
        connection: in a read transaction.
        head: the row.
    """
    anchor = anchor_of(connection)
    if head.seq <= anchor.seq:
        return head.seq < anchor.seq or head == anchor
    found = connection.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
    return found is not None and bytes(found[0]) == head.hash
