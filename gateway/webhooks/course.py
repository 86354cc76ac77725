"""What the parts of one webhook's delivery see of each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.core.events import Event
from gateway.webhooks.webhook import Webhook
from gateway.webhooks.window import Window


class Course(Protocol):
    """The delivery to one webhook, as its parts see it.

    Attributes:
        webhook: as it is now.
        window: the deliveries at hand.
    """

    webhook: Webhook
    window: Window

    @property
    def active(self) -> bool:
        """Whether it gets anything now."""
        ...

    def change(self, change: Callable[[Webhook], Webhook], *, soon: bool = True) -> None:
        """Change the webhook now; the disk hears of it soon, or with whatever it hears of next."""
        ...

    def wants(self, event: Event) -> bool:
        """Whether the webhook asked for an event, and its owner may see it (D-149)."""
        ...
