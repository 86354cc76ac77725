"""Failed attempts to show a secret: who has made too many waits (D-165).

Tokens, keys and secrets of clients have 256 random bits, so nobody finds one by trying. Waiting is for the gateway's
sake: guessing costs it neither time nor room in the audit log. Passwords need the same, and can ask before they look.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gateway.access.limits.buckets import TOKEN, Buckets, Policy

# Of one address, at once and each minute; of one name that is tried from anywhere.
BY_ADDRESS = Policy("failed attempts of an address", rate=6, burst=10)
BY_NAME = Policy("failed attempts at a name", rate=6, burst=20)


class Attempts:
    """Counts failed attempts, in bounded memory.

    Args:
        monotonic: seconds of a clock that never goes back.
        by_address: how many one address may make.
        by_name: how many may be made at one name.
    """

    def __init__(
        self, monotonic: Callable[[], float], by_address: Policy = BY_ADDRESS, by_name: Policy = BY_NAME
    ) -> None:
        self._monotonic = monotonic
        self._by_address = Buckets(by_address)
        self._by_name = Buckets(by_name)

    def wait(self, address: str, name: str | None = None) -> int:
        """Seconds until another attempt may be made; 0: now.

        Args:
            address: it comes from.
            name: whose secret is tried; None: that of nobody in particular.
        """
        now = self._now()
        waits = [_wait(self._by_address, address, now)]
        if name is not None:
            waits.append(_wait(self._by_name, name, now))
        return max(waits)

    def failed(self, address: str, name: str | None = None) -> None:
        """Note that one failed."""
        now = self._now()
        for buckets, key in ((self._by_address, address), (self._by_name, name)):
            if key is not None and buckets.held(key, now) >= TOKEN:
                buckets.take(key, now)

    def _now(self) -> int:
        return round(self._monotonic() * 1_000_000)


def _wait(buckets: Buckets, key: str, now: int) -> int:
    missing = TOKEN - buckets.held(key, now)
    return math.ceil(buckets.wait(missing) / 1_000_000) if missing > 0 else 0
