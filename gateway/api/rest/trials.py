"""``POST /v1/tools/test``: a call that is made for the caller, within the gateway, with the caller's rights (D-172).

It goes the way of every other request: its token is evaluated as it is, its limits count, and what it changes or is
refused stands in the audit log under its own name. There is no way from here to another host, to tokens, or back here.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlencode

import msgspec
import trio
from msgspec import UNSET, Meta, UnsetType

from gateway.access.tokens import AGENT_API, PLUGIN_API
from gateway.api.asgi import WHOLE, Event, Receive, Scope
from gateway.api.replies import Reply
from gateway.api.rest.route import Answer, Call, Form, Route
from gateway.api.rest.shapes import Model, Nothing
from gateway.api.rest.words import PathWord
from gateway.core.errors import Code, GatewayError, invalid

TEST = "/v1/tools/test"
SCOPE = "tools:use"
# Bytes of an answer that is shown; a longer one is to be fetched.
LARGEST_ANSWER = 256 * 1024

_SAFE = frozenset({"GET", "HEAD"})
_CREDENTIALS = frozenset({"authorization", "x-api-key"})
# What a call may say in headers. Those that say where it goes, how long it is or where it comes from are not its own.
_HEADERS = _CREDENTIALS | frozenset(
    {
        "accept",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "if-range",
        "range",
        "x-agent-id",
        "x-agent-signature",
        "x-api-version",
        "x-request-id",
    }
)
_PLAIN = re.compile(r"[\x20-\x7e\xa0-\xff]*")
# Spaces and controls have no place in a path, and what stands behind these two has a member of its own.
_ENDPOINT = re.compile(r"/(?!/)[^\x00-\x20\x7f?#\\]*")
_CLOSED = ("tools", "auth")
# Of the scope of a call that is made here.
_WITHIN = "ferrule.trial"

# What answers a request: the same that answers those from outside.
Dispatch = Callable[[Scope, Receive], Awaitable[Reply]]
# What an answer has to be: method, path and answer give whether it conforms.
Judge = Callable[[str, str, Reply], Awaitable[bool | None]]

_Scalar = str | int | float | bool


class Trial(Model, frozen=True):
    """A call that is to be made.

    ``query_params`` and ``headers`` by name. ``confirm``: it may change something.
    """

    endpoint: PathWord
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    headers: Annotated[dict[str, Annotated[str, Meta(max_length=8192)]], Meta(max_length=20)] = {}  # noqa: RUF012 - msgspec copies it
    query_params: Annotated[dict[str, _Scalar], Meta(max_length=32)] = {}  # noqa: RUF012 - likewise
    body: Any = UNSET
    confirm: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the call was answered.

    ``body`` is JSON, or text; null where there is none, and where ``body_omitted`` says why it is not shown.
    ``schema_valid`` is null where the description says nothing of such an answer.
    """

    status: int
    headers: dict[str, str]
    body: Any
    body_omitted: str | UnsetType = UNSET
    duration_ms: Annotated[float, Meta(ge=0)]
    schema_valid: bool | None


class Trials:
    """Makes such calls.

    Args:
        dispatch: answers them.
        judge: holds answers against the description.
    """

    def __init__(self, dispatch: Dispatch, judge: Judge) -> None:
        self._dispatch = dispatch
        self._judge = judge

    async def run(self, call: Call[Trial, Nothing]) -> Answer:
        """POST: make a call, and say what came of it."""
        asked, outer = call.body, call.origin.scope
        if outer.get(_WITHIN, False):
            raise GatewayError(Code.FORBIDDEN, "a call that is tried out tries none itself")
        path = _path(asked.endpoint)
        if asked.method not in _SAFE and not asked.confirm:
            raise invalid("confirm", f"{asked.method} may change something: send true to have it done")
        scope, body = _inner(asked, path, outer)
        begun = trio.current_time()
        reply = await self._dispatch(scope, _bringing(body))
        duration = (trio.current_time() - begun) * 1000
        if asked.method == "HEAD":
            reply = Reply(reply.status, b"", reply.headers, reply.content_type)
        valid = None
        if asked.method != "HEAD" and reply.stream is None:
            valid = await self._judge(asked.method, path, reply)
        shown, omitted = _shown(reply)
        return Answer(
            data=Outcome(
                status=reply.status,
                headers=_headers(reply),
                body=shown,
                body_omitted=omitted,
                duration_ms=round(duration, 1),
                schema_valid=valid,
            )
        )


