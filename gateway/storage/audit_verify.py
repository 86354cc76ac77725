"""Goes along the chain of the audit log and finds where it was changed.

What a chain cannot show by itself is that its end was cut off, or that all of it was replaced by an earlier copy: for
that it has to be compared with a head that was kept elsewhere, which every log line and event of the head is good for.
"""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.storage.audit_rows import BEGINNING, Anchored, AuditKey, Head, read, read_anchor

# Problems beyond this many are counted only: the first one says where to look.
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written.

    Attributes:
        seq: number of the row; for rows that are missing the first of them.
        text: what is wrong with it.
    """

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        rows: how many were looked at.
        first: number of the first of them, None where there are none.
        head: the newest row, to be kept elsewhere.
        anchored: what was removed from the front, None where nothing was.
        problems: the first ones in order; none: all is as it was written.
        more_problems: how many beyond these.
    """

    rows: int
    first: int | None
    head: Head
    anchored: Anchored | None
    problems: tuple[Problem, ...]
    more_problems: int


class Walk:
    """Goes from row to row.

    Args:
        key: rows are sealed with.
        start: the row before the first; None: it is not known, and the first row is taken as it is.
        key_since: the first row that this key is known for; that earlier ones say another key is no problem, but
            nothing is known of them then.
    """

    def __init__(self, key: AuditKey, start: Head | None, key_since: int = 0) -> None:
        self._key = key
        self._key_since = key_since
        self._previous = start
        self.problems: list[Problem] = []
        self.more_problems = 0
        self.rows = 0
        self.first: int | None = None

    @property
    def head(self) -> Head:
        """The last row looked at, or where the walk started."""
        return self._previous or BEGINNING

    def tell(self, seq: int, text: str) -> None:
        """Keep a problem."""
        if len(self.problems) < _MOST_TOLD:
            self.problems.append(Problem(seq, text))
        else:
            self.more_problems += 1

    def step(self, seq: int, entry: bytes, digest: bytes) -> None:
        """Look at the next row."""
        previous, self._previous = self._previous, Head(seq, digest)
        self.rows += 1
        if self.first is None:
            self.first = seq
        if previous is None:
            return
        missing = range(previous.seq + 1, seq)
        if missing:
            # Without the row before, this one cannot be checked: it counts as part of the gap.
            self.tell(missing[0], _of_missing(missing, seq))
        elif not hmac.compare_digest(self._key.row(seq, previous.hash, entry), digest):
            if seq < self._key_since and self._of_another_key(entry):
                return
            self.tell(seq, self._of_broken(entry))

    def _of_another_key(self, entry: bytes) -> bool:
        written = read(entry)
        return written is not None and written.key != self._key.id

    def _of_broken(self, entry: bytes) -> str:
        written = read(entry)
        if written is None:
            return "it was changed: it holds no entry"
        if written.key != self._key.id:
            return f"it says another key ({written.key}, not {self._key.id}), and cannot be verified with this one"
        return "it was changed, or the row before it was"


def verify(connection: sqlite3.Connection, key: AuditKey, heads: Sequence[Head] = ()) -> Verdict:
    """Verify all rows.

    Args:
        connection: in a read transaction, so that a gateway may go on writing meanwhile.
        key: the rows are sealed with.
        heads: kept elsewhere; they must be in the chain, or it was cut off or replaced.
    """
    walk = Walk(key, BEGINNING)
    anchored = None
    found = connection.execute("SELECT seq, hash, entry, seal FROM anchor").fetchone()
    if found is not None:
        start = Head(*found[:2])
        walk = Walk(key, start)
        anchored = read_anchor(found[2])
        if not hmac.compare_digest(key.anchor(start, found[2]), found[3]):
            other = anchored is not None and anchored.key != key.id
            walk.tell(
                start.seq,
                "the anchor of the removed rows was "
                + ("sealed with another key, and cannot be verified with this one" if other else "changed"),
            )
    wanted = {head.seq: head for head in heads}
    start = walk.head
    for seq, entry, digest in connection.execute("SELECT seq, entry, hash FROM audit ORDER BY seq"):
        walk.step(seq, entry, digest)
        if seq in wanted and wanted.pop(seq).hash != digest:
            walk.tell(seq, "it is not the row that the head kept elsewhere stands for: the log was replaced")
    for seq, head in sorted(wanted.items()):
        if head == start:
            continue
        if seq > walk.head.seq:
            walk.tell(seq, f"it is gone, and so is every row after {walk.head.seq}: the end was cut off, or replaced")
        elif seq == start.seq:
            walk.tell(seq, "it is not the row that the head kept elsewhere stands for: the log was replaced")
    return Verdict(walk.rows, walk.first, walk.head, anchored, tuple(walk.problems), walk.more_problems)


def _of_missing(missing: range, before: int) -> str:
    if len(missing) == 1:
        return f"it is missing, before row {before}"
    return f"it is missing, and so are all up to row {before - 1}"
