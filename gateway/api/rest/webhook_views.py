"""Webhooks as the plugin API sees them; ``gateway.webhooks`` has the values that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.core.ports import Json
from gateway.webhooks.schedule import RetryPolicy


class ShownWebhook(Protocol):
    """A webhook without its secret."""

    @property
    def id(self) -> str:
        """Of the webhook."""
        ...

    @property
    def url(self) -> str:
        """Where to."""
        ...

    @property
    def events(self) -> Sequence[str]:
        """Patterns of types and routing keys."""
        ...

    @property
    def filter(self) -> Mapping[str, Json]:
        """Values of members of the data."""
        ...

    @property
    def active(self) -> bool:
        """Whether it gets anything."""
        ...

    @property
    def description(self) -> str:
        """For people."""
        ...

    @property
    def retry_policy(self) -> RetryPolicy | None:
        """None: the schedule of Standard Webhooks."""
        ...

    @property
    def format(self) -> str:
        """Of the body: ``seed`` or ``cloudevents``."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether events of the same thing wait for each other."""
        ...

    @property
    def state(self) -> str:
        """``active``, ``paused`` or ``disabled``."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it is disabled; None where it is not."""
        ...

    @property
    def owner(self) -> str:
        """Subject of who registered it, or changed it last."""
        ...

    @property
    def scopes(self) -> tuple[str, ...]:
        """Of that one's token then: it brings what they allow."""
        ...

    @property
    def created_at(self) -> float:
        """Unix seconds."""
        ...

    @property
    def updated_at(self) -> float:
        """Unix seconds."""
        ...

    @property
    def previous_secret_until(self) -> float | None:
        """Unix seconds until which the secret before signs too."""
        ...

    @property
    def failing_for(self) -> float:
        """Seconds without a success."""
        ...

    @property
    def lost(self) -> int:
        """Events that left the log before they could be delivered."""
        ...

    @property
    def sequence(self) -> int:
        """Number of the last event that was looked at for it."""
        ...

    @property
    def newest(self) -> int:
        """Number of the newest event in the log."""
        ...

    @property
    def replaying(self) -> bool:
        """Whether events are being delivered again."""
        ...

    @property
    def deliveries(self) -> Mapping[str, int] | None:
        """How many are of each status; None where that cannot be known now."""
        ...


class RegisteredWebhook(Protocol):
    """A webhook whose secret is shown this once."""

    @property
    def webhook(self) -> ShownWebhook:
        """It."""
        ...

    @property
    def signing_secret(self) -> str:
        """In the form libraries for Standard Webhooks take."""
        ...


class TestedWebhook(Protocol):
    """What came of a test."""

    @property
    def event_id(self) -> str:
        """What the receiver got as ``webhook-id``."""
        ...

    @property
    def delivered(self) -> bool:
        """Whether it was taken."""
        ...

    @property
    def status(self) -> int | None:
        """Of HTTP; None where there was no answer."""
        ...

    @property
    def seconds(self) -> float:
        """Until then."""
        ...

    @property
    def address(self) -> str | None:
        """IP address that was connected to."""
        ...

    @property
    def answer(self) -> str:
        """The beginning of the answer's body."""
        ...

    @property
    def error(self) -> str | None:
        """Why it was not delivered."""
        ...
