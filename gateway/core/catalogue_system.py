"""What the events of the gateway itself say: how it is, what is to be seen to, and its webhooks (D-135, D-136)."""

from __future__ import annotations

from typing import Any, Literal

from gateway.core.catalogue_type import EventData, EventType, Figure
from gateway.core.eventlog import Priority

Status = Literal["healthy", "degraded", "unhealthy"]


class SystemAlert(EventData):
    """An alert as it stands after the event.

    Attributes:
        alert_id: the same from firing to resolved.
        severity: ``info``, ``warning`` or ``critical``.
        component: what it is about, e.g. ``line:boiler``.
        summary: a sentence, with the cure where there is one.
        metric: what was measured.
        value: what it was; null where it is no figure.
        threshold: what it should not have been, or should have been; null where there is none.
        state: ``firing`` or ``resolved``.
    """

    alert_id: str
    severity: Literal["info", "warning", "critical"]
    component: str
    summary: str
    metric: str
    value: Any
    threshold: Any
    state: Literal["firing", "resolved"]


class Messaging(EventData):
    """How events and messages do.

    Attributes:
        status: ``healthy``, ``degraded`` or ``unhealthy``.
        latency: milliseconds that the disk took for the last events; null where there were none since the start.
        waiting: events that are not on the disk yet.
    """

    status: Status
    latency: Figure | None
    waiting: int


class Plugins(EventData):
    """How plugins do.

    Attributes:
        status: ``healthy``, ``degraded`` or ``unhealthy``; null where none is installed.
        active_count: instances that run.
    """

    status: Status | None
    active_count: int | None


class DatabaseHealth(EventData):
    """How the disk does.

    Attributes:
        status: ``healthy``, ``degraded`` or ``unhealthy``.
        connections: how many are open to the database; null where that is not known.
    """

    status: Status
    connections: int | None


class BusHealth(EventData):
    """How listeners do.

    Attributes:
        status: ``healthy``, or ``degraded`` for a while after a part of the gateway fell behind and was cut.
        cuts: how often that was since the start.
    """

    status: Status
    cuts: int


class AgentsHealth(EventData):
    """How agents do.

    Attributes:
        status: ``healthy``, or ``degraded`` where one has not been heard for a while, or says so of itself.
        total: agents that are registered.
        active: of them, those that are heard.
        healthy: of them, those that are heard in time and do not call themselves degraded.
    """

    status: Status
    total: int
    active: int
    healthy: int


class Components(EventData):
    """The parts of the gateway.

    Attributes:
        messaging: events and messages.
        plugins: plugins.
        database: the disk.
        bus: listeners.
        agents: agents.
    """

    messaging: Messaging
    plugins: Plugins
    database: DatabaseHealth
    bus: BusHealth
    agents: AgentsHealth


class SystemHealth(EventData):
    """How the gateway is.

    Attributes:
        overall_status: the worst of its components.
        components: each by its name.
    """

    overall_status: Status
    components: Components


class DeliveryFailed(EventData):
    """All attempts to deliver an event to a webhook failed.

    Attributes:
        webhook_id: of the webhook.
        delivery_id: of the delivery; it can be delivered again by that.
        event_id: of the event.
        event_type: its type.
        sequence: its number.
        attempts: how many were made.
        status: the HTTP status of the last answer; null where there was none.
        error: why the last attempt failed.
    """

    webhook_id: str
    delivery_id: str
    event_id: str
    event_type: str
    sequence: int
    attempts: int
    status: int | None
    error: str


class WebhookDisabled(EventData):
    """A webhook gets nothing any more until somebody activates it.

    Attributes:
        webhook_id: of the webhook.
        reason: one word: ``gone`` where the receiver answered 410, ``failing`` where nothing arrived for three days,
            ``forbidden`` where its address is no longer allowed, ``revoked`` where its owner was revoked.
        message: the same for people, with the cure.
    """

    webhook_id: str
    reason: str
    message: str


class WebhookOverflow(EventData):
    """Events for a webhook left the log before they could be delivered.

    Attributes:
        webhook_id: of the webhook.
        dropped: how many so far, in this stretch.
        first: number of the first of them.
        last: number of the last of them.
    """

    webhook_id: str
    dropped: int
    first: int
    last: int


class WebhookTest(EventData):
    """A ping that somebody ordered for one webhook.

    Attributes:
        webhook_id: of the webhook.
        requested_by: subject of who ordered it.
    """

    webhook_id: str
    requested_by: str


def _webhook(
    name: str, summary: str, data: type[EventData], priority: Priority = Priority.NORMAL, *, kept: bool = True
) -> EventType:
    return EventType(name, summary, data, "webhooks:read", "webhooks", priority, kept, key=("webhook_id",))


SYSTEM = (
    EventType(
        "system:alert",
        "Something should be seen to, or is over.",
        SystemAlert,
        "system:read",
        "system:health",
        Priority.HIGH,
        key=("component", "metric"),
    ),
    EventType(
        "system:health",
        "How the gateway is: every 30 s, and when a status changes.",
        SystemHealth,
        "system:read",
        "system:health",
        Priority.LOW,
        kept=False,
    ),
    _webhook("webhook:delivery_failed", "All attempts to deliver an event failed.", DeliveryFailed, Priority.HIGH),
    _webhook("webhook:disabled", "A webhook was deactivated by the gateway.", WebhookDisabled, Priority.HIGH),
    _webhook("webhook:overflow", "Events left the log before a webhook could get them.", WebhookOverflow),
    _webhook("webhook:test", "Somebody tests a webhook; only that one gets it.", WebhookTest, kept=False),
)
