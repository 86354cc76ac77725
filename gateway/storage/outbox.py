"""The outbox: webhooks, how far each has come in the log, and what became of each event for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus, KeptWebhook
from gateway.storage import outbox_rows
from gateway.storage.event_file import EventFile
from gateway.storage.event_room import Room
from gateway.storage.event_rows import ROW_BYTES
from gateway.storage.outbox_registry import Registry


class StoredOutbox:
    """Implements ``core.eventlog.Outbox``; every method raises NotKept for a disk in trouble.

    Args:
        file: where it is kept.
        registry: where webhooks are kept once more.
    """

    def __init__(self, file: EventFile, registry: Registry) -> None:
        self._file = file
        self._registry = registry

    async def webhooks(self) -> list[KeptWebhook]:
        """All of them, the oldest first."""
        return await self._file.read(outbox_rows.webhooks)

    async def save(self, webhook: KeptWebhook) -> None:
        """Keep a webhook, new or changed; on the disk when this returns. Its cursor never goes back."""
        document = outbox_rows.encode(webhook.document)
        await self._file.write(
            partial(outbox_rows.save, webhook=webhook.id, document=document, cursor=webhook.cursor),
            weight=len(document),
            then=lambda _: self._registry.keep(webhook),
        )

    async def remove(self, webhook: str) -> None:
        """Forget a webhook and its deliveries; these go step by step, and what a crash leaves of them goes later."""
        await self._file.write(
            partial(outbox_rows.remove, webhook=webhook), then=lambda _: self._registry.forget(webhook)
        )
        while await self._file.remove(Room.orphans):
            pass

    async def record(
        self, webhook: str, cursor: int, deliveries: Sequence[Delivery], attempts: Sequence[Attempt]
    ) -> None:
        """Keep what was done, in one transaction that others may share; nothing for a webhook that is gone."""
        made: defaultdict[str, list[Attempt]] = defaultdict(list)
        for attempt in attempts:
            made[attempt.delivery].append(attempt)
        await self._file.write(
            partial(outbox_rows.record, webhook=webhook, cursor=cursor, deliveries=deliveries, attempts=made),
            weight=sum(
                ROW_BYTES + len(attempt.answer) + sum(map(len, attempt.request.values())) for attempt in attempts
            ),
            patience=self._file.settings.patience,
        )

    async def waiting(self, webhook: str) -> list[Delivery]:
        """Deliveries that wait, in the order of their events."""
        return await self._file.read(partial(outbox_rows.waiting, webhook=webhook))

    async def last_attempts(self, webhook: str) -> Mapping[str, Attempt]:
        """The last attempt of each delivery that waits and had one, by its id."""
        return await self._file.read(partial(outbox_rows.last_attempts, webhook=webhook))

    async def begun(self, webhook: str, after: int) -> set[int]:
        """Numbers of events above ``after`` that have a delivery already which nobody ordered."""
        return await self._file.read(partial(outbox_rows.begun, webhook=webhook, after=after))

    async def deliveries(
        self,
        webhook: str,
        *,
        status: DeliveryStatus | None = None,
        event_type: str | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """Deliveries, newest first; ``before`` is the id of the last one of the page before."""
        return await self._file.read(
            partial(
                outbox_rows.deliveries,
                webhook=webhook,
                status=status,
                event_type=event_type,
                before=before,
                limit=limit,
            )
        )

    async def delivery(self, id_: str) -> tuple[Delivery, list[Attempt]] | None:
        """One delivery with its attempts; None where there is none."""
        return await self._file.read(partial(outbox_rows.delivery, id_=id_))

    async def counts(self, besides: Sequence[str] = ()) -> Mapping[str, Mapping[DeliveryStatus, int]]:
        """See ``core.eventlog.Outbox``."""
        return await self._file.read(lambda connection: outbox_rows.counts(connection, besides))
