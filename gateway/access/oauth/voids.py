"""What of OAuth was ended before its time: all tokens of somebody, or all that came of one grant. It survives restarts.

Tokens of a subject are voided by counting, not by the clock: see ``access.revocations``.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.ports import FactStore, Json

SUBJECT_VOIDED = "oauth_subject_voided"
GRANT_ENDED = "oauth_grant_ended"
# Seconds for which an ended grant is remembered: longer than any access token lives, a wrong clock included.
REMEMBERED = 32 * 86400


class Voids:
    """Knows what was ended.

    What it knows of a subject is never forgotten: a few bytes for each that was ever disabled.

    Args:
        facts: where it is kept; urgent, so that a power cut brings no token back.
        wall: Unix seconds.
        synchronised: whether that clock can be trusted; while not, nothing is forgotten.

    Attributes:
        changed: called when another token is void.
    """

    def __init__(self, facts: FactStore, wall: Callable[[], float], synchronised: Callable[[], bool]) -> None:
        self._facts = facts
        self._wall = wall
        self._synchronised = synchronised
        self._epochs = _numbers(facts.recall(SUBJECT_VOIDED))
        self._grants = _numbers(facts.recall(GRANT_ENDED))
        self.changed: list[Callable[[], None]] = []

    def epoch(self, subject: str, client_id: str) -> int:
        """How often tokens were voided of a subject and of the client they were given to; it only ever grows."""
        client = f"client:{client_id}"
        return self._epochs.get(subject, 0) + (self._epochs.get(client, 0) if client != subject else 0)

    def end(self, subject: str) -> None:
        """Void every token that stands for a subject, and of a client those it was given for others."""
        self._epochs[subject] = self._epochs.get(subject, 0) + 1
        self._facts.remember(SUBJECT_VOIDED, subject, self._epochs[subject], urgent=True)
        self._tell()

    def end_key(self, key_id: str) -> None:
        """An API key was revoked: nothing that was begun with it goes on."""
        self.end(key_subject(key_id))

    def end_grant(self, grant: str) -> None:
        """Void every token that came of a grant (``Issued.grant``)."""
        now = int(self._wall())
        self._grants[grant] = now
        self._facts.remember(GRANT_ENDED, grant, now, urgent=True)
        if self._synchronised():
            for old in [grant for grant, at in self._grants.items() if at <= now - REMEMBERED]:
                del self._grants[old]
                self._facts.remember(GRANT_ENDED, old, None)
        self._tell()

    def ended(self, grant: str) -> bool:
        """Whether a grant was ended."""
        return grant in self._grants

    async def settle(self) -> None:
        """Wait until all of that is on the disk, as far as it takes it."""
        await self._facts.settle()

    def _tell(self) -> None:
        for tell in self.changed:
            tell()


def key_subject(key_id: str) -> str:
    """What an API key alone is called, beside whom it stands for."""
    return f"api_key:{key_id}"


def _numbers(facts: dict[str, Json]) -> dict[str, int]:
    return {key: value for key, value in facts.items() if type(value) is int}
