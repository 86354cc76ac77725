"""The plugin API behind the one door of the application. What it costs is spent with the first request of a caller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import trio

from gateway.api.replies import Reply
from gateway.api.request import Request
from gateway.api.rest.door import Door
from gateway.api.rest.problems import Problem
from gateway.api.rest.route import Route


class _Router(Protocol):
    async def reply(self, request: Request) -> Reply: ...


class PluginApi:
    """Answers what comes under ``/v1``.

    The web framework takes some megabytes and tenths of a second: a gateway that nobody asks never loads it, and one
    that is asked loads it in a thread, while the lines go on.

    Args:
        routes: the table.
        door: lets requests in.
    """

    def __init__(self, routes: Iterable[Route], door: Door) -> None:
        self._routes = tuple(routes)
        self._door = door
        self._open: dict[str, dict[str, Route]] = {}
        for route in self._routes:
            if route.open:
                self._open.setdefault(route.path, {})[route.method] = route
        for route in self._routes:
            if route.path in self._open and not route.open:
                raise ValueError(f"{route.name}: {route.path} is open for {', '.join(self._open[route.path])}")
        self._router: _Router | None = None
        self._loading = trio.Lock()

    @property
    def names(self) -> list[str]:
        """Names of the routes, for limits."""
        return [route.name for route in self._routes]

    def opens(self, path: str) -> bool:
        """Whether a path needs no token; it need not lie under ``/v1``."""
        return path in self._open

    async def reply(self, request: Request) -> Reply:
        """Answer a request."""
        if (verbs := self._open.get(request.path)) is not None:
            return await self._openly(request, verbs)
        turned_away = self._door.turned_away(request)
        if turned_away is not None:
            # Strangers cannot make it load anything either.
            return turned_away
        return await (await self._loaded()).reply(request)

    async def _openly(self, request: Request, verbs: Mapping[str, Route]) -> Reply:
        """The same for a path that strangers may ask for: for them nothing is loaded."""
        verb = request.scope["method"]
        route = verbs.get("GET" if verb == "HEAD" else verb)
        if route is not None:
            return await self._door.enter(route, request, {})
        allow = ", ".join(sorted({*verbs, *(["HEAD"] if "GET" in verbs else [])}))
        problem = Problem(
            405,
            "method_not_allowed",
            f"{request.path} does not take {verb}, but {allow}.",
            headers=((b"allow", allow.encode()),),
        )
        return self._door.nowhere(request, problem, next(iter(verbs.values())))

    async def _loaded(self) -> _Router:
        if self._router is None:
            async with self._loading:
                if self._router is None:
                    self._router = await trio.to_thread.run_sync(_load, self._routes, self._door)
        return self._router


def _load(routes: tuple[Route, ...], door: Door) -> _Router:
    from gateway.api.rest.router import Router  # noqa: PLC0415 - what it brings along is loaded with the first request

    return Router(routes, door)
