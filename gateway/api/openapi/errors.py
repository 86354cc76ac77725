"""What is described of answers that are no results: problems, errors of OAuth, and headers that all answers have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.api.openapi.schemas import Schema, an_object, named
from gateway.api.replies import PROBLEM
from gateway.api.rest.problems import JSON_API, TITLES

_TEXT: Schema = {"type": "string"}
_SECONDS: Schema = {"type": "integer", "minimum": 0}

ERROR_OBJECT = an_object(
    {"status": _TEXT, "code": _TEXT, "title": _TEXT, "detail": _TEXT},
    {
        "id": {**_TEXT, "description": "to find a fault of the gateway in its log"},
        "source": {
            "type": "object",
            "description": "where the mistake is: pointer (RFC 6901), parameter or header",
            "properties": {"pointer": _TEXT, "parameter": _TEXT, "header": _TEXT},
            "additionalProperties": False,
        },
        "meta": {"type": "object"},
        "links": {"type": "object", "properties": {"type": _TEXT}},
    },
)
SCHEMAS: Mapping[str, Schema] = {
    "ErrorObject": ERROR_OBJECT,
    "Problem": an_object(
        {
            "type": {"type": "string", "format": "uri-reference"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": _TEXT,
            "errors": {"type": "array", "items": named("ErrorObject"), "minItems": 1},
        }
    ),
    "ErrorDocument": an_object({"errors": {"type": "array", "items": named("ErrorObject"), "minItems": 1}}),
    "OAuthError": an_object(
        {"error": {**_TEXT, "description": "a word of RFC 6749, 5.2"}}, {"error_description": _TEXT, "error_uri": _TEXT}
    ),
}

HEADERS: Mapping[str, Schema] = {
    "X-RateLimit-Limit": {"description": "calls a minute of the tightest limit", "schema": _SECONDS},
    "X-RateLimit-Remaining": {"description": "how many of them are left", "schema": _SECONDS},
    "X-RateLimit-Reset": {"description": "Unix seconds at which all are there again", "schema": _SECONDS},
    "X-RateLimit-Window": {"description": "seconds the limit is for", "schema": _SECONDS},
    "X-Request-ID": {"description": "of this request, as it was given or made up", "schema": _TEXT},
    "X-API-Version": {"description": "of this API", "schema": _TEXT},
    "Retry-After": {"description": "seconds to wait", "schema": _SECONDS},
    "WWW-Authenticate": {"description": "how to show who calls", "schema": _TEXT},
    "Location": {"description": "of what was made", "schema": {"type": "string", "format": "uri-reference"}},
    "Link": {"description": "the description of this API, and other pages of a list (RFC 8288)", "schema": _TEXT},
    "Idempotency-Replayed": {
        "description": "true where this is the answer to an earlier request with the same Idempotency-Key",
        "schema": _TEXT,
    },
    "Preference-Applied": {"description": "wait=n, for how long it would have waited (RFC 7240)", "schema": _TEXT},
    "Deprecation": {"description": "@ and the Unix seconds since which it is deprecated (RFC 9745)", "schema": _TEXT},
    "Sunset": {"description": "when it ends (RFC 8594)", "schema": _TEXT},
    "ETag": {"description": "of this state, for If-Match", "schema": _TEXT},
}
_ALWAYS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Window", "X-Request-ID")
# What answers have beside those where the operation is to go.
ENDING = ("Deprecation", "Sunset", "Link")
_WITH: Mapping[int, tuple[str, ...]] = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


def headers(names: Iterable[str] = ()) -> Schema:
    """The headers of an answer: those that all have, and more of them."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ALWAYS, *names)}


def problems() -> Mapping[str, Schema]:
    """An answer for each status of an error, by its name in the document."""
    problem, document = PROBLEM.decode(), JSON_API.decode()
    return {
        f"Problem{status}": {
            "description": title,
            "headers": headers(_WITH.get(status, ())),
            "content": {problem: {"schema": named("Problem")}, document: {"schema": named("ErrorDocument")}},
        }
        for status, title in TITLES.items()
    }


def oauth_error(status: int) -> Schema:
    """The same for the endpoints of OAuth (RFC 6749, 5.2)."""
    return {
        "description": TITLES[status],
        "headers": headers(_WITH.get(status, ())),
        "content": {"application/json": {"schema": named("OAuthError")}},
    }


def page_of_error(status: int) -> Schema:
    """The same for pages, which people read."""
    return {
        "description": TITLES[status],
        "headers": headers(_WITH.get(status, ())),
        "content": {"text/html": {"schema": _TEXT}},
    }


def problem(status: int) -> Schema:
    """Leads to the answer of a status."""
    return {"$ref": f"#/components/responses/Problem{status}"}
