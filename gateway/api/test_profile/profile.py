"""The test profile: a WebSocket echo, and every answer held against its model, or against the description."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

import msgspec
import structlog

from gateway.access.tokens import AGENT_API, PLUGIN_API
from gateway.api import rpc
from gateway.api.asgi import Application, Event, Receive, Scope, Send, problem, request_id, respond
from gateway.api.results.table import RESULTS, Fault
from gateway.api.test_profile.described import Described

log = structlog.stdlib.get_logger(__name__)

ECHO = "/_test/echo"
# Methods that were asked for, by the ids of calls as JSON; ``*`` is for any id. Calls of a batch may share one.
Methods = Mapping[str, Sequence[str]]


def only_loopback(bind: str) -> bool:
    """Whether a ``[server] bind`` can be reached from this machine only."""
    try:
        return bind == "localhost" or ip_address(bind).is_loopback
    except ValueError:
        # The name of an interface: its addresses may change.
        return False


class TestProfile:
    """Stands before the API.

    Args:
        app: the API.
        method_of: the method that a path with a verb stands for, None where it stands for none.
    """

    __test__ = False

    def __init__(self, app: Application, method_of: Callable[[str, str], str | None]) -> None:
        self._app = app
        self._method_of = method_of
        self._described = Described(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Echo, or check what the API answers."""
        if scope["path"] == ECHO:
            await self._echo(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(f"{AGENT_API}/"):
            await self._checked(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(f"{PLUGIN_API}/"):
            await self._held(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    @staticmethod
    async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            body = problem(426, "Upgrade Required", "Open a WebSocket here.")
            headers = [(b"upgrade", b"websocket")]
            request = request_id(scope, 0.0)
            await respond(send, 426, body, request=request, content_type=b"application/problem+json", headers=headers)
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: list[bytes] = []
        answered: list[Event] = []

        async def overhear() -> Event:
            event = await receive()
            asked.append(event.get("body", b""))
            return event

        async def keep(event: Event) -> None:
            answered.append(event)
            if event["type"] == "http.response.body" and not event.get("more_body", False):
                await self._forward(scope, b"".join(asked), answered, send)

        await self._app(scope, overhear, keep)

    async def _forward(self, scope: Scope, asked: bytes, answered: list[Event], send: Send) -> None:
        body = b"".join(event.get("body", b"") for event in answered[1:])
        methods = self._methods(scope, asked)
        found = [] if answered[0]["status"] == 204 or scope["method"] == "HEAD" else violations(body, methods)
        if found:
            log.error("response does not keep to its model", violations=found)
            wrong = rpc.failure(None, rpc.Fault(rpc.INTERNAL_ERROR, "Internal error", {"violations": list(found)}))
            await respond(send, 500, wrong, request=request_id(scope, 0.0))
            return
        for event in answered:
            await send(event)

    async def _held(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same for the plugin API; what comes in pieces is a package, and described by no schema."""
        answered: list[Event] = []

        async def keep(event: Event) -> None:
            if event["type"] not in {"http.response.start", "http.response.body"} or (
                answered and answered[-1].get("more_body", False)
            ):
                await send(event)
                return
            answered.append(event)
            if event["type"] == "http.response.start":
                return
            wrong = None if event.get("more_body", False) else await self._wrong(scope, answered)
            if wrong is None:
                for one in answered:
                    await send(one)
                return
            log.error("response does not keep to the description", violation=wrong)
            body = problem(500, "Internal Server Error", f"the test profile refuses to send this: {wrong}")
            kind = b"application/problem+json"
            await respond(send, 500, body, request=request_id(scope, 0.0), content_type=kind)

        await self._app(scope, receive, keep)

    async def _wrong(self, scope: Scope, answered: list[Event]) -> str | None:
        headers = dict(answered[0]["headers"])
        if b"content-encoding" in headers:
            return None
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        return await self._described.wrong(scope, answered[0]["status"], content_type, answered[1].get("body", b""))

    def _methods(self, scope: Scope, asked: bytes) -> Methods:
        """The methods that were asked for."""
        method = self._method_of(scope["path"], scope["method"])
        if method is not None:
            return {"*": [method]}
        parsed = rpc.parse(asked)
        calls = parsed.items if isinstance(parsed, rpc.Batch) else (parsed,)
        found: dict[str, list[str]] = {}
        for call in calls:
            if isinstance(call, rpc.Call) and not call.notification:
                found.setdefault(json.dumps(call.id), []).append(call.method)
        return found


def violations(body: bytes, methods: Methods) -> list[str]:
    """What is wrong with a response body, in words; nothing where it is right.

    Args:
        body: of the response.
        methods: that were asked for.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        return [f"no JSON: {error}"]
    answers = document if isinstance(document, list) else [document]
    found = [_violation(answer, methods) for answer in answers]
    return [words for words in found if words]


def _violation(answer: object, methods: Methods) -> str | None:
    if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0" or "id" not in answer:
        return "no response object (JSON-RPC 2.0, 5)"
    members = set(answer) - {"jsonrpc", "id"}
    if members == {"error"}:
        return _mismatch(answer["error"], Fault, "error")
    if members != {"result"}:
        return f"a response has a result or an error, not {sorted(members)}"
    asked = methods.get(json.dumps(answer["id"]), methods.get("*"))
    if asked is None:
        return f"a result for id {answer['id']!r}, which was not asked for"
    # Calls that share an id cannot be told apart: it must be the result of one of them.
    found = [_unlike(answer["result"], method) for method in asked]
    return None if None in found else found[0]


def _unlike(result: object, method: str) -> str | None:
    model = RESULTS.get(method)
    return None if model is None else _mismatch(result, model, method)


def _mismatch(value: object, model: type, what: str) -> str | None:
    try:
        msgspec.convert(value, model)
    except (msgspec.ValidationError, ValueError) as error:
        return f"{what}: {error}"
    return None
