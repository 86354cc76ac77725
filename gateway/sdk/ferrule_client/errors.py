"""What can go wrong, as types a caller can tell apart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime


class FerruleError(Exception):
    """Anything this kit raises on purpose."""


class ConfigurationError(FerruleError, ValueError):
    """What the client was given cannot be used; nothing was sent."""


class UnreachableError(FerruleError):
    """No answer came.

    Attributes:
        sent: the call may have arrived, so that what it orders may have been done. False: it certainly was not.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class NotTrustedError(UnreachableError):
    """Whoever answers there shows a certificate that the given authority does not vouch for. Nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)


class ProtocolError(FerruleError):
    """An answer came, and it is none a gateway gives. What the call orders may have been done."""


class EventsMissedError(FerruleError):
    """The gateway no longer has all events that were missed: read what is now from its source, and go on.

    Attributes:
        since: number of the last event that came before the gap.
        seq: number behind which nothing is missing again.
    """

    def __init__(self, since: int, seq: int) -> None:
        super().__init__(
            f"events after {since} are gone from the gateway's log, or cannot be read: read what is now from its "
            f"source (list_alarms, read_tags); from {seq} on nothing is missing"
        )
        self.since = since
        self.seq = seq


class RpcError(FerruleError):
    """A JSON-RPC error (JSON-RPC 2.0, 5.1). Its types by code are below; an unknown code is an `RpcError` itself.

    Attributes:
        code: the JSON-RPC code.
        message: its name in words.
        data: everything the gateway says of it.
    """

    def __init__(self, code: int, message: str, data: Mapping[str, object] | None = None) -> None:
        self.code = code
        self.message = message
        self.data: Mapping[str, object] = data or {}
        where = f" {self.field}:" if self.field else ""
        words = self.words
        super().__init__(f"{message} ({code}):{where} {words}" if words else f"{message} ({code})")

    @property
    def words(self) -> str:
        """What happened, for people: also where `reason` is one word for programs, such as `conflict`."""
        words = self.data.get("message")
        return words if isinstance(words, str) and words else self.reason

    @property
    def reason(self) -> str:
        """A sentence with place and cure, or one word for programs, beside which `words` is the sentence."""
        reason = self.data.get("reason")
        return reason if isinstance(reason, str) else ""

    @property
    def field(self) -> str | None:
        """The parameter at fault."""
        field = self.data.get("field")
        return field if isinstance(field, str) else None

    @property
    def provided(self) -> object:
        """What stood there, cut short by the gateway."""
        return self.data.get("provided")

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the same call may succeed."""
        seconds = self.data.get("retryAfter")
        return max(0.0, float(seconds)) if isinstance(seconds, int | float) else None


class ParseError(RpcError):
    """-32700: what was sent is no JSON."""


class InvalidRequestError(RpcError):
    """-32600: what was sent is no JSON-RPC, or too long."""


class MethodNotFoundError(RpcError):
    """-32601: the other side does not know the method."""


class InvalidParamsError(RpcError):
    """-32602: a parameter is wrong; see `field`, `reason` and `provided`."""


class InternalError(RpcError):
    """-32603: a fault of the other side. What the call orders may have been done."""


class AuthenticationError(RpcError):
    """-32001: the token or the signature does not count."""

    @property
    def server_time(self) -> datetime | None:
        """What the gateway's clock shows, where it refuses by time and does not trust that clock itself."""
        said = self.data.get("serverTime")
        try:
            moment = datetime.fromisoformat(said) if isinstance(said, str) else None
        except ValueError:
            return None
        return None if moment is None or moment.tzinfo is None else moment


class AuthorizationError(RpcError):
    """-32002: the caller is known, but may not do this."""


class NotPrivateError(RpcError):
    """-32003: an address that is not private (RFC 1918)."""


class RateLimitError(RpcError):
    """-32004: too many calls; see `retry_after`. Nothing was done."""


class AgentNotFoundError(RpcError):
    """-32005: the agent is not registered."""


class CapabilityNotFoundError(RpcError):
    """-32006: nobody offers the capability."""


class UnavailableError(RpcError):
    """-32007: not now; see `retry_after`."""


class NotFoundError(RpcError):
    """-32010: there is none, such as a message or an alarm."""


class ConflictError(RpcError):
    """-32011: it is there, but not in a state that allows this."""


_BY_CODE: dict[int, type[RpcError]] = {
    -32700: ParseError,
    -32600: InvalidRequestError,
    -32601: MethodNotFoundError,
    -32602: InvalidParamsError,
    -32603: InternalError,
    -32001: AuthenticationError,
    -32002: AuthorizationError,
    -32003: NotPrivateError,
    -32004: RateLimitError,
    -32005: AgentNotFoundError,
    -32006: CapabilityNotFoundError,
    -32007: UnavailableError,
    -32010: NotFoundError,
    -32011: ConflictError,
}


def rpc_error(code: int, message: str, data: Mapping[str, object] | None = None) -> RpcError:
    """The exception for a JSON-RPC error object."""
    return _BY_CODE.get(code, RpcError)(code, message, data)
