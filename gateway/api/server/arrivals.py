"""How often new connections may come: a handshake costs more than a request, and is made before anybody is known."""

from __future__ import annotations

from collections.abc import Callable

from gateway.access.limits.buckets import TOKEN, Buckets, Policy
from gateway.settings.model import LimitSettings


class Arrivals:
    """Counts new connections by address and in total, as requests are: who keeps to those limits never meets these.

    Where all together come too often, an address that has not come lately still gets in.

    Args:
        limits: of requests.
        monotonic: seconds of the run loop's clock.
    """

    def __init__(self, limits: LimitSettings, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._own, self._all = map(Buckets, _policies(limits))

    def follow(self, limits: LimitSettings) -> None:
        """Take over other limits."""
        for buckets, policy in zip((self._own, self._all), _policies(limits), strict=True):
            buckets.follow(policy, self._now())

    def admit(self, address: str) -> bool:
        """Count a new connection, or tell that it is one too many."""
        now = self._now()
        own = self._own.held(address, now)
        known_lately = own < self._own.policy.burst * TOKEN
        if self._all.held(None, now) >= TOKEN:
            if own < TOKEN:
                return False
            self._all.take(None, now)
        elif known_lately:
            return False
        self._own.take(address, now)
        return True

    def _now(self) -> int:
        return int(self._monotonic() * 1_000_000)


def _policies(limits: LimitSettings) -> tuple[Policy, Policy]:
    rate, burst = limits.requests_per_minute, limits.burst
    total_rate, total_burst = limits.total_requests_per_minute or rate, limits.total_burst or burst
    return Policy("address", rate, burst), Policy("total", total_rate, total_burst)
