"""Which events an instance gets, and under which names."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.errors import Code, GatewayError
from gateway.core.events import RESERVED, Event
from gateway.core.patterns import Selection
from gateway.plugins.host.permissions import Permissions, Word

MOST = 50
# What is written to one plugin is for that plugin: it comes as a message.
_PRIVATE = ("plugin:message", "message:")


class Subscriptions:
    """The subscriptions of one instance: those it was given, and those it asked for while it runs.

    Args:
        permissions: of the instance.
        given: by name; they stay.
    """

    def __init__(self, permissions: Permissions, given: Mapping[str, Selection]) -> None:
        self._permissions = permissions
        self._given = dict(given)
        self._own: dict[str, Selection] = {}

    def __len__(self) -> int:
        return len(self._given) + len(self._own)

    def give(self, given: Mapping[str, Selection]) -> None:
        """Change those that stay."""
        self._given = dict(given)

    def add(self, name: str, selection: Selection) -> None:
        """Take one of the instance itself; one of this name is replaced.

        Raises:
            GatewayError: TOO_MANY.
        """
        if name not in self._own and len(self) >= MOST:
            raise GatewayError(Code.TOO_MANY, f"an instance has at most {MOST} subscriptions: end one first")
        self._own[name] = selection

    def remove(self, name: str) -> bool:
        """End one of the instance itself; whether there was one."""
        return self._own.pop(name, None) is not None

    def forget(self) -> None:
        """The process ended: those it asked for are over."""
        self._own.clear()

    def wants(self, type_: str) -> bool:
        """Whether an event of this type may be wanted, depending on what it says."""
        return any(
            pattern.matches(type_) or pattern.routed
            for subscriptions in (self._given, self._own)
            for selection in subscriptions.values()
            for pattern in selection.patterns
        ) and self._permissions.allow(Word.READ_EVENTS, type_)

    def names(self, event: Event) -> list[str]:
        """Under which names the instance gets an event; empty: not at all."""
        wanting = [
            name
            for subscriptions in (self._given, self._own)
            for name, selection in subscriptions.items()
            if selection.takes(event)
        ]
        return wanting if wanting and self.may(event) else []

    def may(self, event: Event) -> bool:
        """Whether the instance may have an event, whether it wants it or not."""
        if event.type.startswith(_PRIVATE) or not self._permissions.allow(Word.READ_EVENTS, event.type):
            return False
        # Events of the gateway must not say what reading would not.
        tag = event.data.get("tag") if event.type.startswith(RESERVED) else None
        return not isinstance(tag, str) or self._permissions.allow(Word.READ_TAGS, tag)
