"""What became of events for a webhook, as it is now: what the disk says, and what it was not told yet.

What was done waits for company on its way to the disk, and what is tried for the first time goes there after that. Who
looks meanwhile sees it all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, Outbox
from gateway.webhooks.window import Window


async def list_deliveries(
    outbox: Outbox,
    window: Window,
    webhook: str,
    *,
    status: DeliveryStatus | None,
    event_type: str | None,
    before: str | None,
    limit: int,
) -> Sequence[Delivery]:
    """Deliveries of a webhook, newest first.

    Args:
        outbox: the disk.
        window: those at hand.
        webhook: id.
        status: only of this one; None for all.
        event_type: only of events of this type; None for all.
        before: id of the last one of the page before; None for the first page.
        limit: at most so many.

    Raises:
        NotKept: the disk does not give it.
    """
    # Looked at before the disk is asked: what gets there meanwhile is found twice, and not never.
    news = window.unwritten()
    known = {delivery.id for delivery in news.fresh}

    def meant(delivery: Delivery) -> bool:
        return status in {None, delivery.status} and event_type in {None, delivery.event_type}

    found = list(news.fresh)
    if before is None and status not in {None, DeliveryStatus.WAITING}:
        # The disk has these as waiting, and does not give them.
        found += list(news.changed.values())[::-1]
        known |= news.changed.keys()
    if before in known:
        found, before = found[[delivery.id for delivery in found].index(before) + 1 :], None
    elif before is not None:
        found = []
    found = [delivery for delivery in found if meant(delivery)]
    while len(found) < limit:
        wanted = limit - len(found)
        rows = await outbox.deliveries(webhook, status=status, event_type=event_type, before=before, limit=wanted)
        now = (news.changed.get(row.id, row) for row in rows if row.id not in known)
        found += [row for row in now if meant(row)]
        if len(rows) < wanted:
            break
        before = rows[-1].id
    return found[:limit]


async def find_delivery(outbox: Outbox, window: Window, id_: str) -> tuple[Delivery, Sequence[Attempt]] | None:
    """One delivery with its attempts; None where there is none.

    Raises:
        NotKept: the disk does not give it.
    """
    news = window.unwritten()
    made = {attempt.number: attempt for attempt in news.attempts if attempt.delivery == id_}
    found = await outbox.delivery(id_)
    if found is None:
        fresh = next((delivery for delivery in news.fresh if delivery.id == id_), None)
        return None if fresh is None else (fresh, list(made.values()))
    delivery, attempts = found
    tries = {attempt.number: attempt for attempt in attempts} | made
    return news.changed.get(id_, delivery), list(tries.values())


async def count_now(outbox: Outbox, windows: Mapping[str, Window]) -> Mapping[str, Mapping[DeliveryStatus, int]]:
    """How many deliveries are of each status now, by webhook.

    Args:
        outbox: the disk.
        windows: those at hand, by webhook.

    Raises:
        NotKept: the disk does not give it.
    """
    # Of what is under way to the disk nobody can tell whether it is there yet: the disk is not asked for it.
    known = {id_: window.known() for id_, window in windows.items()}
    found = await outbox.counts([delivery.id for deliveries in known.values() for delivery in deliveries])
    counts = {id_: Counter(delivery.status for delivery in deliveries) for id_, deliveries in known.items()}
    return {
        id_: {status: count[status] + found.get(id_, {}).get(status, 0) for status in DeliveryStatus}
        for id_, count in counts.items()
    }
