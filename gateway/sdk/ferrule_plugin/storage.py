"""What a plugin keeps: survives its restarts, within the quota of its instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Storage:
    """Values by key; any JSON. It needs the permission ``use-storage``.

    Args:
        ask: asks the gateway.
    """

    def __init__(self, ask: Callable[[str, Mapping[str, Any]], Any]) -> None:
        self._ask = ask

    def get(self, key: str, default: Any = None) -> Any:
        """A value; ``default`` where there is none, or it is null."""
        value = self._ask("storage.get", {"key": key})["value"]
        return default if value is None else value

    def put(self, key: str, value: Any) -> None:
        """Keep a value; it is on the disk when this returns.

        Raises:
            QuotaError: there is no room.
            BusyError: more than 60 a minute: the disk of a board wears out.
        """
        self._ask("storage.put", {"key": key, "value": value})

    def delete(self, key: str) -> bool:
        """Forget a value; whether there was one."""
        return bool(self._ask("storage.delete", {"key": key})["removed"])

    def keys(self, prefix: str = "") -> list[str]:
        """Keys that begin so."""
        return list(self._ask("storage.list", {"prefix": prefix})["keys"])
