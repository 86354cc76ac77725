"""A share of the audit log for each caller: who writes all day long must not push out what others did.

Every row of a caller is written for as long as its share lasts: a tenth of the log at once, and so much more over time
that it comes to half of the log while rows are kept. Beyond that what it does becomes one row a minute for each action,
with how many there were, how they ended, on what, and the last one's details; a minute becomes longer until there is
room for its row. Nothing goes uncounted. Thinning the log itself, row by row, would break the chain that proves it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from gateway.core.audit import AuditEntry, AuditOutcome
from gateway.core.ports import Json
from gateway.storage.audit_allowance import Allowance
from gateway.storage.audit_denials import WINDOW_S, Counted
from gateway.storage.audit_first_few import FirstFew
from gateway.storage.audit_rows import Moment

AT_ONCE, OVER_TIME = 0.1, 0.4
# Callers that have used some of their share at a time; those beyond have one together.
MOST_CALLERS = 256
# A row takes so many bytes on disk besides its JSON: number, hash, and what SQLite keeps of a row.
ROW_OVERHEAD = 80
# Of rows that stand for many, the worst end is the row's.
_WORST_FIRST = (AuditOutcome.UNKNOWN, AuditOutcome.FAILED, AuditOutcome.DONE)

_Caller = tuple[str | None, str | None]
_OTHERS: _Caller = (None, None)


@dataclass(slots=True)
class _Tally:
    """One action of one caller, since its share is used up."""

    entry: AuditEntry
    since: Moment
    ends: float
    last: Moment
    count: int = 0
    outcomes: dict[AuditOutcome, int] = field(default_factory=dict)
    targets: FirstFew = field(default_factory=FirstFew)
    peers: FirstFew = field(default_factory=FirstFew)

    def add(self, entry: AuditEntry, moment: Moment) -> None:
        self.entry, self.last = entry, moment
        self.count += 1
        self.outcomes[entry.outcome] = self.outcomes.get(entry.outcome, 0) + 1
        self.targets.add(entry.target)
        self.peers.add(entry.peer)

    def row(self) -> Counted:
        """What was counted; of a single one all there was."""
        if self.count == 1:
            return Counted(self.entry, self.last)
        details: dict[str, Json] = {"last": dict(self.entry.details)}
        if len(self.outcomes) > 1:
            details["outcomes"] = {outcome.value: number for outcome, number in self.outcomes.items()}
        for name, kept in (("targets", self.targets), ("peers", self.peers)):
            if kept.several:
                details[name] = list(kept.told())
        entry = replace(
            self.entry,
            outcome=next(outcome for outcome in _WORST_FIRST if outcome in self.outcomes),
            target=None if self.targets.several else self.entry.target,
            peer=None if self.peers.several else self.entry.peer,
            details=details,
        )
        return Counted(entry, self.last, self.count, self.since.time)


@dataclass(slots=True)
class _Share:
    bytes: Allowance
    tallies: dict[str, _Tally] = field(default_factory=dict)


class Callers:
    """Says of each row whether its caller may still have one of its own.

    Args:
        limit: bytes the log may take.
        retention: seconds rows are kept.
        monotonic: seconds of the run loop's clock.
        written: a row's JSON.
    """

    def __init__(
        self, limit: int, retention: float, monotonic: Callable[[], float], written: Callable[[Counted], bytes]
    ) -> None:
        self._at_once = AT_ONCE * limit
        self._every = retention / (OVER_TIME * limit)
        self._monotonic = monotonic
        self._written = written
        self._shares: dict[_Caller, _Share] = {}

    def take(self, entry: AuditEntry, moment: Moment, size: int) -> bool:
        """Whether a row is to be written now; otherwise it is counted, and its row comes with `over`.

        Args:
            entry: what a verified caller did.
            moment: when.
            size: bytes of its JSON.
        """
        now = self._monotonic()
        share = self._share((entry.kind, entry.subject), now)
        # Rows of their own would take what those need that are counted already.
        if not share.tallies and self._paid(share, size, now):
            return True
        tally = share.tallies.get(entry.action)
        if tally is None:
            tally = share.tallies[entry.action] = _Tally(entry, moment, now + WINDOW_S, moment)
        tally.add(entry, moment)
        return False

    @property
    def due(self) -> float:
        """When the next minute is over, on the run loop's clock; infinite where nothing is counted."""
        return min(
            (tally.ends for share in self._shares.values() for tally in share.tallies.values()), default=math.inf
        )

    def over(self) -> list[Counted]:
        """The rows of all minutes that are over, as far as their callers have room for them."""
        now = self._monotonic()
        rows = []
        for share in self._shares.values():
            for action, tally in list(share.tallies.items()):
                if tally.ends > now:
                    continue
                row = tally.row()
                if self._paid(share, len(self._written(row)), now):
                    del share.tallies[action]
                    rows.append(row)
                else:
                    tally.ends = now + WINDOW_S
        return rows

    def all(self) -> list[Counted]:
        """The rows of everything that is counted: the gateway stops."""
        rows = [tally.row() for share in self._shares.values() for tally in share.tallies.values()]
        for share in self._shares.values():
            share.tallies.clear()
        return rows

    def _paid(self, share: _Share, size: int, now: float) -> bool:
        return share.bytes.take(now, min(size + ROW_OVERHEAD, self._at_once))

    def _share(self, caller: _Caller, now: float) -> _Share:
        if caller not in self._shares and len(self._shares) >= MOST_CALLERS:
            # One that has all of its share is as good as one never seen.
            self._shares = {
                known: share for known, share in self._shares.items() if share.tallies or not share.bytes.full(now)
            }
            if len(self._shares) >= MOST_CALLERS:
                caller = _OTHERS
        share = self._shares.get(caller)
        if share is None:
            share = self._shares[caller] = _Share(Allowance(self._at_once, self._every, now))
        return share
