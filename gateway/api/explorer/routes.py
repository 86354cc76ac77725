"""The paths of the page in the table of the plugin API. They need no token (D-173); the calls it sends do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import resources

import trio

from gateway.api.explorer.places import DOCS, SCRIPT, STYLE
from gateway.api.pages.markup import HTML, PROTECTED
from gateway.api.replies import Reply
from gateway.api.request import Request
from gateway.api.rest.compression import pack, packed_reply
from gateway.api.rest.route import Route

# Nothing from anywhere else, nothing inline, and nothing that is made into markup by script.
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = (*PROTECTED, (b"content-security-policy", POLICY))


class Explorer:
    """Shows the page. It is made when somebody looks for the first time, and kept packed.

    Args:
        describe: brings the description.
    """

    def __init__(self, describe: Callable[[], Awaitable[bytes]]) -> None:
        self._describe = describe
        self._making = trio.Lock()
        self._made: bytes | None = None

    async def show(self, request: Request, _: Mapping[str, str]) -> Reply:
        """GET the page."""
        async with self._making:
            if self._made is None:
                self._made = await trio.to_thread.run_sync(_render, await self._describe())
        return packed_reply(request.scope, self._made, HTML, _HEADERS)

    @staticmethod
    async def style(request: Request, _: Mapping[str, str]) -> Reply:
        """GET how it looks."""
        return await _file(request, "explorer.css", b"text/css; charset=utf-8")

    @staticmethod
    async def script(request: Request, _: Mapping[str, str]) -> Reply:
        """GET what it does."""
        return await _file(request, "explorer.js", b"text/javascript; charset=utf-8")


def _render(described: bytes) -> bytes:
    from gateway.api.explorer.rendering import rendered  # noqa: PLC0415 - most gateways never show it

    return rendered(described)


async def _file(request: Request, name: str, content_type: bytes) -> Reply:
    packed = await trio.to_thread.run_sync(_read, name)
    return packed_reply(request.scope, packed, content_type, PROTECTED)


def _read(name: str) -> bytes:
    return pack(resources.files("gateway.api.explorer").joinpath(name).read_bytes())


def explorer_routes(explorer: Explorer) -> tuple[Route, ...]:
    """The page, how it looks, and what it does."""
    file = partial(Route, method="GET", open=True, scope=None, resource="page", result=None, audited=False)
    return (
        file(
            name="tools.docs",
            path=DOCS,
            raw=explorer.show,
            media_type="text/html",
            summary="The APIs as a page for people, from which calls can be sent",
            origin="seed",
        ),
        file(
            name="tools.docs_style",
            path=STYLE,
            raw=explorer.style,
            summary="How that page looks",
            media_type="text/css",
        ),
        file(
            name="tools.docs_script",
            path=SCRIPT,
            raw=explorer.script,
            summary="What that page does",
            media_type="text/javascript",
        ),
    )
