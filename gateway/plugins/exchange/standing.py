"""What a plugin may do as itself, now: what was granted to those of its instances that are to run."""

from __future__ import annotations

from gateway.core.errors import Code, GatewayError
from gateway.plugins.exchange.exchange import Find
from gateway.plugins.host.permissions import Permissions, Word, parse_permissions
from gateway.plugins.host.states import State

_OVER = frozenset({State.INACTIVE, State.SUSPENDED})


class Standing:
    """Knows it of each plugin.

    Args:
        instances: those of a plugin (``Host.of``).
    """

    def __init__(self, instances: Find) -> None:
        self._instances = instances

    def granted(self, plugin: str) -> Permissions | None:
        """What it may; None: no instance of it is to run."""
        standing = [one for one in self._instances(plugin) if one.state not in _OVER]
        if not standing:
            return None
        return parse_permissions({text for one in standing for text in one.spec.permissions})

    def require(self, plugin: str, word: Word, subject: str | None = None) -> None:
        """See that a plugin may do something.

        Args:
            plugin: which.
            word: what.
            subject: on what; None: on anything.

        Raises:
            GatewayError: FORBIDDEN, with the permission that would do.
        """
        granted = self.granted(plugin) or Permissions()
        if not (granted.has(word) if subject is None else granted.allow(word, subject)):
            needed = word if subject is None else f"{word}:{subject}"
            raise GatewayError(
                Code.FORBIDDEN,
                f"no active instance of {plugin} was granted the permission {needed}",
                details={"permission": needed},
            )
