"""Passwords: hashed by argon2id, one at a time and beside the run loop (D-049)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import trio

from gateway.access.users.user import LONGEST_PASSWORD, normal_password
from gateway.core.errors import Code, GatewayError

# What OWASP asks for at the least: 19 MiB, two rounds, one lane. A small board has no more to spare.
MEMORY_KIB = 19 * 1024
ROUNDS = 2
LANES = 1
# Each takes up to a tenth of a second on a slow board: whoever comes behind so many had better come again.
MOST_WAITING = 16


class Hasher(Protocol):
    """Makes hashes of passwords, and holds passwords against them."""

    async def hash(self, password: str) -> str:
        """The hash of a password in its normal form."""
        ...

    async def fits(self, hashed: str | None, password: str) -> bool:
        """Whether a password is the one a hash was made of. Without a hash it is not, and takes as long to say."""
        ...


class Passwords:
    """Implements ``Hasher`` in a thread of its own."""

    def __init__(self) -> None:
        # Two at once would take twice the memory, and both cores from the lines.
        self._limiter = trio.CapacityLimiter(1)
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a password in its normal form.

        Raises:
            GatewayError: UNAVAILABLE, too many wait already.
        """
        with self._place():
            return await trio.to_thread.run_sync(self._hash, password, limiter=self._limiter)

    async def fits(self, hashed: str | None, password: str) -> bool:
        """Whether a password is the one a hash was made of; as long for a user who does not exist.

        Raises:
            GatewayError: UNAVAILABLE, too many wait already.
        """
        # What is longer is no password of anybody: but whoever tries it need not see that by the time.
        shown = normal_password(password[: LONGEST_PASSWORD + 1]).encode("utf-8", "surrogatepass")
        with self._place():
            return await trio.to_thread.run_sync(self._fits, hashed, shown, limiter=self._limiter)

    @contextmanager
    def _place(self) -> Iterator[None]:
        if self._waiting >= MOST_WAITING:
            reason = "too many people sign in at once: try again in a second"
            raise GatewayError(Code.UNAVAILABLE, reason, details={"retryAfter": 1})
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        # In the thread: half a megabyte that a gateway without people does without.
        from argon2 import PasswordHasher, Type  # noqa: PLC0415

        return PasswordHasher(ROUNDS, MEMORY_KIB, LANES, type=Type.ID).hash(password)

    def _fits(self, hashed: str | None, password: bytes) -> bool:
        from argon2 import PasswordHasher  # noqa: PLC0415 - as above
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

        if self._nobodys is None:
            self._nobodys = self._hash(secrets.token_urlsafe(32))
        try:
            PasswordHasher().verify(hashed or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None
