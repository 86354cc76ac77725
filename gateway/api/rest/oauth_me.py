"""``GET /v1/auth/me``: who the gateway takes the caller for (D-051)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.access.oauth.subjects import Subjects
from gateway.api.rest.route import Answer, Call, Route
from gateway.api.rest.shapes import Nothing
from gateway.core import rfc3339

ME = "/v1/auth/me"


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """A caller, as it is shown to itself."""

    type: str
    id: str
    scope: str
    permissions: list[str]
    roles: list[str]
    rate_limit: int
    expires_at: str | None
    client_id: str | None


def me_routes(subjects: Subjects, rate_limit: Callable[[], int]) -> tuple[Route, ...]:
    """The one route.

    Args:
        subjects: know their roles.
        rate_limit: calls a minute that everybody may make, in force.
    """

    async def show(call: Call[None, Nothing]) -> Answer:
        caller = call.origin.principal
        standing = subjects.find(caller.subject)
        most = rate_limit()
        me = Me(
            type=caller.kind.value,
            id=caller.subject,
            scope=" ".join(sorted(caller.scopes)),
            permissions=sorted(caller.permissions),
            roles=[] if standing is None else sorted(standing.roles),
            rate_limit=most if caller.rate_limit is None else min(most, caller.rate_limit),
            expires_at=rfc3339.seconds(caller.expires) if caller.expires else None,
            client_id=caller.client_id,
        )
        return Answer(data=me)

    return (
        Route(
            name="auth.me",
            method="GET",
            path=ME,
            run=show,
            scope=None,
            summary="Get current authenticated entity information",
            resource="entity",
            result=Me,
            audited=False,
            origin="seed",
        ),
    )
