"""What callers have the gateway keep is charged to their shares of the log, events and messages alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from gateway.core.alerts import Alerts, Severity
from gateway.core.errors import Code, GatewayError
from gateway.core.principal import Principal
from gateway.events.shares import Shares

# Who was refused keeps within its share again when it was not refused for so long.
CALM_S = 3600.0


class Charges:
    """Charges callers.

    Args:
        shares: of the log.
        alerts: told when somebody wants more than its share.
    """

    def __init__(self, shares: Shares, alerts: Alerts) -> None:
        self._shares = shares
        self._alerts = alerts
        # When somebody was last refused, by the run loop's clock.
        self._refused: dict[str, float] = {}

    @contextmanager
    def charged(self, by: Principal, size: int) -> Iterator[None]:
        """Charge what is kept within the block; what is refused there uses nothing up.

        Args:
            by: who has it kept.
            size: bytes it takes in the log, more or less.

        Raises:
            GatewayError: TOO_MANY, the share is used up; it says when there is room for this.
        """
        owner = by.account
        wait = self._shares.take(owner, size)
        if wait:
            raise self._used_up(owner, by, wait)
        try:
            yield
        except GatewayError:
            self._shares.give_back(owner, size)
            raise

    def keep(self) -> None:
        """Have kept what is used up; call it now and then, and at the end."""
        self._shares.keep()

    def resolve(self) -> None:
        """See who keeps within its share again; call it now and then."""
        over = trio.current_time() - CALM_S
        for owner in [owner for owner, at in self._refused.items() if at <= over]:
            del self._refused[owner]
            self._alerts.resolve(f"publisher:{owner}", "share", "it keeps within its share again")

    def _used_up(self, owner: str, by: Principal, wait: float) -> GatewayError:
        self._refused[owner] = trio.current_time()
        allowance, rate = self._shares.allowance, 3600 * self._shares.rate
        self._alerts.fire(
            f"publisher:{owner}",
            "share",
            Severity.WARNING,
            f"{by.subject} publishes more events, or sends more messages, than its share of the log: they are refused "
            "until there is room in it again. Publish less, or raise [events] size",
            threshold=allowance,
        )
        return GatewayError(
            Code.TOO_MANY,
            f"{by.subject} has published {allowance} bytes of events and messages, which is its share of the log; "
            f"{rate:.0f} bytes an hour come back. Wait, send less, publish without persistent, or have [events] size "
            "raised",
            details={"retryAfter": math.ceil(wait), "reason": "share_used_up"},
        )
