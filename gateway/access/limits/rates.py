"""Which buckets a request takes from, and what the caller is told of them.

A refused call takes nothing. Callers without a valid token have buckets of their own and may not use the last half of
what all callers share: strangers cost those who are known nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

import structlog

from gateway.access.limits.buckets import TOKEN, WINDOW, Buckets, Policy
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Kind, Principal
from gateway.settings.model import CapabilityLimit, LimitSettings

log = structlog.stdlib.get_logger(__name__)

# Capabilities the gateway announces, by the namespace of the methods they stand for (D-092).
CAPABILITIES = {"modbus": "modbus-rtu", "serial": "serial-communication"}
# Those that ``capability.invoke`` knows beside them.
INVOKED = frozenset({"modbus-tcp", "modbus-ascii"})

# Limits of their own that callers may have, at once.
_MOST_LOWER = 64

Headers = list[tuple[bytes, bytes]]
# A bucket, and the parts of a token that must be left in it.
_Share = tuple[Buckets, Hashable, int]


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that must wait.

    Attributes:
        policy: which it ran against.
        retry_after: whole seconds, at least 1, after which the token it needs is there.
    """

    policy: Policy
    retry_after: int

    def error(self) -> GatewayError:
        """What the caller is told (-32004)."""
        reason = f"too many requests ({self.policy.name}): wait {self.retry_after} s"
        details = {"limit": self.policy.rate, "window": WINDOW, "retryAfter": self.retry_after}
        return GatewayError(Code.TOO_MANY, reason, details=dict(details))


