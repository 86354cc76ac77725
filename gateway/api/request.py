"""A request under way: who makes it, what it may still take, and its body, where that can be had."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from gateway.access.limits.rates import Visit
from gateway.api import rpc
from gateway.api.asgi import BodyError, Receive, Scope, header, read_body
from gateway.api.origin import Caller
from gateway.api.replies import Reply, ReplyHeaders, challenge, of_agent_api, problem_reply, rpc_error, too_many
from gateway.api.rpc_errors import STATUS, fault_of
from gateway.core.errors import Code, GatewayError

# Of a body that comes with a verb that has none as a rule (D-020).
LARGEST_UNUSUAL = 16 * 1024
# What is left of a body must not be taken for the next request.
CLOSE = ((b"connection", b"close"),)

_JSON = frozenset({b"application/json", b"application/json-rpc"})
# A body of so many bytes is read also of a caller who is refused, so that the answer can carry the id of the call.
_READ_OF_REFUSED = 16 * 1024
# Of a caller without a valid token: room for the largest card of an agent that registers, escaped and wrapped.
LARGEST_OF_STRANGERS = 128 * 1024


def crowded(most: int, path: str) -> Reply:
    """What an agent is told that has as many requests under way as it may; its body is not read."""
    reason = f"this agent has {most} requests under way, and no more may be: wait for the answer to one"
    if not of_agent_api(path):
        return problem_reply(503, "Service Unavailable", f"{reason}.", (*CLOSE, (b"retry-after", b"1")))
    error = GatewayError(Code.UNAVAILABLE, reason, details={"agentConnections": most, "retryAfter": 1})
    return Reply(503, rpc.failure(None, fault_of(error)), (*CLOSE, (b"retry-after", b"1")))


@dataclass(slots=True)
class Request:
    """One request to the API.

    Attributes:
        scope: of it.
        receive: brings its body.
        caller: who makes it.
        visit: counts its calls.
        deadline: when it must be answered, on the run loop's clock.
    """

    scope: Scope
    receive: Receive
    caller: Caller
    visit: Visit
    deadline: float

    @property
    def path(self) -> str:
        """Its path, decoded."""
        return str(self.scope["path"])

    def refused(self, headers: ReplyHeaders = ()) -> Reply | None:
        """Count it as a call of nothing; what is answered where that is one too many."""
        refused = self.visit.admit()
        return None if refused is None else too_many(refused, self.path, headers=headers)

    async def body(self, limit: int) -> bytes | Reply:
        """Its body, or what is answered where none can be had: that counts as a call.

        Who has no valid token is not read for long: making values of a body takes the time of the lines.

        Args:
            limit: bytes.
        """
        if not self._is_json():
            reason = "send Content-Type: application/json, without Content-Encoding"
            return self.refused() or rpc_error(415, rpc.INVALID_REQUEST, "Invalid Request", reason)
        if not self._is_short() and self.visit.look() is not None and (refused := self.refused(CLOSE)) is not None:
            return refused
        stranger = self.caller if isinstance(self.caller, GatewayError) else None
        try:
            return await read_body(self.scope, self.receive, min(limit, LARGEST_OF_STRANGERS) if stranger else limit)
        except BodyError as error:
            if stranger is not None and error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                return self.refused(CLOSE) or self._unread(fault_of(stranger))
            return self.refused(CLOSE) or rpc_error(
                error.status, rpc.INVALID_REQUEST, "Invalid Request", error.reason, CLOSE
            )

    async def unusual_body(self, limit: int) -> bytes | Reply:
        """The same of a verb that has none as a rule: it must be short, and say how long it is (D-020)."""
        if header(self.scope, b"content-length") is None:
            reason = f"a body with {self.scope['method']} needs Content-Length"
            return self.refused(CLOSE) or rpc_error(411, rpc.INVALID_REQUEST, "Invalid Request", reason, CLOSE)
        return await self.body(min(limit, LARGEST_UNUSUAL))

    def has_body(self) -> bool:
        """Whether it has a body of at least one byte, or does not say how many it has."""
        length = header(self.scope, b"content-length")
        return (length is not None and length.strip(b"0") != b"") or (
            header(self.scope, b"transfer-encoding") is not None
        )

    def _unread(self, fault: rpc.Fault) -> Reply:
        """What is answered to who is not let in, whatever the body says."""
        return Reply(STATUS[fault.code], rpc.failure(None, fault), (*CLOSE, *challenge(self.scope)))

    def _is_short(self) -> bool:
        """Whether the body is read also of a caller who will be refused."""
        length = header(self.scope, b"content-length")
        return length is not None and len(length) < 6 and int(length) <= _READ_OF_REFUSED

    def _is_json(self) -> bool:
        media_type, _, parameters = (header(self.scope, b"content-type") or b"").partition(b";")
        charset = parameters.strip().lower().replace(b'"', b"")
        encoding = header(self.scope, b"content-encoding") or b"identity"
        return (
            media_type.strip().lower() in _JSON
            and charset in {b"", b"charset=utf-8"}
            and encoding.strip().lower() == b"identity"
        )
