"""Webhooks as the disk has them, at the start."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
import trio

from gateway.core.alerts import Severity
from gateway.core.eventlog import KeptWebhook, NotKept
from gateway.webhooks.webhook import Reason, Webhook, from_document
from gateway.webhooks.works import Works

log = structlog.stdlib.get_logger(__name__)

_RETRY_S = 5.0


async def load_webhooks(works: Works) -> Sequence[tuple[Webhook, int]]:
    """All webhooks with their cursors; it waits until the disk gives them.

    One that is damaged is left out, and one whose secret cannot be opened is told of.

    Args:
        works: what deliveries share.
    """
    kept: Sequence[KeptWebhook] | None = None
    while kept is None:
        try:
            kept = await works.outbox.webhooks()
        except NotKept as error:
            log.info("webhooks wait for the disk", reason=str(error))
            await trio.sleep(_RETRY_S)
    found = []
    for one in kept:
        try:
            webhook = from_document(one.id, one.document, works.seal)
        except ValueError as error:
            log.warning("webhook left out: register it again", webhook=one.id, reason=str(error))
        else:
            _tell_of_key(works, webhook)
            found.append((webhook, one.cursor))
    return found


def _tell_of_key(works: Works, webhook: Webhook) -> None:
    if webhook.reason is Reason.RESEALED:
        works.alerts.fire(
            f"webhook:{webhook.id}",
            "delivery",
            Severity.CRITICAL,
            f"webhook {webhook.id} to {webhook.destination.host} is disabled: its secret was sealed with another "
            "root key. Rotate its secret, give the receiver the new one, then resume it",
        )
