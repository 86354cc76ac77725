"""Counts what is answered before the application is asked: no HTTP, a foreign name, a WebSocket where there is none."""

from __future__ import annotations

from collections.abc import Callable

from gateway.access.limits.rates import Headers, RateLimits
from gateway.api.asgi import Scope
from gateway.api.metrics.instruments import HttpMeter

_FORBIDDEN = 403


class Front:
    """Counts such answers, against the limit of callers without a token too.

    Args:
        rates: how much callers may ask.
        http: counts requests.
        wall: Unix seconds.
    """

    def __init__(self, rates: RateLimits, http: HttpMeter, wall: Callable[[], float]) -> None:
        self._rates = rates
        self._http = http
        self._wall = wall

    def answered(self, address: str, status: int) -> Headers:
        """Count an answer to this address; returns the headers that say what is left."""
        self._http.count("front", status)
        visit = self._rates.visit(address, None)
        visit.admit()
        return visit.headers(self._wall())

    def foreign(self, scope: Scope, origin: str) -> None:
        """Count and tell that a web page of another origin wanted a WebSocket."""
        self._http.count("front", _FORBIDDEN)
        for tell in self._http.foreign:
            tell(scope, origin)

    def watch(self, connections: Callable[[], int]) -> None:
        """Learn how many connections are open."""
        self._http.connections = connections
