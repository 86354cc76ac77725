"""In whose name something may go on after the token it was made with has expired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gateway.access.oauth.subjects import Subjects
from gateway.access.oauth.voids import Voids, key_subject
from gateway.access.revocations import Revocations
from gateway.core.channels import may_receive
from gateway.core.events import Event
from gateway.core.principal import Kind, Principal

# Of OAuth: all their tokens and keys are ended together, by their subject.
_OF_OAUTH = frozenset({Kind.CLIENT, Kind.USER, Kind.PLUGIN, Kind.API_KEY})


class KnownOwners:
    """Asks who knows what was ended. Implements ``core.ports.Owners``.

    Args:
        revocations: of tokens, and of agents.
        operators: how often the tokens of all operators were ended.

    Attributes:
        changed: called when somebody may no longer count; what OAuth ends is told there, too.
    """

    def __init__(self, revocations: Revocations, operators: Callable[[], int] = lambda: 0) -> None:
        self._revocations = revocations
        self._operators = operators
        self._voids: Voids | None = None
        self._subjects: Subjects | None = None
        self.changed: list[Callable[[], None]] = revocations.changed

    def take(self, voids: Voids, subjects: Subjects) -> None:
        """Ask of clients, people and plugins there, too; call it before one of them is asked for.

        Args:
            voids: what was ended.
            subjects: what they may be allowed now.
        """
        self._voids, self._subjects = voids, subjects

    def mark(self, owner: Principal) -> int:
        """See ``core.ports.Owners``."""
        if owner.kind in _OF_OAUTH:
            return self._epoch(owner)
        return self._operators() if owner.kind is Kind.OPERATOR else self._revocations.mark(owner)

    def barred(self, owner: Principal, mark: int) -> str | None:
        """See ``core.ports.Owners``: whoever was disabled, or by way of a client that was, is barred for good.

        Where somebody is allowed again, he counts for what he does then.
        """
        why = self._revocations.barred(owner, mark)
        if owner.kind is Kind.OPERATOR and mark < self._operators():
            why = "the tokens of all operators were ended since"
        if why is None and owner.kind in _OF_OAUTH and mark < self._epoch(owner):
            by = "client it came by, was disabled or removed"
            if owner.kind is Kind.API_KEY:
                by = "API key it was made with, was disabled, removed or revoked"
            why = f"{owner.subject}, or the {by} since"
        return why

    def may_receive(self, owner: Principal, event: Event) -> bool:
        """Whether an owner may see an event by the scopes of its token, and by what it is allowed now (D-149)."""
        if not may_receive(owner, event):
            return False
        if owner.kind not in _OF_OAUTH or self._subjects is None:
            return True
        now = self._subjects.find(owner.subject)
        # Who is not there is barred, or was not read from the disk yet: he must miss nothing for that.
        return now is None or may_receive(replace(owner, scopes=now.allowance), event)

    def _epoch(self, owner: Principal) -> int:
        if self._voids is None:
            return 0
        epoch = self._voids.epoch(owner.subject, owner.client_id or "")
        # A key is no token that ends by itself: who revokes it means all that it opened.
        return epoch + (self._voids.epoch(key_subject(owner.token_id), "") if owner.kind is Kind.API_KEY else 0)
