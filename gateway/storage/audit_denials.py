"""Denials, counted: who guesses passwords a hundred thousand times must fill neither the memory nor the card.

The first denial of a kind gets its row at once. Equal ones within the next minute become one row with their count, and
so on for every minute in which there are any. Equal are denials from one address for one action; of somebody who was
verified, those of one subject. The names that a guesser tries are told, the first few of them.

How many rows there can be is bounded too: beyond an allowance what comes from further addresses is counted together,
and a minute becomes longer until there is room for its row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from gateway.core.audit import AuditEntry, AuditOutcome
from gateway.storage.audit_allowance import Allowance
from gateway.storage.audit_first_few import FirstFew
from gateway.storage.audit_rows import Moment

WINDOW_S = 60.0
# Addresses and actions that are counted apart at a time.
MOST_KINDS = 256
# Rows at once, and then one in so many seconds: 86 400 of them in 30 days.
_ROWS, _ROW_EVERY_S = 200, 30.0
OTHERS = "denials"

_Kind = tuple[str | None, str, str | None]


@dataclass(frozen=True, slots=True)
class Counted:
    """One row to write: an entry that stands for ``count`` equal ones, the first of them at ``since``."""

    entry: AuditEntry
    moment: Moment
    count: int = 1
    since: float | None = None


class _Tally:
    """What is counted together, at least one denial."""

    def __init__(self, entry: AuditEntry, moment: Moment) -> None:
        self.entry = entry
        self.since = self.last = moment
        self.count = 0
        self._names, self._actions, self._peers, self._targets = FirstFew(), FirstFew(), FirstFew(), FirstFew()
        self.add(entry, moment)

    def add(self, entry: AuditEntry, moment: Moment) -> None:
        """Count one more."""
        self.last = moment
        self.count += 1
        self._names.add(entry.subject if entry.kind is None else None)
        self._actions.add(entry.action)
        self._peers.add(entry.peer)
        self._targets.add(entry.target)

    def row(self) -> Counted:
        """What is counted, all of it of one kind."""
        entry = self.entry
        if self._names.several:
            entry = replace(entry, subject=None, details={**entry.details, "claimed": self._names.told()})
        if self._targets.several:
            entry = replace(entry, target=None, details={**entry.details, "targets": self._targets.told()})
        return Counted(entry, self.last, self.count, self.since.time)

    def mixed_row(self) -> Counted:
        """What is counted, of many kinds."""
        entry = AuditEntry(
            action=OTHERS,
            outcome=AuditOutcome.DENIED,
            details={"actions": self._actions.told(), "peers": self._peers.told()},
        )
        return Counted(entry, self.last, self.count, self.since.time)


@dataclass(slots=True)
class _Window:
    """A minute of one kind; ``ends`` is in seconds of the run loop's clock."""

    ends: float
    tally: _Tally | None = None

    def add(self, entry: AuditEntry, moment: Moment) -> None:
        """Count a denial."""
        if self.tally is None:
            self.tally = _Tally(entry, moment)
        else:
            self.tally.add(entry, moment)


class Denials:
    """Counts what was denied.

    Args:
        monotonic: seconds of the run loop's clock.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._windows: dict[_Kind, _Window] = {}
        self._others = _Window(math.inf)
        self._rows = Allowance(_ROWS, _ROW_EVERY_S, monotonic())

    def take(self, entry: AuditEntry, moment: Moment) -> Counted | None:
        """Count a denial. Returns its row where it is the first of its kind."""
        now = self._monotonic()
        kind = (entry.peer, entry.action, None if entry.kind is None else entry.subject)
        window = self._windows.get(kind)
        if window is not None:
            window.add(entry, moment)
            return None
        if len(self._windows) < MOST_KINDS and self._rows.take(now):
            self._windows[kind] = _Window(now + WINDOW_S)
            return Counted(entry, moment)
        if not self.mixing:
            self._others.ends = now + WINDOW_S
        self._others.add(entry, moment)
        return None

    @property
    def mixing(self) -> bool:
        """Whether denials of many kinds are being counted together."""
        return self._others.tally is not None

    @property
    def due(self) -> float:
        """When the next minute is over, on the run loop's clock; infinite where nothing is counted."""
        return min([self._others.ends, *(window.ends for window in self._windows.values())])

    def over(self) -> list[Counted]:
        """The rows of all minutes that are over."""
        now = self._monotonic()
        rows = []
        for kind, window in list(self._windows.items()):
            if window.ends > now:
                continue
            if window.tally is None:
                del self._windows[kind]
                continue
            if self._rows.take(now):
                rows.append(window.tally.row())
                window.tally = None
            window.ends = now + WINDOW_S
        if self._others.ends <= now:
            rows += self._rest()
        return rows

    def all(self) -> list[Counted]:
        """The rows of everything that is counted, whether its minute is over or not: the gateway stops."""
        rows = [window.tally.row() for window in self._windows.values() if window.tally is not None]
        self._windows.clear()
        return rows + self._rest()

    def _rest(self) -> list[Counted]:
        others, self._others = self._others, _Window(math.inf)
        return [] if others.tally is None else [others.tally.mixed_row()]
