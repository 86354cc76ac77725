"""Errors of the plugin API: a problem document that carries JSON:API's error objects (D-007, D-008; RFC 9457, 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from gateway.access.limits.rates import Refused
from gateway.api.replies import PROBLEM, QUOTA_EXCEEDED, Reply, ReplyHeaders
from gateway.core.errors import Code, GatewayError

JSON_API = b"application/vnd.api+json"

# Every status this API answers errors with. Those of HTTP's own register; Python's names differ by its version.
TITLES: dict[int, str] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}

_STATUS: dict[Code, int] = {
    Code.INVALID: 422,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.NOT_PRIVATE: 403,
    Code.TOO_MANY: 429,
    Code.AGENT_NOT_FOUND: 404,
    Code.CAPABILITY_NOT_FOUND: 404,
    Code.NOT_FOUND: 404,
    Code.CONFLICT: 409,
    Code.UNAVAILABLE: 503,
}
# What the path leads to is there; what a member of the body names is not.
_NOT_FOUND_BY_NAME = frozenset({Code.AGENT_NOT_FOUND, Code.CAPABILITY_NOT_FOUND})
_CAMEL = re.compile(r"(?<=[a-z0-9])([A-Z])")
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Source:
    """Where in a request the mistake is (JSON:API 1.1, error objects).

    Attributes:
        kind: ``pointer`` (RFC 6901, into the body), ``parameter`` (of the query or the path) or ``header``.
        name: which.
    """

    kind: str
    name: str


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """What a request is answered with instead of its result.

    Attributes:
        status: one of ``TITLES``.
        code: one word for programs.
        detail: a sentence that names the place and the cure.
        source: where the mistake is; None where it is in no one place.
        meta: more, for programs.
        headers: that belong to the answer.
        type: URI of the kind of problem; None: the one of the status.
        id: of this very one, to find it in the log.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        source: Source | None = None,
        meta: Mapping[str, object] | None = None,
        headers: ReplyHeaders = (),
        type_: str | None = None,
        id_: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.source = source
        self.meta = dict(meta or {})
        self.headers = headers
        self.type = type_ or f"/problems/{slug(status)}"
        self.id = id_


def slug(status: int) -> str:
    """The last word of the URI of a kind of problem."""
    return TITLES[status].lower().replace(" ", "-")


def rendered(problem: Problem, *, document: bool) -> Reply:
    """The reply to a request that failed.

    Args:
        problem: why.
        document: the caller takes JSON:API documents alone (D-007).
    """
    title = TITLES[problem.status]
    error: dict[str, object] = {
        "status": str(problem.status),
        "code": problem.code,
        "title": title,
        "detail": problem.detail,
    }
    if problem.id is not None:
        error["id"] = problem.id
    if problem.source is not None:
        error["source"] = {problem.source.kind: problem.source.name}
    if problem.meta:
        error["meta"] = problem.meta
    if document:
        error["links"] = {"type": problem.type}
        return Reply(problem.status, _ENCODER.encode({"errors": [error]}), problem.headers, JSON_API)
    members = {
        "type": problem.type,
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [error],
    }
    return Reply(problem.status, _ENCODER.encode(members), problem.headers, PROBLEM)


def problem_of(error: GatewayError, source: Source | None = None, headers: ReplyHeaders = ()) -> Problem:
    """The problem that says what a gateway error says.

    Args:
        error: what went wrong.
        source: where in the request, as far as the error names a place.
        headers: that belong to the answer beside ``Retry-After``.
    """
    status = _STATUS[error.code]
    if error.code is Code.TOO_MANY and "retryAfter" not in error.details:
        # A limit that waiting does not lift.
        status = 409
    if source is not None and source.kind != "pointer" and error.code is Code.INVALID:
        # What is wrong with the address of a request is no matter of its content (D-013).
        status = 400
    if source is not None and error.code in _NOT_FOUND_BY_NAME:
        status = 422
    # What is not there is named by the path; services call its variables by names of their own.
    named = error.field is not None and error.code is not Code.NOT_FOUND
    detail = f"{error.field}: {error.reason}" if named else error.reason
    meta = {_snake(name): value for name, value in error.details.items()}
    if status in {429, 503}:
        wait = str(error.details.get("retryAfter", 1)).encode()
        headers = ((b"retry-after", wait), (b"x-ratelimit-retry-after", wait), *headers)
    end = "" if detail.endswith("?") else "."
    return Problem(status, error.code.value, f"{detail}{end}", source=source, meta=meta, headers=headers)


def too_many(refused: Refused, headers: ReplyHeaders = ()) -> Problem:
    """One call too many, with the same time to wait in headers and body (D-160, D-161)."""
    problem = problem_of(refused.error(), headers=headers)
    problem.type = QUOTA_EXCEEDED
    return problem


def _snake(name: str) -> str:
    return _CAMEL.sub(r"_\1", name).lower()
