"""Webhooks as they are shown: never with their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.core.eventlog import DeliveryStatus
from gateway.core.ports import Json
from gateway.webhooks.schedule import RetryPolicy
from gateway.webhooks.sender import Sent
from gateway.webhooks.signing import Format
from gateway.webhooks.webhook import SPEC_MEMBERS, State, Webhook


@dataclass(frozen=True, slots=True)
class Shown:
    """A webhook as callers see it.

    Attributes:
        id: of the webhook.
        url: where to.
        events: patterns of types and routing keys.
        filter: values of members of the data.
        active: whether it gets anything.
        description: for people.
        retry_policy: None: the schedule of Standard Webhooks.
        format: of the body.
        ordered: whether events of the same thing wait for each other.
        state: active, paused or disabled.
        reason: why it is disabled: gone, failing, forbidden, secret or revoked; None where it is not.
        owner: who registered it, or changed it last (``Principal.known_as``).
        scopes: of that one's token then: it brings what they allow.
        created_at, updated_at: Unix seconds.
        previous_secret_until: Unix seconds until which secrets before this one sign too; None where none does.
        failing_for: seconds without a success since the first failure; 0 where the last delivery arrived.
        lost: events that left the log before they could be delivered.
        sequence: number of the last event that was looked at for it.
        newest: number of the newest event in the log.
        replaying: whether events are being delivered again.
        deliveries: how many are of each status; None where that cannot be known now.
    """

    id: str
    url: str
    events: tuple[str, ...]
    filter: Mapping[str, Json]
    active: bool
    description: str
    retry_policy: RetryPolicy | None
    format: Format
    ordered: bool
    state: str
    reason: str | None
    owner: str
    scopes: tuple[str, ...]
    created_at: float
    updated_at: float
    previous_secret_until: float | None
    failing_for: float
    lost: int
    sequence: int
    newest: int
    replaying: bool
    deliveries: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class Registered:
    """A webhook whose secret is shown this once.

    Attributes:
        webhook: it.
        signing_secret: in the form libraries for Standard Webhooks take; keep it out of logs.
    """

    webhook: Shown
    signing_secret: str

    def __repr__(self) -> str:
        return f"Registered(webhook={self.webhook!r})"


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of a test.

    Attributes:
        event_id: what the receiver got as ``webhook-id``.
        delivered: whether it was taken: 2xx.
        status: HTTP status; None where there was no answer.
        seconds: until then.
        address: IP address that was connected to; None where none was.
        answer: the beginning of the answer's body.
        error: why it was not delivered; None where it was.
    """

    event_id: str
    delivered: bool
    status: int | None
    seconds: float
    address: str | None
    answer: str
    error: str | None


def shown(webhook: Webhook, read: int, newest: int, counts: Mapping[DeliveryStatus, int] | None, wall: float) -> Shown:
    """A webhook as callers see it.

    Args:
        webhook: as it is.
        read: number of the last event that was looked at for it.
        newest: number of the newest event.
        counts: of its deliveries.
        wall: Unix seconds.
    """
    spec = webhook.spec
    return Shown(
        id=webhook.id,
        url=spec.url,
        events=spec.events,
        filter=spec.filter,
        active=webhook.state is State.ACTIVE,
        description=spec.description,
        retry_policy=spec.retry_policy,
        format=spec.format,
        ordered=spec.ordered,
        state=webhook.state.value,
        reason=None if webhook.reason is None else webhook.reason.value,
        owner=webhook.owner.known_as,
        scopes=tuple(sorted(webhook.owner.scopes)),
        created_at=webhook.created,
        updated_at=webhook.updated,
        previous_secret_until=max((one.until for one in webhook.keys.standing(wall)), default=None),
        failing_for=webhook.failing,
        lost=webhook.lost,
        sequence=read,
        newest=newest,
        replaying=webhook.replay is not None,
        deliveries=None if counts is None else {str(status): counts.get(status, 0) for status in DeliveryStatus},
    )


def as_spec(webhook: Webhook) -> dict[str, Json]:
    """What a client would send to get this webhook, without the secret."""
    members: dict[str, Json] = {name: getattr(webhook.spec, name) for name in SPEC_MEMBERS}
    policy = webhook.spec.retry_policy
    return members | {
        "retry_policy": None if policy is None else msgspec.to_builtins(policy),
        "active": webhook.state is State.ACTIVE,
    }


def tested(event_id: str, sent: Sent, seconds: float) -> Tested:
    """What came of a test."""
    error = sent.error
    if error is None and not sent.delivered:
        error = f"answered {sent.status}"
    answer = sent.body.decode("utf-8", "replace")[:1024]
    return Tested(event_id, sent.delivered, sent.status, round(seconds, 3), sent.address, answer, error)
