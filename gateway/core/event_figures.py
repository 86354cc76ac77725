"""How many events, messages and deliveries there are and were, for who looks at the gateway from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFigures:
    """Events and messages; counts are of this run of the gateway.

    Attributes:
        accepted: events that were numbered: those of the gateway itself, and those it took from others.
        kept: of them, those that were written to the log.
        given_up: of them, those that were to be written and were given up, because the disk took nothing for long.
        waiting: of them, those that are not on the disk yet.
        removed: events that left the log, by why: for their ``age``, or to make ``room``.
        size: bytes of the log that hold something; None where that cannot be known now.
        limit: bytes it may take.
        messages: that wait for their agents; None where that cannot be known now.
    """

    accepted: int
    kept: int
    given_up: int
    waiting: int
    removed: Mapping[str, int]
    size: int | None
    limit: int
    messages: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFigures:
    """One webhook; what is counted is of this run of the gateway, but for ``lost``.

    Attributes:
        id: of the webhook.
        host: where it goes.
        state: active, paused or disabled.
        delivered: attempts that succeeded.
        failed: attempts that did not.
        waiting: deliveries that wait; None where that cannot be known now.
        dead: deliveries all attempts of which failed; None where that cannot be known now.
        lost: events that left the log before they could be delivered.
        lag: from the last event that was looked at for it to the newest, in numbers of events, which have gaps.
    """

    id: str
    host: str
    state: str
    delivered: int
    failed: int
    waiting: int | None
    dead: int | None
    lost: int
    lag: int


@dataclass(frozen=True, slots=True)
class EventMeters:
    """Where these figures come from.

    Attributes:
        events: asks for those of events and messages.
        webhooks: asks for those of each webhook, the oldest first.
    """

    events: Callable[[], Awaitable[EventFigures]]
    webhooks: Callable[[], Awaitable[Sequence[WebhookFigures]]]