class RateLimits:
    """All buckets.

    Args:
        settings: rates and bursts.
        monotonic: seconds of a clock that never goes back.

    Attributes:
        settings: those in force.
        refused: refused calls, by the name of the policy.
    """

    def __init__(self, settings: LimitSettings, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.settings = settings
        self.refused: dict[str, int] = {}
        self._told: dict[Policy, Headers] = {}
        # Of callers with a limit of their own, by that limit.
        self._lower: dict[int, Buckets] = {}
        self._known: set[str] = set()
        self._address, self._anonymous, self._operator, self._agent, self._client, self._total = map(
            Buckets, _policies(settings)
        )
        self._calling: dict[str, int] = {}
        self._capabilities = {limit.name: Buckets(_capability(limit)) for limit in settings.capabilities}

    def follow(self, settings: LimitSettings) -> None:
        """Take over other rates and bursts. Nobody gets a fresh start by it."""
        now = self.now()
        held = (self._address, self._anonymous, self._operator, self._agent, self._client, self._total)
        for buckets, policy in zip(held, _policies(settings), strict=True):
            buckets.follow(policy, now)
        before, self._capabilities = self._capabilities, {}
        for limit in settings.capabilities:
            policy = _capability(limit)
            buckets = self._capabilities[limit.name] = before.get(limit.name, Buckets(policy))
            buckets.follow(policy, now)
        self.settings = settings
        self._told.clear()
        self._warn()

    def know(self, methods: Iterable[str]) -> None:
        """Learn which methods there are; a limit for none of them is warned of, now and when others are followed."""
        self._known = {*INVOKED, *(name for method in methods for name in _names(method))}
        self._warn()

    def _warn(self) -> None:
        for name in self._capabilities:
            if self._known and name not in self._known:
                words = "the gateway has no such method or capability: this limit holds for agents that offer it only"
                log.warning(words, capability=name)

    def visit(self, address: str, principal: Principal | None) -> Visit:
        """Begin a request.

        Args:
            address: of the peer.
            principal: who calls, None without a valid token.
        """
        if principal is None:
            reserve = self._total.policy.burst // 2 * TOKEN
            return Visit(self, [(self._anonymous, address, 0), (self._total, None, reserve)])
        if principal.kind is Kind.OPERATOR:
            own = (self._operator, principal.token_id, 0)
        else:
            bound = principal.kind in {Kind.AGENT, Kind.ENROLMENT}
            # By its id: the next token is no fresh start.
            own = (self._agent if bound else self._of_client(principal.rate_limit), principal.subject, 0)
        return Visit(self, [(self._address, address, 0), own, (self._total, None, 0)])

    def _of_client(self, rate: int | None) -> Buckets:
        """The buckets of those with the same limit of their own: never more than everybody has (D-163)."""
        if rate is None or rate >= self._client.policy.rate:
            return self._client
        found = self._lower.get(rate)
        if found is None:
            if len(self._lower) >= _MOST_LOWER:
                del self._lower[next(iter(self._lower))]
            policy = Policy("client", rate, max(1, min(self._client.policy.burst, rate // 10)))
            found = self._lower[rate] = Buckets(policy)
        return found

    def connect(self, principal: Principal) -> bool:
        """Begin a request of an agent, on a connection of its own; False: it has as many under way as it may."""
        under_way = self._calling.get(principal.subject, 0)
        if under_way >= self.settings.agent_connections:
            return False
        self._calling[principal.subject] = under_way + 1
        return True

    def disconnect(self, principal: Principal) -> None:
        """It is over."""
        left = self._calling.pop(principal.subject) - 1
        if left:
            self._calling[principal.subject] = left

    def shares(self, method: str, capability: str | None = None) -> list[_Share]:
        """What a call of a method takes from beside the buckets of its caller; ``capability``: one that it invokes."""
        if not self._capabilities:
            return []
        names = _names(method) if capability is None else (*_names(method), capability)
        return [(self._capabilities[name], None, 0) for name in names if name in self._capabilities]

    def told(self, policy: Policy) -> Headers:
        """The headers that are the same for all of a policy."""
        known = self._told.get(policy)
        if known is None:
            known = [(b"x-ratelimit-limit", b"%d" % policy.rate), (b"x-ratelimit-window", b"%d" % WINDOW)]
            if self.settings.ratelimit_headers:
                words = b'"%b";q=%d;w=%d' % (policy.name.encode(), policy.rate, WINDOW)
                known.append((b"ratelimit-policy", words))
            self._told[policy] = known
        return known

    def now(self) -> int:
        """Microseconds."""
        return round(self._monotonic() * 1_000_000)


class Visit:
    """One request: its calls are counted, and its headers made. ``RateLimits.visit`` makes it."""

    __slots__ = ("_held", "_left", "_limits", "_refused", "_tightest")

    def __init__(self, limits: RateLimits, held: list[_Share]) -> None:
        self._limits = limits
        self._held = held
        self._tightest = held[0]
        self._left: int | None = None
        self._refused = False

    def look(self) -> Refused | None:
        """Whether a call would be refused whatever it is, without counting one: before its body is read."""
        return self._look(self._held, self._limits.now())

    def admit(self, method: str | None = None, capability: str | None = None) -> Refused | None:
        """Count a call; or refuse it, and count nothing.

        Args:
            method: what is called; None where it is none of ours, or the caller may not call it: who may not use a
                capability must not use up its limit either.
            capability: that is invoked by it.
        """
        shares = self._held
        if method is not None and (called := self._limits.shares(method, capability)):
            shares = [*shares, *called]
        now = self._limits.now()
        refused = self._look(shares, now)
        if refused is None:
            for buckets, key, _ in shares:
                buckets.take(key, now)
            return None
        counts = self._limits.refused
        counts[refused.policy.name] = counts.get(refused.policy.name, 0) + 1
        return refused

    def _look(self, shares: list[_Share], now: int) -> Refused | None:
        """Find the tightest bucket, and whether any of them refuses."""
        refusing = False
        for share in shares:
            buckets, key, reserve = share
            left = buckets.held(key, now) - reserve
            if left < TOKEN:
                refusing = True
            elif not self._refused and (self._left is None or left < self._left):
                self._left, self._tightest = left, share
        return self._refuse(shares, now) if refusing else None

    def _refuse(self, shares: list[_Share], now: int) -> Refused:
        """Of the buckets that refuse, the one with the longest wait is told of."""
        waits = [buckets.wait(TOKEN + reserve - buckets.held(key, now)) for buckets, key, reserve in shares]
        longest = max(waits)
        self._refused, self._tightest = True, shares[waits.index(longest)]
        return Refused(self._tightest[0].policy, math.ceil(longest / 1_000_000))

    def headers(self, wall: float) -> Headers:
        """What is left, for the response: of the bucket that refused, else of the one with the fewest tokens (D-161).

        Args:
            wall: Unix seconds.
        """
        buckets, key, reserve = self._tightest
        policy = buckets.policy
        held = buckets.held(key, self._limits.now())
        remaining = max(0, held - reserve) // TOKEN
        full_in = buckets.wait(policy.burst * TOKEN - held) / 1_000_000
        headers = [
            *self._limits.told(policy),
            (b"x-ratelimit-remaining", b"%d" % remaining),
            (b"x-ratelimit-reset", b"%d" % math.ceil(wall + full_in)),
        ]
        if self._limits.settings.ratelimit_headers:
            headers.append((b"ratelimit", b'"%b";r=%d;t=%d' % (policy.name.encode(), remaining, math.ceil(full_in))))
        return headers


def _policies(settings: LimitSettings) -> tuple[Policy, ...]:
    rate, burst = settings.requests_per_minute, settings.burst
    return (
        Policy("address", rate, burst),
        Policy("anonymous", settings.anonymous_requests_per_minute, settings.anonymous_burst),
        Policy("operator", rate, burst),
        Policy("agent", settings.agent_requests_per_minute, settings.agent_burst),
        Policy("client", rate, burst),
        Policy("total", settings.total_requests_per_minute or rate, settings.total_burst or burst),
    )


def _capability(limit: CapabilityLimit) -> Policy:
    rate = limit.requests_per_minute
    return Policy(limit.name, rate, limit.burst or max(1, rate // 10))


def _names(method: str) -> tuple[str, ...]:
    capability = CAPABILITIES.get(method.partition(".")[0])
    return (method,) if capability is None else (method, capability)
