"""A name and a password, held against what is known: the same words and the same time, whoever it is (D-049)."""

from __future__ import annotations

import math
from collections.abc import Callable

from gateway.access.login.throttle import Pace, Throttle
from gateway.access.users.passwords import Hasher
from gateway.access.users.user import User, plain_name
from gateway.access.users.users import Users
from gateway.core.audit import AuditLog, AuditOutcome
from gateway.core.errors import Code, GatewayError

# Who mistypes has a few tries. Then each doubles the wait, to a length that a person can sit out.
BY_NAME = Pace(free=5, first=2.0, longest=300.0, forgotten=3600.0)
# Several people may sit behind one address.
BY_ADDRESS = Pace(free=20, first=2.0, longest=900.0, forgotten=3600.0)

_WRONG = "The name or the password is not right."


class SignIn:
    """Proves who somebody is.

    Args:
        users: whom there is.
        passwords: proves them.
        audit: is told of each attempt.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, users: Users, passwords: Hasher, audit: AuditLog, monotonic: Callable[[], float]) -> None:
        self._users = users
        self._passwords = passwords
        self._audit = audit
        self._names = Throttle(BY_NAME, monotonic)
        self._addresses = Throttle(BY_ADDRESS, monotonic)

    async def prove(self, name: str, password: str, address: str) -> User:
        """Who a name and a password are of.

        Args:
            name: as it was typed.
            password: likewise.
            address: it comes from.

        Raises:
            GatewayError: UNAUTHENTICATED, in the same words whatever is wrong; TOO_MANY with ``retryAfter``, after
                failures with this name or from this address; UNAVAILABLE, too many sign in at once.
        """
        plain = plain_name(name)
        self._check_pace(plain, address)
        self._names.begin(plain)
        self._addresses.begin(address)
        user = self._users.named(plain)
        try:
            fits = await self._passwords.fits(None if user is None else user.password, password)
        except GatewayError:
            # Nothing was tried.
            self._names.take_back(plain)
            self._addresses.take_back(address)
            raise
        # It may have been changed meanwhile.
        still = None if user is None else self._users.active(user.id, user.epoch)
        if not fits or still is None:
            self._deny(user, address, "wrong password" if not fits else "disabled")
            raise GatewayError(Code.UNAUTHENTICATED, _WRONG)
        self._names.clear(plain)
        # Not all of them: who has a password of its own must not get any number of tries at others by it.
        self._addresses.take_back(address)
        return still

    def _check_pace(self, name: str, address: str) -> None:
        wait = max(self._names.wait(name), self._addresses.wait(address))
        if wait <= 0:
            return
        self._deny(self._users.named(name), address, "too many attempts")
        seconds = math.ceil(wait)
        raise GatewayError(
            Code.TOO_MANY,
            f"There were too many attempts. Try again in {seconds} s.",
            details={"retryAfter": seconds},
        )

    def _deny(self, user: User | None, address: str, reason: str) -> None:
        # A name that nobody has is not noted: people type their password there.
        self._audit.note(
            "auth.login",
            AuditOutcome.DENIED,
            claimed=None if user is None else f"user:{user.id}",
            peer=address,
            details={"reason": "no such user" if user is None else reason},
        )
