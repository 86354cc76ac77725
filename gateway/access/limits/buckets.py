"""Token buckets of one policy, one for each key, exact and bounded in number.

A bucket is one number: the moment at which it is full again. Time is counted in whole microseconds and tokens in whole
fractions of one, so that nothing is ever rounded in favour of anybody.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

# Seconds of the window that rates are said for (D-162).
WINDOW = 60
# Parts of a token; one microsecond earns as many of them as tokens are earned in a minute.
TOKEN = WINDOW * 1_000_000
# Buckets that are remembered for each policy.
MOST = 1024


@dataclass(frozen=True, slots=True)
class Policy:
    """How fast tokens come, and how many can be saved up.

    Attributes:
        name: as callers are told.
        rate: tokens a minute.
        burst: tokens of a full bucket.
    """

    name: str
    rate: int
    burst: int


class Buckets:
    """The buckets of one policy.

    A full bucket need not be remembered, so only those are forgotten: whoever comes with many keys cannot make the
    gateway forget what a key has used. While all places are taken, keys without one share a bucket; one that then gets
    its own begins with what the shared one held. So no key ever gets more than its policy, and one that has its place
    never less.

    Args:
        policy: of every bucket.
        most: buckets that are remembered.
    """

    __slots__ = ("_capacity", "_crowd", "_full", "_most", "_rate", "_taken_until", "policy")

    def __init__(self, policy: Policy, most: int = MOST) -> None:
        self.policy = policy
        self._rate, self._capacity = policy.rate, policy.burst * TOKEN
        self._most = most
        # When each bucket is full again, in microseconds times the rate: an integer in parts of a token.
        self._full: dict[Hashable, int] = {}
        self._crowd = 0
        self._taken_until = 0

    def __len__(self) -> int:
        return len(self._full)

    def held(self, key: Hashable, now: int) -> int:
        """Parts of a token in a bucket.

        Args:
            key: whose.
            now: microseconds.
        """
        # What a key that has no place has used may be hidden in the shared bucket.
        used = self._full.get(key, self._crowd) - now * self._rate
        return self._capacity - used if used > 0 else self._capacity

    def take(self, key: Hashable, now: int) -> None:
        """Take one token, which the bucket must hold."""
        full_at, past = self._full.get(key, self._crowd), now * self._rate
        full_at = max(full_at, past) + TOKEN
        if key in self._full or self._room(now):
            self._full[key] = full_at
        else:
            self._crowd = full_at

    def wait(self, parts: int) -> int:
        """Microseconds until so many parts of a token have come, rounded up."""
        return -(-parts // self._rate)

    def follow(self, policy: Policy, now: int) -> None:
        """Go on under another policy: what was used stays used, as far as the new bucket can be empty."""
        old, new = now * self._rate, now * policy.rate
        self.policy = policy
        self._rate, self._capacity = policy.rate, policy.burst * TOKEN
        self._full = {
            key: new + min(full_at - old, self._capacity) for key, full_at in self._full.items() if full_at > old
        }
        self._crowd = new + min(max(0, self._crowd - old), self._capacity)
        self._taken_until = 0

    def _room(self, now: int) -> bool:
        """Whether there is a place for one more, if need be after forgetting full buckets."""
        if len(self._full) < self._most:
            return True
        if now < self._taken_until:
            return False
        past = now * self._rate
        self._full = {key: full_at for key, full_at in self._full.items() if full_at > past}
        if len(self._full) < self._most:
            return True
        # No bucket is full before the first of these moments: until then there is no use in looking again.
        self._taken_until = -(-min(self._full.values()) // self._rate)
        return False
