"""``/v1/plugins/{id}/token``: what a plugin shows that calls over HTTP (D-115)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.access.oauth.plugin_tokens import LONGEST_TTL, SHORTEST_TTL, PluginTokens
from gateway.api.rest.plugin_models import PLUGINS
from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Model, Nothing


class PluginTokenBody(Model, frozen=True):
    """How long the token is to live, in seconds."""

    ttl: Annotated[int, Meta(ge=SHORTEST_TTL, le=LONGEST_TTL)] = LONGEST_TTL


class PluginTokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a plugin; it is shown once."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    permissions: list[str]


def plugin_token_routes(tokens: PluginTokens) -> tuple[Route, ...]:
    """The one route."""

    async def issue(call: Call[PluginTokenBody | None, Nothing]) -> Answer:
        ttl = LONGEST_TTL if call.body is None else call.body.ttl
        given = await tokens.issue(call.origin.principal, call.path["plugin_id"], ttl)
        row = PluginTokenRow(
            access_token=given.made.token,
            token_type="Bearer",  # noqa: S106 - no secret, but what kind of one it is
            expires_in=given.made.lifetime,
            scope="plugins:act",
            permissions=list(given.permissions),
        )
        return Answer(data=row)

    return (
        Route(
            name="plugin.token",
            method="POST",
            path=f"{PLUGINS}/{{plugin_id}}/token",
            run=issue,
            scope="plugins:write",
            summary="Give a plugin that runs a token of its own, for HTTP",
            resource="plugin-token",
            result=PluginTokenRow,
            status=201,
            body=PluginTokenBody,
            body_needed=False,
        ),
    )
