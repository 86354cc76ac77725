"""The one error that may reach a caller. Everything else is a fault of ours and is answered as an internal error."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """What went wrong, in the gateway's own terms; each path family has one table from these to its wire codes."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_PRIVATE = "not_private"
    TOO_MANY = "too_many"
    AGENT_NOT_FOUND = "agent_not_found"
    CAPABILITY_NOT_FOUND = "capability_not_found"
    UNAVAILABLE = "unavailable"
    # Anything but an agent or a capability, which have words of their own.
    NOT_FOUND = "not_found"
    # What is asked for stands against what there is already.
    CONFLICT = "conflict"


class GatewayError(Exception):
    """Something the caller can understand and act on.

    Attributes:
        code: what kind of error.
        reason: a sentence that names the place and the cure.
        field: the parameter at fault, where one is.
        provided: what stood there, for the error's data; never a secret.
        details: more members for the error's data.
    """

    def __init__(
        self,
        code: Code,
        reason: str,
        *,
        field: str | None = None,
        provided: object = None,
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.field = field
        self.provided = provided
        self.details = details or {}


def as_value(error: GatewayError) -> GatewayError:
    """The same error, to be kept and answered with: without the calls it was raised in.

    They hold on to the request, its connection and the error itself, all of which would stay in memory until the
    collector comes by.
    """
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def invalid(field: str, reason: str, provided: object = None) -> GatewayError:
    """A parameter that cannot be accepted."""
    return GatewayError(Code.INVALID, reason, field=field, provided=provided)
