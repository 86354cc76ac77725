"""How a webhook does, in numbers for ``/metrics``."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.event_figures import WebhookFigures
from gateway.core.eventlog import DeliveryStatus
from gateway.webhooks.lane import Lane


def figures_of(lane: Lane, counts: Mapping[DeliveryStatus, int] | None, newest: int) -> WebhookFigures:
    """The figures of one webhook.

    Args:
        lane: delivers it.
        counts: how many deliveries are of each status; None where the disk does not say.
        newest: number of the last event in the log.
    """
    webhook = lane.webhook
    return WebhookFigures(
        id=webhook.id,
        host=webhook.destination.host,
        state=webhook.state.value,
        delivered=lane.delivered,
        failed=lane.failed,
        waiting=None if counts is None else counts.get(DeliveryStatus.WAITING, 0),
        dead=None if counts is None else counts.get(DeliveryStatus.DEAD, 0),
        lost=webhook.lost,
        lag=max(0, newest - lane.read),
    )
