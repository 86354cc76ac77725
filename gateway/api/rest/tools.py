"""``/v1/openapi.json``: both APIs described, for whoever asks (ruling 24, D-009)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import trio

from gateway.api.asgi import header
from gateway.api.dispatch import Method
from gateway.api.replies import Reply
from gateway.api.request import Request
from gateway.api.rest.changelog import changelog_routes
from gateway.api.rest.etags import etag_header, etag_of
from gateway.api.rest.route import Route
from gateway.api.rest.versions import Lifecycle

OPENAPI = "/v1/openapi.json"


class Description:
    """The description, made when somebody asks for the first time.

    Args:
        routes: of the plugin API, this one among them.
        methods: of the agent API, by name.
        lifecycle: what of them ends.
    """

    def __init__(
        self, routes: Callable[[], Sequence[Route]], methods: Mapping[str, Method], lifecycle: Lifecycle
    ) -> None:
        self._routes = routes
        self._methods = methods
        self._lifecycle = lifecycle
        self._making = trio.Lock()
        self._made: tuple[bytes, bytes] | None = None

    async def show(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET: the description, or that it is still the one the caller has (RFC 9110, 13.1.2)."""
        async with self._making:
            if self._made is None:
                self._made = await trio.to_thread.run_sync(self._make)
        content, tag = self._made
        known = header(request.scope, b"if-none-match") or b""
        if tag in {part.strip().removeprefix(b"W/") for part in known.split(b",")} or known.strip() == b"*":
            return Reply(304, headers=etag_header(tag))
        return Reply(200, content, etag_header(tag))

    def _make(self) -> tuple[bytes, bytes]:
        # Models of every answer, and what makes schemas of them, are megabytes that most gateways are never asked for.
        from gateway.api.openapi.document import described  # noqa: PLC0415
        from gateway.api.results.table import RESULTS  # noqa: PLC0415

        document = described(self._routes(), self._methods, RESULTS, self._lifecycle)
        return msgspec.json.encode(document), etag_of(document)


def tool_routes(description: Description) -> tuple[Route, ...]:
    """What tools read."""
    return (
        Route(
            name="tools.openapi",
            method="GET",
            path=OPENAPI,
            raw=description.show,
            open=True,
            scope=None,
            summary="Both APIs, described in OpenAPI 3.1",
            resource="description",
            result=None,
            audited=False,
        ),
        *changelog_routes(),
    )
