"""Authorization codes: good once, for a minute, for who asked (RFC 6749, 4.1.2; RFC 9700, 2.1.1)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from gateway.access.authorization.request import AuthorizationRequest
from gateway.access.users.user import User

# Seconds a code is good for, and for which it is known that it was used: a second use tells of a thief.
LIFE = 60.0
REMEMBERED = 3600.0
# Codes that are remembered, of one person: consent takes a hand on a button.
MOST_OF_ONE = 50


@dataclass(slots=True, kw_only=True)
class Grantee:
    """What a code stands for.

    Attributes:
        request: it answers.
        scopes: that were granted.
        user: who granted them.
        epoch: of the user, then.
        given: when, on a clock that never goes back.
        used: it was shown before, with success or without.
        family: that came of it; None: none.
    """

    request: AuthorizationRequest
    scopes: frozenset[str]
    user: str
    epoch: int
    given: float
    used: bool = False
    family: str | None = None


class Codes:
    """All codes. In memory alone: none outlives a restart, and none has to.

    Args:
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        # In the order in which they were given.
        self._codes: dict[bytes, Grantee] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def give(self, request: AuthorizationRequest, scopes: frozenset[str], user: User) -> str:
        """A code for a request that a person said yes to: 256 random bits."""
        self._forget(user.id)
        code = secrets.token_urlsafe(32)
        self._codes[_key(code)] = Grantee(
            request=request, scopes=scopes, user=user.id, epoch=user.epoch, given=self._monotonic()
        )
        return code

    def find(self, code: str) -> Grantee | None:
        """What a code stands for; None where there is no such code. It may be used or over."""
        return self._codes.get(_key(code))

    def over(self, found: Grantee) -> bool:
        """Whether its time is over."""
        return self._monotonic() - found.given >= LIFE

    def _forget(self, user: str) -> None:
        old = self._monotonic() - REMEMBERED
        for key in [key for key, found in self._codes.items() if found.given < old]:
            del self._codes[key]
        own = [key for key, found in self._codes.items() if found.user == user]
        for key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
            del self._codes[key]


def _key(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "replace")).digest()
