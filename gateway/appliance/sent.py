"""Updates as the running gateway sees them: it takes what is sent, tells how they stand, and raises what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import trio

from gateway.api.rest.updates import RunningRow, SystemRow, UpdateRow, WaitingRow
from gateway.appliance.inbox import Inbox
from gateway.appliance.places import SLOT, SYSTEM
from gateway.appliance.update_state import PLACE, System, UpdateState, read_state, read_system
from gateway.core import rfc3339
from gateway.core.alerts import Alerts, Severity
from gateway.core.errors import Code, GatewayError

COMPONENT, METRIC = "update", "phase"
_UNDER_WAY = frozenset({"installing", "restarting", "on_trial"})
_WENT_WRONG = {"fell_back": "fell back", "refused": "was refused"}
# Seconds between two looks at what became of an update: nothing waits for it.
_INTERVAL = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a flashed board says what it is.

    Attributes:
        slot: has the letter of the slot that runs; a board that was not flashed has none.
        system: what is in that slot.
        updated: what became of the last update.
    """

    slot: Path = Path("/run") / SLOT
    system: Path = SYSTEM
    updated: Path = PLACE


class SentUpdates:
    """The service behind ``/v1/system/update``; see ``api.rest.updates.Board``.

    Args:
        inbox: takes bundles.
        alerts: what somebody should see to.
        places: where the board says what it is.
    """

    def __init__(self, inbox: Inbox, alerts: Alerts, places: Places | None = None) -> None:
        self._inbox = inbox
        self._alerts = alerts
        self._places = places or Places()

    async def run(self) -> None:
        """Raise an alert while the last update has failed, until cancelled."""
        if not await trio.to_thread.run_sync(self._places.slot.exists):
            # It will not become a flashed board while it runs.
            return
        while True:
            await self.tell()
            await trio.sleep(_INTERVAL)

    async def tell(self) -> None:
        """Raise the alert, or end it, by what the file says now."""
        self._told(await trio.to_thread.run_sync(read_state, self._places.updated))

    async def standing(self) -> UpdateRow:
        """How updates stand."""
        return await trio.to_thread.run_sync(self._look)

    async def receive(
        self, by: str, piece: Callable[[], Awaitable[bytes]], *, size: int | None, said: str | None
    ) -> str:
        """Take a bundle. Returns its SHA-256, in hex. Raises GatewayError CONFLICT, INVALID, UNAVAILABLE."""
        return await self._inbox.take(by, piece, size=size, said=said, check=self._check)

    def _check(self) -> None:
        """See that this is a board for updates, and that none is under way."""
        if not self._places.slot.exists():
            raise GatewayError(
                Code.CONFLICT,
                "this gateway was not installed by flashing a card: update the package with apt on the board, apt "
                "install ./ferrule_VERSION.deb",
            )
        phase = read_state(self._places.updated).phase
        waits, _ = self._inbox.waiting()
        if phase in _UNDER_WAY or waits:
            raise GatewayError(
                Code.CONFLICT,
                "an update is under way: wait until it was kept, fell back or was refused",
                details={"phase": phase},
            )

    def _look(self) -> UpdateRow:
        try:
            slot = self._places.slot.read_text().strip() or None
        except OSError:
            return UpdateRow(flashed=False)
        state = read_state(self._places.updated)
        waits, wanted = self._inbox.waiting()
        waiting = None
        if waits:
            waiting = WaitingRow(
                asked_by=None if wanted is None else wanted.asked_by,
                at=None if wanted is None else rfc3339.seconds(wanted.at),
                sha256=None if wanted is None else wanted.sha256,
                size=None if wanted is None else wanted.size,
            )
        system = _shown(read_system(self._places.system))
        return UpdateRow(
            flashed=True,
            phase=state.phase,
            since=None if state.since is None else rfc3339.seconds(state.since),
            reason=state.reason,
            before=_shown(state.before),
            target=_shown(state.target),
            lines=state.lines,
            asked_by=state.asked_by,
            running=RunningRow(
                slot=slot,
                version=None if system is None else system.version,
                built=None if system is None else system.built,
                build=None if system is None else system.build,
            ),
            waiting=waiting,
        )

    def _told(self, state: UpdateState) -> None:
        ended = _WENT_WRONG.get(state.phase)
        if ended is None:
            self._alerts.resolve(COMPONENT, METRIC)
            return
        which = "" if state.target is None else f" to {state.target.version}"
        words = f"the update{which} {ended}: {state.reason or 'nobody knows why'}"
        self._alerts.fire(COMPONENT, METRIC, Severity.WARNING, words, value=state.phase)


def sent_updates(state: Path, alerts: Alerts, wall: Callable[[], float]) -> SentUpdates:
    """Updates of this board; what was coming in when the gateway ended is removed.

    Args:
        state: the state directory.
        alerts: what somebody should see to.
        wall: Unix seconds.
    """
    inbox = Inbox(state, wall)
    inbox.clear()
    return SentUpdates(inbox, alerts)


def _shown(system: System | None) -> SystemRow | None:
    if system is None:
        return None
    return SystemRow(version=system.version, built=rfc3339.seconds(system.built), build=system.build)
