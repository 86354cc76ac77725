"""Replies that are no results: each error in the envelope of its path, with the headers that belong to it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.access.limits.rates import Refused
from gateway.access.tokens import AGENT_API, PLUGIN_API
from gateway.api import rpc
from gateway.api.asgi import Scope, header, problem
from gateway.api.dispatch import Answer
from gateway.api.own_url import own_url
from gateway.api.rpc_errors import fault_of
from gateway.api.streaming import Stream

# The problem type of draft-ietf-httpapi-ratelimit-headers (D-161).
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
PROBLEM = b"application/problem+json"

ReplyHeaders = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A response before it is sent; one with a ``stream`` has no ``body``."""

    status: int
    body: bytes = b""
    headers: ReplyHeaders = ()
    content_type: bytes = b"application/json"
    stream: Stream | None = None


def of_agent_api(path: str) -> bool:
    """Whether a path answers in JSON-RPC (ruling 24)."""
    return path == AGENT_API or path.startswith(f"{AGENT_API}/")


def of_plugin_api(path: str) -> bool:
    """Whether a path is one of the plugin API (ruling 1)."""
    return path == PLUGIN_API or path.startswith(f"{PLUGIN_API}/")


def rpc_error(status: int, code: int, message: str, reason: str, headers: ReplyHeaders = ()) -> Reply:
    """A JSON-RPC error to what is no call."""
    return Reply(status, rpc.failure(None, rpc.Fault(code, message, {"reason": reason})), headers)


def problem_reply(status: int, title: str, detail: str, headers: ReplyHeaders = ()) -> Reply:
    """A problem document: the error form outside ``/api/v1``."""
    return Reply(status, problem(status, title, detail), headers, PROBLEM)


def not_allowed(verb: str, path: str, allow: bytes) -> Reply:
    """The path does not take this verb."""
    reason = f"{path} does not take {verb}, but {allow.decode()}"
    headers = ((b"allow", allow),)
    if of_agent_api(path):
        return rpc_error(405, rpc.METHOD_NOT_FOUND, "Method not found", reason, headers)
    return problem_reply(405, "Method Not Allowed", f"{reason}.", headers)


def too_many(refused: Refused, path: str, *, id_: rpc.Id = None, headers: ReplyHeaders = ()) -> Reply:
    """HTTP 429, with the same time to wait in header and body (D-160)."""
    wait = b"%d" % refused.retry_after
    headers = ((b"retry-after", wait), (b"x-ratelimit-retry-after", wait), *headers)
    error = refused.error()
    if of_agent_api(path):
        return Reply(429, rpc.failure(id_, fault_of(error)), headers)
    return Reply(429, problem(429, "Too Many Requests", f"{error.reason}.", QUOTA_EXCEEDED), headers, PROBLEM)


def challenge_of(status: int, scope: Scope, answer: Answer) -> ReplyHeaders:
    """What a call that may not be made is told of tokens."""
    if status not in {401, 403} or answer.fault is None:
        return ()
    if status == 401:
        return challenge(scope)
    needed = (answer.fault.data or {}).get("requiredScope")
    # Where another token would not help, none is asked for.
    return () if needed is None else challenge(scope, str(needed))


def challenge(scope: Scope, needed: str | None = None) -> ReplyHeaders:
    """``WWW-Authenticate`` (RFC 6750, 3): without a token only the scheme, else what is wrong with the token.

    Args:
        scope: of the request.
        needed: the token is good, but lacks this scope.
    """
    value = b'Bearer realm="ferrule"'
    family = _family(scope["path"])
    own = own_url(scope)
    if family and own is not None:
        # Where to find out who gives tokens for this (RFC 9728, 5.1).
        value += b', resource_metadata="%b/.well-known/oauth-protected-resource%b"' % (own.encode(), family)
    if needed is not None:
        value += b', error="insufficient_scope", scope="%b"' % needed.encode()
    elif header(scope, b"authorization") is not None:
        value += b', error="invalid_token"'
    challenges = ((b"www-authenticate", value),)
    if needed is None:
        return (*challenges, (b"www-authenticate", b'ApiKey realm="ferrule"'))
    return challenges


def _family(path: str) -> bytes:
    """The path family that tokens are given for; empty outside of them."""
    if of_plugin_api(path):
        return PLUGIN_API.encode()
    return AGENT_API.encode() if of_agent_api(path) else b""


def retry_after(status: int, answer: Answer) -> ReplyHeaders:
    """When to come again, where a call could not be carried out now."""
    if status not in {429, 503} or answer.fault is None:
        return ()
    return ((b"retry-after", str((answer.fault.data or {}).get("retryAfter", 1)).encode()),)
