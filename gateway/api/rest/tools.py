"""What tools and their users ask for: the description and its page, the changelog, calls that are tried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import trio

from gateway.api.asgi import header
from gateway.api.dispatch import Method
from gateway.api.explorer.routes import Explorer, explorer_routes
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import Request
from gateway.api.rest.changelog import changelog_routes
from gateway.api.rest.compression import pack, packed_reply, unpack
from gateway.api.rest.etags import etag_header, etag_of
from gateway.api.rest.route import Route
from gateway.api.rest.sdk_shelf import Shelf
from gateway.api.rest.sdks import sdk_routes
from gateway.api.rest.trials import Dispatch, Trials, trial_routes
from gateway.api.rest.versions import Lifecycle

OPENAPI = "/v1/openapi.json"


class Description:
    """The description, made when somebody asks for the first time, and kept packed: that is a fifteenth of it.

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
        packed, tag = await self._packed()
        known = header(request.scope, b"if-none-match") or b""
        if tag in {part.strip().removeprefix(b"W/") for part in known.split(b",")} or known.strip() == b"*":
            return Reply(304, headers=_etag(tag))
        return packed_reply(request.scope, packed, b"application/json", _etag(tag))

    async def text(self) -> bytes:
        """The description as JSON."""
        packed, _ = await self._packed()
        return unpack(packed)

    async def judge(self, method: str, path: str, reply: Reply) -> bool | None:
        """Whether an answer is what the description says; None where it says nothing of it."""
        described = await self.text()
        return await trio.to_thread.run_sync(_judged, described, method, path, reply)

    async def _packed(self) -> tuple[bytes, bytes]:
        async with self._making:
            if self._made is None:
                self._made = await trio.to_thread.run_sync(self._make)
        return self._made

    def _make(self) -> tuple[bytes, bytes]:
        # Models of every answer, and what makes schemas of them, are megabytes that most gateways are never asked for.
        from gateway.api.openapi.document import described  # noqa: PLC0415
        from gateway.api.results.table import RESULTS  # noqa: PLC0415

        document = described(self._routes(), self._methods, RESULTS, self._lifecycle)
        return pack(msgspec.json.encode(document)), etag_of(document)


def _etag(tag: bytes) -> ReplyHeaders:
    # A weak one: it stands for the packed form and the other alike (RFC 9110, 8.8.3.3).
    return etag_header(b"W/" + tag)


def _judged(described: bytes, method: str, path: str, reply: Reply) -> bool | None:
    from gateway.api.openapi.conformity import conforms  # noqa: PLC0415 - nobody asks, as a rule

    return conforms(described, method, path, reply)


def tool_routes(
    description: Description, dispatch: Dispatch, shelf: Shelf, counted: Callable[[str], None]
) -> tuple[Route, ...]:
    """What tools ask for.

    Args:
        description: of both APIs.
        dispatch: answers a call that is tried out.
        shelf: has the SDKs.
        counted: told the language of each that a caller has.
    """
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
            also={304: "it is still the one you have"},
            audited=False,
        ),
        *explorer_routes(Explorer(description.text)),
        *changelog_routes(),
        *trial_routes(Trials(dispatch, description.judge)),
        *sdk_routes(shelf, counted),
    )
