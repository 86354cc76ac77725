"""In whose name something may go on after the token it was made with has expired."""

from __future__ import annotations

from collections.abc import Callable

from gateway.access.oauth.voids import Voids
from gateway.access.revocations import Revocations
from gateway.core.principal import Kind, Principal

# Of OAuth: all their tokens and keys are ended together, by their subject.
_OF_OAUTH = frozenset({Kind.CLIENT, Kind.USER, Kind.PLUGIN, Kind.API_KEY})


class KnownOwners:
    """Asks who knows what was ended. Implements ``core.ports.Owners``.

    Args:
        revocations: of tokens, and of agents.

    Attributes:
        changed: called when somebody may no longer count; what OAuth ends is told there, too.
    """

    def __init__(self, revocations: Revocations) -> None:
        self._revocations = revocations
        self._voids: Voids | None = None
        self.changed: list[Callable[[], None]] = revocations.changed

    def take(self, voids: Voids) -> None:
        """Ask there, too, what was ended of clients, people and plugins; call it before one of them is asked for."""
        self._voids = voids

    def mark(self, owner: Principal) -> int:
        """See ``core.ports.Owners``."""
        if owner.kind in _OF_OAUTH:
            return self._epoch(owner)
        return self._revocations.mark(owner)

    def barred(self, owner: Principal, mark: int) -> str | None:
        """See ``core.ports.Owners``: whoever was disabled, or by way of a client that was, is barred for good.

        Where somebody is allowed again, he counts for what he does then.
        """
        why = self._revocations.barred(owner, mark)
        if why is None and owner.kind in _OF_OAUTH and mark < self._epoch(owner):
            why = f"{owner.subject}, or the client it came by, was disabled or removed since"
        return why

    def _epoch(self, owner: Principal) -> int:
        return 0 if self._voids is None else self._voids.epoch(owner.subject, owner.client_id or "")
