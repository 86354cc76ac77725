"""Events, messages, alarms, webhooks and WebSockets as metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import get_args

from gateway.alarms.standing import AlarmState
from gateway.api.live.live import LiveFigures
from gateway.api.metrics.exposition import Family, label_text
from gateway.api.rest.ports import Alarms
from gateway.core.event_figures import EventFigures, WebhookFigures
from gateway.settings.alarm_model import AlarmSeverity

WEBHOOK_STATES = ("active", "paused", "disabled")


def event_families(figures: EventFigures) -> list[Family]:
    """Events, the log of them, and messages."""
    removed = Family("ferrule_events_removed_total", "counter", "Events that left the log: for their age, or for room.")
    for reason, number in figures.removed.items():
        removed.add(number, label_text(reason=reason))
    waiting = _one("ferrule_events_waiting", "Events that are not on the disk yet.", figures.waiting)
    size = _one(
        "ferrule_event_log_size_bytes", "What the log of events holds, deliveries and messages too.", figures.size
    )
    limit = _one("ferrule_event_log_limit_bytes", "What it may hold.", figures.limit)
    messages = _one(
        "ferrule_messages_waiting", "Messages between agents that wait to be acknowledged.", figures.messages
    )
    return [
        _total("ferrule_events_accepted_total", "Events of the gateway, and of others that it took.", figures.accepted),
        _total("ferrule_events_kept_total", "Events that were written to the log.", figures.kept),
        _total("ferrule_events_given_up_total", "Events that the disk did not take in time.", figures.given_up),
        removed,
        waiting,
        size,
        limit,
        messages,
    ]


def webhook_families(webhooks: Sequence[WebhookFigures]) -> list[Family]:
    """How each webhook does; there are at most ``[webhook] max_webhooks``."""
    info = Family("ferrule_webhook_info", "gauge", "Where the webhook goes; always 1.")
    state = Family("ferrule_webhook_state", "gauge", "1 for the state the webhook is in.")
    delivered = Family("ferrule_webhook_delivered_total", "counter", "Events that were delivered.")
    failed = Family("ferrule_webhook_failed_attempts_total", "counter", "Attempts to deliver that failed.")
    lost = Family("ferrule_webhook_lost_total", "counter", "Events that left the log before they were delivered.")
    waiting = Family("ferrule_webhook_deliveries_waiting", "gauge", "Deliveries that wait for another attempt.")
    dead = Family("ferrule_webhook_deliveries_dead", "gauge", "Deliveries in its log all attempts of which failed.")
    lag = Family(
        "ferrule_webhook_sequence_lag", "gauge", "From the event it has come to in the log to the newest one, in seq."
    )
    for webhook in webhooks:
        text = label_text(webhook=webhook.id)
        info.add(1, label_text(webhook=webhook.id, host=webhook.host))
        state.states(webhook.state, WEBHOOK_STATES, webhook=webhook.id)
        delivered.add(webhook.delivered, text)
        failed.add(webhook.failed, text)
        lost.add(webhook.lost, text)
        waiting.add(webhook.waiting, text)
        dead.add(webhook.dead, text)
        lag.add(webhook.lag, text)
    return [info, state, delivered, failed, lost, waiting, dead, lag]


def alarm_families(alarms: Alarms) -> list[Family]:
    """How many alarms are in which state."""
    family = Family("ferrule_alarms", "gauge", "Alarms of the configuration, by state and severity.")
    found = Counter((row.state, row.severity) for row in alarms.list(states=frozenset(AlarmState)))
    for state in AlarmState:
        for severity in get_args(AlarmSeverity):
            family.add(found[state, severity], label_text(state=state.value, severity=severity))
    return [family]


def live_families(figures: LiveFigures) -> list[Family]:
    """WebSockets."""
    return [
        _one("ferrule_websockets_open", "WebSockets that are open.", figures.open),
        _total(
            "ferrule_websocket_events_sent_total",
            "Events that went out to WebSockets, each of them counted.",
            figures.sent,
        ),
        _by_reason("ferrule_websockets_cut_total", "WebSockets the gateway has closed, by why.", figures.cut),
        _by_reason("ferrule_websockets_refused_total", "Handshakes of WebSockets refused, by why.", figures.refused),
    ]


def _one(name: str, about: str, value: int | None) -> Family:
    family = Family(name, "gauge", about)
    family.add(value)
    return family


def _total(name: str, about: str, value: int) -> Family:
    family = Family(name, "counter", about)
    family.add(value)
    return family


def _by_reason(name: str, about: str, counts: Mapping[str, int]) -> Family:
    family = Family(name, "counter", about)
    for reason, number in counts.items():
        family.add(number, label_text(reason=reason))
    return family
