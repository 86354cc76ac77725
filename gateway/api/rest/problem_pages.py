"""What the URI of a kind of problem leads to: a page in words, on the gateway itself (D-008; RFC 9457, 3.1.1)."""

from __future__ import annotations

from gateway.api.replies import Reply, not_allowed, problem_reply
from gateway.api.rest.problems import TITLES

PROBLEMS = "/problems/"

_WORDS: dict[int, str] = {
    400: "The request cannot be read: no JSON, an unknown parameter in the query, or a header that means nothing here.",
    401: "No token came, or one that does not count here or any more. Send Authorization: Bearer TOKEN; ferrule token "
    "prints one. The token of an agent is for /api/v1.",
    403: "The token is good, but it does not allow this: the error names the scope it needs, or the rule that forbids "
    "it.",
    404: "There is nothing here, or not any more.",
    405: "The path is right and the verb is not: the header Allow names those it takes.",
    406: "The header Accept names nothing this API answers with: application/json.",
    408: "The body did not come in time.",
    409: "It stands against what there is already; the error says what.",
    410: "It was here once, and its time is over: the error names what takes its place, if anything does.",
    412: "It was changed since you read it: read it again, and send its ETag in If-Match with the change.",
    413: "The body is longer than this path takes; the error says how long it may be.",
    415: "Send the body as application/json, without Content-Encoding; a package as application/gzip.",
    416: "The header Range asks for bytes behind the end: Content-Range says how many there are.",
    421: "The gateway is not called by this name: use one of its certificate, or add it to [server] host_names.",
    422: "The body is JSON, but something in it cannot be taken: source.pointer of each error says where, detail what "
    "would be right.",
    428: "This gateway wants changes to name the state they mean: read it, and send its ETag in If-Match "
    "([server] require_if_match).",
    429: "Too many requests: wait for the seconds in Retry-After.",
    500: "A fault of the gateway. Its log has it under the id of the error.",
    503: "Not now: the disk, a limit or the time stands against it. Retry-After says when to ask again.",
}
_TITLES = {**TITLES, 421: "Misdirected Request"}
_PAGES = {
    title.lower().replace(" ", "-"): f"{title} ({status})\n\n{_WORDS[status]}\n" for status, title in _TITLES.items()
}


def problem_page(verb: str, path: str) -> Reply:
    """The page of a kind of problem; it needs no token.

    Args:
        verb: of the request.
        path: begins with ``PROBLEMS``.
    """
    text = _PAGES.get(path.removeprefix(PROBLEMS))
    if text is None:
        return problem_reply(404, _TITLES[404], f"There is nothing at {path}. There are: {', '.join(_PAGES)}.")
    if verb not in {"GET", "HEAD"}:
        return not_allowed(verb, path, b"GET, HEAD")
    return Reply(200, text.encode(), content_type=b"text/plain; charset=utf-8")
