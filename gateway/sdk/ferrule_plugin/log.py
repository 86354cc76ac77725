"""The log of the instance, as a logger of the standard library."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

_LONGEST = 5000


class GatewayLog(logging.Handler):
    """Hands records to the gateway.

    Args:
        tell: tells the gateway.
    """

    def __init__(self, tell: Callable[[str, Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one on; a gateway that is gone needs no log."""
        try:
            self._tell("log", {"message": self.format(record)[:_LONGEST], "level": _level(record.levelno)})
        except Exception:  # noqa: BLE001 - as the handlers of the library do
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"
