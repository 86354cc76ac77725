"""What became of events for a webhook, and orders to deliver them again (D-146)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import structlog

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, NotKept
from gateway.core.principal import Principal
from gateway.webhooks.lane import Lane
from gateway.webhooks.listing import find_delivery, list_deliveries
from gateway.webhooks.replaying import count_replayed
from gateway.webhooks.webhook import Replay
from gateway.webhooks.works import Works

log = structlog.stdlib.get_logger(__name__)

# Deliveries that somebody ordered one by one and that wait.
MOST_ORDERED = 100


class Deliveries(ABC):
    """Deliveries of webhooks, as the API sees them.

    Args:
        works: what deliveries share.
    """

    def __init__(self, works: Works) -> None:
        self._works = works

    @abstractmethod
    def _lane(self, principal: Principal, id_: str) -> Lane:
        """A webhook the caller may see."""

    async def deliveries(
        self,
        principal: Principal,
        id_: str,
        *,
        status: DeliveryStatus | None = None,
        event_type: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> Sequence[Delivery]:
        """What became of events, newest first; ``before`` is the id of the last one of the page before.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, the disk does not give it.
        """
        lane = self._lane(principal, id_)
        with disk():
            return await list_deliveries(
                self._works.outbox,
                lane.window,
                id_,
                status=status,
                event_type=event_type,
                before=before,
                limit=limit,
            )

    async def delivery(self, principal: Principal, id_: str, delivery: str) -> tuple[Delivery, Sequence[Attempt]]:
        """One delivery and its attempts.

        Raises:
            GatewayError: NOT_FOUND; UNAVAILABLE, the disk does not give it.
        """
        lane = self._lane(principal, id_)
        with disk():
            found = await find_delivery(self._works.outbox, lane.window, delivery)
        if found is None or found[0].webhook != id_:
            raise GatewayError(Code.NOT_FOUND, "this webhook has no such delivery", field="delivery")
        return found

    async def redeliver(self, principal: Principal, id_: str, delivery: str) -> Delivery:
        """Deliver an event again, with its id; a paused webhook gets it when it is resumed.

        Raises:
            GatewayError: NOT_FOUND, the delivery or its event is no longer kept; TOO_MANY ordered ones wait;
                UNAVAILABLE, the disk does not take it.
        """
        lane = self._lane(principal, id_)
        old, _ = await self.delivery(principal, id_, delivery)
        if sum(waiting.delivery.redelivery for waiting in lane.window) >= MOST_ORDERED:
            raise GatewayError(Code.TOO_MANY, f"{MOST_ORDERED} redeliveries wait: ask again later")
        now = self._works.wall()
        with disk():
            event = await self._works.log.find(old.sequence)
            if event is None:
                raise GatewayError(Code.NOT_FOUND, "the event of this delivery is no longer kept", field="delivery")
            new = Delivery(
                self._works.name(),
                id_,
                event.sequence,
                event.id,
                event.type,
                DeliveryStatus.WAITING,
                0,
                now,
                now,
                redelivery=True,
            )
            await self._works.outbox.record(id_, lane.cursor, [new], [])
        lane.order(new)
        return new

    async def redeliver_range(self, principal: Principal, id_: str, start: float, end: float) -> int:
        """Deliver again what happened from ``start`` to ``end`` (Unix seconds), beside what is new.

        Returns:
            How many events.

        Raises:
            GatewayError: NOT_FOUND; INVALID, no time, or more than 10 000 events; CONFLICT, the order before is not
                done; UNAVAILABLE, the disk does not take it.
        """
        lane = self._lane(principal, id_)
        if not start <= end:
            raise invalid("end", "the end comes before the start", end)
        if lane.webhook.replay is not None:
            raise GatewayError(Code.CONFLICT, "events are being delivered again already: wait until that is done")
        with disk():
            turn = partial(self._works.turns.turn, principal)
            count, until = await count_replayed(self._works.log, start, end, lane.read, lane.wants, turn=turn)
            if count:
                order = Replay(start, end, 0, until)
                await lane.put(lambda webhook: replace(webhook, replay=order))
        lane.wake()
        log.info("events are delivered again", webhook=id_, events=count, by=principal.subject)
        return count


@contextmanager
def disk() -> Iterator[None]:
    """Tell callers of a disk in trouble."""
    try:
        yield
    except NotKept as error:
        raise unavailable(str(error)) from None


def unavailable(reason: str) -> GatewayError:
    """Not now: ask again."""
    return GatewayError(Code.UNAVAILABLE, reason, details={"retryAfter": 5})
