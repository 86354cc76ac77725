"""What is said of webhooks on the wire: the reference's members, then ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.api.rest.paging import PAGE_SIZE, Size
from gateway.api.rest.shapes import Model
from gateway.api.rest.webhook_views import ShownWebhook, TestedWebhook
from gateway.api.rest.words import EventPatternWord, Moment, ReceiverUrl
from gateway.core import rfc3339
from gateway.core.eventlog import Attempt, Delivery, DeliveryStatus
from gateway.core.patterns import MOST_PATTERNS
from gateway.core.ports import Json
from gateway.webhooks.schedule import RetryPolicy as Policy
from gateway.webhooks.signing import LONGEST_SECRET, SHORTEST_SECRET

Patterns = Annotated[list[EventPatternWord], Meta(min_length=1, max_length=MOST_PATTERNS)]
Description = Annotated[str, Meta(max_length=1000)]
Form = Literal["seed", "cloudevents"]
# What follows whsec_ in one is to be base64, which no pattern can say.
SecretWord = Annotated[
    str, Meta(extra_json_schema={"pattern": "^[ -~]*$", "minLength": SHORTEST_SECRET, "maxLength": LONGEST_SECRET})
]


class RetryPolicy(Model, frozen=True):
    """How often an event is tried; what is left out is as in the reference (D-144)."""

    max_attempts: Annotated[int, Meta(ge=1, le=20)] = 5
    backoff_multiplier: Annotated[float, Meta(ge=1, le=10)] = 2
    initial_delay: Annotated[float, Meta(ge=1, le=3600)] = 1


class WebhookBody(Model, frozen=True):
    """What registers a webhook, and what takes its place."""

    url: ReceiverUrl
    events: Patterns
    secret: SecretWord | None = None
    active: bool = True
    retry_policy: RetryPolicy | None = None
    filter: dict[str, object] = msgspec.field(default_factory=dict)
    description: Description = ""
    format: Form = "seed"
    ordered: bool = False


class WebhookChanges(Model, frozen=True):
    """What changes a webhook: members that are left out stay, null gives the default back (RFC 7396)."""

    url: ReceiverUrl | UnsetType = UNSET
    events: Patterns | UnsetType = UNSET
    secret: SecretWord | UnsetType = UNSET
    active: bool | UnsetType | None = UNSET
    retry_policy: RetryPolicy | UnsetType | None = UNSET
    filter: dict[str, object] | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    format: Form | UnsetType | None = UNSET
    ordered: bool | UnsetType | None = UNSET


class NewSecret(Model, frozen=True):
    """The next secret; without one the gateway makes it."""

    secret: SecretWord | None = None


class Range(Model, frozen=True):
    """Which events are to be delivered again, by when they happened."""

    start: Moment
    end: Moment


class DeliveryQuery(Model, frozen=True):
    """Which deliveries are listed, newest first."""

    status: Literal["waiting", "delivered", "dead", "cancelled"] | None = None
    event_type: str | None = None
    before: str | None = None
    limit: Size = PAGE_SIZE

    @property
    def wanted(self) -> DeliveryStatus | None:
        """The status asked for."""
        return None if self.status is None else DeliveryStatus(self.status)


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as it is shown; its secret never is, but once ``signing_secret`` when it is new."""

    id: str
    url: str
    events: list[str]
    active: bool
    retry_policy: Policy | None
    filter: Mapping[str, object]
    description: str
    format: str
    ordered: bool
    state: str
    reason: str | None
    owner: str
    scopes: list[str]
    created_at: str
    updated_at: str
    previous_secret_until: str | None
    failing_for: float
    lost: int
    seq: int
    newest_seq: int
    replaying: bool
    deliveries: Mapping[str, int] | None
    signing_secret: str | UnsetType = UNSET


class TestResult(msgspec.Struct, frozen=True):
    """What came of a test."""

    event_id: str
    delivered: bool
    response_status: int | None
    duration_ms: float
    address: str | None
    response_body: str
    error: str | None


class Try(msgspec.Struct, frozen=True):
    """One attempt to deliver."""

    number: int
    at: str
    duration_ms: float
    address: str | None
    request_headers: Mapping[str, str]
    response_status: int | None
    response_body: str
    error: str | None
    delivered: bool


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event for a webhook."""

    id: str
    webhook_id: str
    event_id: str
    event_type: str
    seq: int
    status: str
    attempts: int
    created_at: str
    next_attempt_at: str | None
    finished_at: str | None
    key: str | None
    redelivery: bool
    log: list[Try] | UnsetType = UNSET


class Redelivered(msgspec.Struct, frozen=True):
    """How many events of a stretch of time are delivered again."""

    webhook_id: str
    start: str
    end: str
    events: int


def written(body: WebhookBody | WebhookChanges) -> dict[str, Json]:
    """What a client wrote, by the names on the wire; what it left out of a change is not in it."""
    members: dict[str, Json] = msgspec.to_builtins(body)
    return members


def webhook_row(row: ShownWebhook, secret: str | UnsetType = UNSET) -> Webhook:
    """A webhook for an answer; ``secret`` where it was made or changed just now."""
    return Webhook(
        id=row.id,
        url=row.url,
        events=list(row.events),
        active=row.active,
        retry_policy=row.retry_policy,
        filter=row.filter,
        description=row.description,
        format=row.format,
        ordered=row.ordered,
        state=row.state,
        reason=row.reason,
        owner=row.owner,
        scopes=list(row.scopes),
        created_at=rfc3339.seconds(row.created_at),
        updated_at=rfc3339.seconds(row.updated_at),
        previous_secret_until=_time(row.previous_secret_until),
        failing_for=round(row.failing_for, 3),
        lost=row.lost,
        seq=row.sequence,
        newest_seq=row.newest,
        replaying=row.replaying,
        deliveries=row.deliveries,
        signing_secret=secret,
    )


def state_of(row: ShownWebhook) -> list[object]:
    """What of a webhook an entity tag stands for: all that clients write, and nothing that deliveries change."""
    return [
        row.id,
        row.url,
        list(row.events),
        row.filter,
        row.active,
        row.description,
        row.retry_policy,
        row.format,
        row.ordered,
        row.updated_at,
    ]


def test_row(tested: TestedWebhook) -> TestResult:
    """What came of a test, for an answer."""
    return TestResult(
        tested.event_id,
        tested.delivered,
        tested.status,
        _milliseconds(tested.seconds),
        tested.address,
        tested.answer,
        tested.error,
    )


def delivery_row(delivery: Delivery, log: list[Try] | UnsetType = UNSET) -> DeliveryRow:
    """A delivery for an answer."""
    return DeliveryRow(
        id=delivery.id,
        webhook_id=delivery.webhook,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        seq=delivery.sequence,
        status=delivery.status.value,
        attempts=delivery.attempts,
        created_at=rfc3339.seconds(delivery.created),
        next_attempt_at=_time(delivery.next_at),
        finished_at=_time(delivery.finished),
        key=delivery.key,
        redelivery=delivery.redelivery,
        log=log,
    )


def attempt_row(attempt: Attempt) -> Try:
    """An attempt for an answer."""
    return Try(
        attempt.number,
        rfc3339.seconds(attempt.at),
        _milliseconds(attempt.seconds),
        attempt.address,
        attempt.request,
        attempt.status,
        attempt.answer,
        attempt.error,
        attempt.error is None,
    )


def _time(moment: float | None) -> str | None:
    return None if moment is None else rfc3339.seconds(moment)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
