"""What can go wrong, as types a plugin can tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PluginError(Exception):
    """Anything this kit raises on purpose.

    Attributes:
        code: of the JSON-RPC error; None: the kit itself says so.
        data: of the JSON-RPC error.
    """

    def __init__(self, message: str, code: int | None = None, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data or {}


class NotPermittedError(PluginError):
    """The instance may not do that.

    Attributes:
        permission: that would do; ask for it in the manifest.
    """

    @property
    def permission(self) -> str | None:
        """That would do; ask for it in the manifest."""
        found = self.data.get("permission")
        return found if isinstance(found, str) else None


class InvalidError(PluginError):
    """What was asked for cannot be; the text says what and why."""


class BusyError(PluginError):
    """Too much at once: try again later."""


class UnavailableError(PluginError):
    """It cannot be had now; ``data["code"]`` says why."""


class QuotaError(PluginError):
    """There is no room to keep it."""


class GoneError(PluginError):
    """The gateway is gone, or this plugin was told to end."""


class NoAnswerError(PluginError):
    """No answer in time. What was ordered may have been done."""


_TYPES: Mapping[int, type[PluginError]] = {
    -32001: NotPermittedError,
    -32002: BusyError,
    -32003: UnavailableError,
    -32004: QuotaError,
    -32600: InvalidError,
    -32601: InvalidError,
    -32602: InvalidError,
}


def error_of(error: object) -> PluginError:
    """The exception for a JSON-RPC error object."""
    if not isinstance(error, dict):
        return PluginError("the gateway sent an error that is none")
    code, message, data = error.get("code"), error.get("message"), error.get("data")
    number = code if isinstance(code, int) else None
    kind = PluginError if number is None else _TYPES.get(number, PluginError)
    return kind(str(message), number, data if isinstance(data, dict) else None)
