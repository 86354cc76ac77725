"""A board that was flashed, as far as updates by the API go, in a directory of a test."""

from __future__ import annotations

from pathlib import Path

import msgspec
import trio

from gateway.api.rest.route import Route
from gateway.api.rest.updates import update_routes
from gateway.appliance.inbox import Inbox
from gateway.appliance.sent import Places, SentUpdates
from gateway.appliance.update_state import System, UpdateState, write_state
from gateway.core.alerts import Alerts
from tests.gateway.api.services import NOON

BUNDLE = b"hsqs" + bytes(range(256)) * 64
OLD = System(version="1.0.0", built=1_700_000_000, build="0123456789abcdef")
NEW = System(version="1.1.0", built=1_750_000_000, build="fedcba9876543210")


class FlashedBoard:
    """What the gateway sees of it, and what tests turn at it.

    Args:
        place: a directory of its own.
    """

    def __init__(self, place: Path) -> None:
        self.state = place / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        self.places = Places(slot=place / "slot", system=place / "system.json", updated=place / "update" / "state.json")
        self.places.slot.write_text("a\n")
        self.places.system.write_bytes(msgspec.json.encode(OLD))
        self.free = 10**12
        self.told: list[dict[str, object]] = []
        self.heard = trio.Event()
        self.alerts = Alerts(lambda: NOON, self._hear, lambda: f"alert-{len(self.told)}")
        self.inbox = Inbox(self.state, self._now, lambda _: self.free)
        self.updates = SentUpdates(self.inbox, self.alerts, self.places)

    @property
    def routes(self) -> tuple[Route, ...]:
        return update_routes(self.updates)

    @property
    def sent(self) -> dict[str, bytes]:
        """What lies there for the update."""
        return {path.name: path.read_bytes() for path in sorted((self.state / "update").glob("*"))}

    @staticmethod
    def _now() -> float:
        # As the gateway's clock: it is that of the loop, and threads cannot ask for it.
        trio.lowlevel.current_trio_token()
        return NOON

    def _hear(self, _: str, data: dict[str, object]) -> None:
        self.told.append(data)
        self.heard.set()

    def became(self, state: UpdateState) -> None:
        """The update that runs as root says how it stands."""
        write_state(state, self.places.updated)
