"""What others publish: each within its share of the log, and noted in the audit log without a row for each event."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import trio

from gateway.core import rfc3339
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.catalogue import reserved
from gateway.core.errors import Code, GatewayError
from gateway.core.events import Data, Event
from gateway.core.principal import Principal
from gateway.events.charges import CALM_S, Charges
from gateway.events.journal import Journal

ACTION = "event.publish"
# Bytes an event takes in the log beside its data, more or less.
AROUND = 120
# What is published is summed up for so long, and what is refused is news for so long.
SUMMED_S = CALM_S
_LOOK_S = 60.0
# Who publishes at once; beyond that sums are noted early.
_MOST_SUMS = 256


@dataclass(slots=True)
class _Sum:
    """What one caller published from one address.

    Attributes:
        by: who, with the last token that was shown.
        peer: from where.
        since: Unix seconds.
        until: by the run loop's clock, when it is noted.
        events, size: how many, and their bytes, without the first one: that has a row of its own.
        refused: how many were, for the share was used up.
    """

    by: Principal
    peer: str | None
    since: float
    until: float
    events: int = 0
    size: int = 0
    refused: int = 0


class Publishers:
    """Takes events of others.

    Args:
        journal: has them kept, and tells them.
        charges: to whose share of the log it is put down.
        audit: who published.
        wall: Unix seconds.
    """

    def __init__(self, journal: Journal, charges: Charges, audit: AuditLog, wall: Callable[[], float]) -> None:
        self._journal = journal
        self._charges = charges
        self._audit = audit
        self._wall = wall
        self._sums: dict[tuple[str, str | None], _Sum] = {}

    async def publish(
        self,
        by: Principal,
        peer: str | None,
        type_: str,
        data: Data,
        *,
        routing_key: str | None = None,
        kept: bool = True,
    ) -> Event:
        """Keep an event, then tell it; it is on the disk when this returns.

        Args:
            by: who publishes.
            peer: the address it came from.
            type_: one that others may publish (D-124).
            data: what it says, as JSON has it.
            routing_key: a label (D-119).
            kept: False: it is told, and forgotten (D-120); that uses up no share.

        Raises:
            GatewayError: FORBIDDEN, a type of the gateway's own; TOO_MANY, the share is used up; UNAVAILABLE, the disk
                does not take it.
        """
        if reserved(type_):
            self._audit.note(ACTION, AuditOutcome.DENIED, by=by, peer=peer, target=type_)
            words = f"{type_} is a type of the gateway's own, which nobody else may publish; take another first word"
            raise GatewayError(Code.FORBIDDEN, words, field="event_type")
        size = AROUND + len(msgspec.json.encode(data)) if kept else 0
        try:
            with self._charges.charged(by, size):
                event = await self._journal.accept(type_, data, routing_key=routing_key, kept=kept)
        except GatewayError as error:
            if error.code is Code.TOO_MANY:
                self._sum(by, peer).refused += 1
            raise
        self._note(by, peer, event, size)
        return event

    async def run(self) -> None:
        """Note what was summed up, until cancelled."""
        try:
            while True:
                await trio.sleep(_LOOK_S)
                self._charges.keep()
                self._note_sums(trio.current_time())
                self._charges.resolve()
        finally:
            self._charges.keep()
            self._note_sums(math.inf)

    def _note(self, by: Principal, peer: str | None, event: Event, size: int) -> None:
        """The first one of an hour is noted at once; those after it together, at its end."""
        if (by.account, peer) in self._sums:
            sum_ = self._sum(by, peer)
            sum_.events += 1
            sum_.size += size
        else:
            self._sum(by, peer)
            self._audit.note(ACTION, by=by, peer=peer, target=event.id, details={"event_type": event.type})

    def _sum(self, by: Principal, peer: str | None) -> _Sum:
        key = (by.account, peer)
        found = self._sums.get(key)
        if found is None:
            if len(self._sums) >= _MOST_SUMS:
                self._note_sum(next(iter(self._sums)))
            found = self._sums[key] = _Sum(by, peer, self._wall(), trio.current_time() + SUMMED_S)
        found.by = by
        return found

    def _note_sums(self, now: float) -> None:
        for key in [key for key, found in self._sums.items() if found.until <= now]:
            self._note_sum(key)

    def _note_sum(self, key: tuple[str, str | None]) -> None:
        found = self._sums.pop(key)
        if not found.events and not found.refused:
            return
        self._audit.note(
            ACTION,
            AuditOutcome.DONE if found.events else AuditOutcome.DENIED,
            by=found.by,
            peer=found.peer,
            details={
                "events": found.events,
                "bytes": found.size,
                "refused": found.refused,
                "since": rfc3339.text(found.since),
            },
        )
