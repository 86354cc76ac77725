"""Which route a request leads to: quart-trio's part. Only ``application`` imports it, and late: it takes 8 MB."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast

import quart
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from quart.sessions import SecureCookieSessionInterface
from quart_trio import QuartTrio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import MapAdapter

from gateway.api.asgi import Disconnected, Event, Scope
from gateway.api.replies import Reply
from gateway.api.request import Request
from gateway.api.rest.door import Door
from gateway.api.rest.problems import Problem
from gateway.api.rest.route import Route
from gateway.api.streaming import Stream

_REQUEST = "ferrule.request"
_ANSWER = "ferrule.answer"


class Router:
    """Leads requests to their routes.

    Args:
        routes: the table.
        door: lets them in.
    """

    def __init__(self, routes: Iterable[Route], door: Door) -> None:
        self._door = door
        self._app = _App("gateway.api.rest", static_folder=None, template_folder=None)
        # Nobody is sent elsewhere: a path is that of a route or of none.
        self._app.url_map.merge_slashes = False
        # Verbs of paths that are written out.
        self._plain: dict[str, set[str]] = {}
        for route in routes:
            if "{" not in route.path:
                verbs = {"GET", "HEAD"} if route.method == "GET" else {route.method}
                self._plain.setdefault(route.path, set()).update(verbs)
            self._app.add_url_rule(
                route.path.replace("{", "<").replace("}", ">"),
                route.name,
                self._view(route),
                methods=[route.method],
                provide_automatic_options=False,
            )
        self._app.register_error_handler(HTTPException, self._nowhere)

    async def reply(self, request: Request) -> Reply:
        """Answer the request of a known caller.

        Raises:
            Disconnected: the caller left before the end of its body.
        """
        answer = _Answer()
        scope = cast("HTTPScope", {**request.scope, _REQUEST: request, _ANSWER: answer})
        await self._app(scope, _nothing_more, answer.take)
        if answer.left is not None:
            raise answer.left
        return answer.reply()

    def _view(self, route: Route) -> Callable[..., Awaitable[quart.Response]]:
        async def view(**path: str) -> quart.Response:
            try:
                reply = await self._door.enter(route, _current(), path)
                # Quart would have it all in memory.
                cast("Scope", quart.request.scope)[_ANSWER].stream = reply.stream
                return _response(reply)
            except Disconnected as left:
                # Quart would take it for a fault.
                cast("Scope", quart.request.scope)[_ANSWER].left = left
                return quart.Response(b"")

        return view

    async def _nowhere(self, error: HTTPException) -> quart.Response:
        request = _current()
        verb, path = request.scope["method"], request.path
        if isinstance(error, MethodNotAllowed):
            # A path that is written out has the verbs its own description has, though one with variables may lead
            # there as well (OpenAPI 3.1, 4.8.8.2).
            allow = ", ".join(sorted(self._plain.get(path) or error.valid_methods or ()))
            problem = Problem(
                405,
                "method_not_allowed",
                f"{path} does not take {verb}, but {allow}.",
                headers=((b"allow", allow.encode()),),
            )
        else:
            problem = Problem(404, "not_found", f"there is nothing at {path}.")
        return _response(self._door.nowhere(request, problem))


class _Exchange(TrioASGIHTTPConnection):
    """One request without tasks of its own: its body is read by the door, and the server sees who leaves."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:  # noqa: ARG002 - Quart's
        request = self._create_request_from_scope(send)
        await self._send_response(send, await self.app.handle_request(request))


class _NoSessions(SecureCookieSessionInterface):
    """No request has a session here: who calls is known by a token."""

    async def open_session(self, app: quart.Quart, request: Any) -> None:
        """Open none."""


class _App(QuartTrio):
    asgi_http_class = _Exchange
    session_interface = _NoSessions()

    def create_url_adapter(self, request: Any) -> MapAdapter | None:
        """Look at verb and path alone: under which names the gateway is called is judged before (``gate``)."""
        if request is None:
            return None
        return self.url_map.bind("", url_scheme="https", default_method=request.method, path_info=request.path)


class _Answer:
    """What Quart sends, put together."""

    def __init__(self) -> None:
        self.left: Disconnected | None = None
        self.stream: Stream | None = None
        self._start: Event = {}
        self._body = b""

    async def take(self, event: Any) -> None:
        if event["type"] == "http.response.start":
            self._start = event
        else:
            self._body += event.get("body", b"")

    def reply(self) -> Reply:
        headers = [(name.lower(), value) for name, value in self._start["headers"]]
        content_type = next((value for name, value in headers if name == b"content-type"), b"")
        kept = tuple(pair for pair in headers if pair[0] not in {b"content-type", b"content-length"})
        return Reply(self._start["status"], self._body, kept, content_type, self.stream)


async def _nothing_more() -> Any:
    raise AssertionError("the body of a request is the door's to read")


def _current() -> Request:
    request: Request = cast("Scope", quart.request.scope)[_REQUEST]
    return request


def _response(reply: Reply) -> quart.Response:
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers])
    return quart.Response(reply.body, reply.status, headers, content_type=reply.content_type.decode())