def _path(endpoint: str) -> str:
    """The path a call leads to, decoded as a server decodes it.

    Raises:
        GatewayError: INVALID, it is none of those that can be tried out.
    """
    if _ENDPOINT.fullmatch(endpoint) is None:
        raise invalid("endpoint", 'write a path of this gateway: "/plugins", "/v1/plugins" or "/api/v1/agents"')
    try:
        path = unquote(endpoint, errors="strict")
    except UnicodeDecodeError:
        raise invalid("endpoint", "it is no UTF-8 where it is decoded") from None
    if not path.startswith((f"{PLUGIN_API}/", f"{AGENT_API}/")):
        # The reference writes paths as they stand below its base.
        path = PLUGIN_API + path
    parts = path.split("/")
    if "." in parts or ".." in parts:
        raise invalid("endpoint", "write the path out, without . and ..")
    if parts[1] == PLUGIN_API.strip("/") and parts[2].lower() in _CLOSED:
        raise GatewayError(Code.FORBIDDEN, f"what is below {PLUGIN_API}/{parts[2]} cannot be tried out from here")
    return path


def _inner(asked: Trial, path: str, outer: Scope) -> tuple[Scope, bytes]:
    """The request of a call, and its body."""
    headers = _given(asked.headers)
    if not _CREDENTIALS & headers.keys():
        # Whoever shows nothing else is who asks.
        headers |= {
            name.decode(): value.decode("latin-1")
            for name, value in outer["headers"]
            if name.decode("latin-1") in _CREDENTIALS
        }
    body = b"" if isinstance(asked.body, UnsetType) else msgspec.json.encode(asked.body)
    if body:
        headers.setdefault("content-type", "application/json")
        headers["content-length"] = str(len(body))
    query = urlencode({name: _text(value) for name, value in asked.query_params.items()}, quote_via=quote)
    host = [(name, value) for name, value in outer["headers"] if name == b"host"]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": outer.get("asgi", {}),
        "http_version": outer.get("http_version", "1.1"),
        "method": asked.method,
        "scheme": outer.get("scheme", "https"),
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*host, *((name.encode(), value.encode("latin-1")) for name, value in headers.items())],
        "client": outer.get("client"),
        "server": outer.get("server"),
        "extensions": outer.get("extensions", {}),
        WHOLE: True,
        _WITHIN: True,
    }
    return scope, body


def _given(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items():
        place, known = f"headers.{name[:100]}", name.lower()
        if known not in _HEADERS:
            raise invalid(place, f"this header cannot be sent along; there are: {', '.join(sorted(_HEADERS))}")
        if known in found:
            raise invalid(place, "it stands there twice")
        if _PLAIN.fullmatch(value) is None:
            raise invalid(place, "a header has printable characters of ISO 8859-1 only")
        found[known] = value.strip()
    return found


def _text(value: _Scalar) -> str:
    """A value as queries have it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bringing(body: bytes) -> Receive:
    async def receive() -> Event:
        await trio.lowlevel.checkpoint()
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _headers(reply: Reply) -> dict[str, str]:
    found: dict[str, str] = {}
    told = [*reply.headers, *([(b"content-type", reply.content_type)] if reply.body else [])]
    for raw, value in told:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


def _shown(reply: Reply) -> tuple[Any, str | UnsetType]:
    """The body as it is shown, and why it is not."""
    kind = reply.content_type.partition(b";")[0].strip().lower()
    if reply.stream is not None:
        return None, f"{reply.stream.length} bytes of {kind.decode('latin-1')}: fetch it from its own path"
    if not reply.body:
        return None, UNSET
    if len(reply.body) > LARGEST_ANSWER:
        return None, f"{len(reply.body)} bytes, and {LARGEST_ANSWER} are shown: fetch it from its own path"
    if kind.endswith(b"json"):
        return msgspec.Raw(reply.body), UNSET
    if kind.startswith(b"text/"):
        return reply.body.decode("utf-8", "replace"), UNSET
    return None, f"{len(reply.body)} bytes of {kind.decode('latin-1')}: fetch it from its own path"


def trial_routes(trials: Trials) -> tuple[Route, ...]:
    """The way to it. What is called is noted as what it is, not here once more."""
    return (
        Route(
            name="tools.test",
            method="POST",
            path=TEST,
            run=trials.run,
            scope=SCOPE,
            summary="Make a call within the gateway and see what it is answered",
            resource="test",
            result=Outcome,
            takes=Form.EITHER,
            body=Trial,
            audited=False,
            origin="seed",
        ),
    )
