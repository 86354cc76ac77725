"""Why a configuration is not taken."""

from __future__ import annotations

from gateway.core.errors import Code, GatewayError

# Names of members and indexes of elements that lead to a value.
Place = tuple[str | int, ...]


class ConfigError(GatewayError):
    """A configuration is not as its schema wants it. No value is told: it may be secret.

    Attributes:
        place: what is at fault.
    """

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__(Code.INVALID, reason, field=_written("config", place))
        self.place = place


def _written(name: str, place: Place) -> str:
    for step in place:
        name += f"[{step}]" if isinstance(step, int) else f".{step}"
    return name
