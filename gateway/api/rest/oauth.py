"""``/v1/auth/token`` and its neighbours: forms in, and the answers and errors of OAuth out (D-046, D-048, D-050)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Annotated

import msgspec

from gateway.access.oauth.authentication import Shown
from gateway.access.oauth.grant import Form, OAuthError
from gateway.access.oauth.tokens import REFRESH, TokenService
from gateway.api.replies import Reply, ReplyHeaders
from gateway.api.request import Request
from gateway.api.rest.oauth_form import LARGEST, read_form
from gateway.api.rest.problems import Problem
from gateway.api.rest.route import Route
from gateway.api.rest.shapes import Model

TOKEN = "/v1/auth/token"  # noqa: S105 - a path
REFRESHING = "/v1/auth/refresh"
REVOKE = "/v1/auth/revoke"
INTROSPECT = "/v1/auth/introspect"

# RFC 6749, 5.1, asks for it beside Cache-Control, which every answer has.
_PRAGMA = ((b"pragma", b"no-cache"),)
_BASIC = ((b"www-authenticate", b'Basic realm="ferrule", charset="UTF-8"'),)
# What a description may be made of (RFC 6749, 5.2).
_FORBIDDEN = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
_ENCODER = msgspec.json.Encoder()


# What is empty is left out (RFC 6749, 3.2).
Needed = Annotated[str, msgspec.Meta(min_length=1)]


class TokenRequest(msgspec.Struct, kw_only=True):
    """What is sent for a token; other members mean nothing (RFC 6749, 3.2)."""

    grant_type: Needed
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None
    resource: str | list[str] | None = None
    code: str | None = None
    redirect_uri: str | None = None
    code_verifier: str | None = None
    refresh_token: str | None = None


class RefreshRequest(msgspec.Struct, kw_only=True):
    """What is sent for the next token."""

    refresh_token: Needed
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None
    resource: str | list[str] | None = None


class OneToken(msgspec.Struct, kw_only=True):
    """What is sent of a token that is to end, or to be looked at."""

    token: Needed
    token_type_hint: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


class TokenAnswer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A token."""

    access_token: str
    token_type: str = msgspec.field(default_factory=lambda: "Bearer")
    expires_in: int
    scope: str
    refresh_token: str | None = None


class Introspection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is told of a token (RFC 7662, 2.2)."""

    active: bool
    iss: str | None = None
    sub: str | None = None
    aud: str | list[str] | None = None
    exp: int | None = None
    iat: int | None = None
    nbf: int | None = None
    jti: str | None = None
    client_id: str | None = None
    scope: str | None = None
    token_type: str | None = None
    username: str | None = None


class Nothing(Model, frozen=True):
    """An answer without members."""


class OAuthRoutes:
    """What clients ask for.

    Args:
        service: does the work.
    """

    def __init__(self, service: TokenService) -> None:
        self._service = service

    async def token(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST: a token for a grant."""
        return await _answered(request, self._issue)

    async def refresh(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST: the same for a refresh token alone (D-048)."""

        async def issue(shown: Shown, form: Form) -> object:
            if form.values.get("grant_type", REFRESH) != REFRESH:
                raise OAuthError("invalid_request", f"grant_type is {REFRESH} here, or left out")
            form.need(REFRESH)
            return await self._issue(shown, Form({**form.values, "grant_type": REFRESH}, form.audience))

        return await _answered(request, issue)

    async def revoke(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST: end a token (RFC 7009)."""

        async def end(shown: Shown, form: Form) -> object:
            await self._service.revoke(shown, form)
            return {}

        return await _answered(request, end)

    async def introspect(self, request: Request, _: Mapping[str, str]) -> Reply:
        """POST: what a token is (RFC 7662)."""

        async def look(shown: Shown, form: Form) -> object:
            return self._service.introspect(shown, form)

        return await _answered(request, look)

    async def _issue(self, shown: Shown, form: Form) -> object:
        made = await self._service.token(shown, form)
        return TokenAnswer(
            access_token=made.access_token,
            expires_in=made.expires_in,
            scope=made.scope,
            refresh_token=made.refresh_token,
        )


async def _answered(request: Request, work: Callable[[Shown, Form], Awaitable[object]]) -> Reply:
    try:
        shown, form = await read_form(request)
        return Reply(200, _ENCODER.encode(await work(shown, form)), _PRAGMA)
    except OAuthError as error:
        return refused(error)


def refused(error: OAuthError) -> Reply:
    """The error response of RFC 6749, 5.2."""
    headers: ReplyHeaders = _PRAGMA
    if error.status == 401:
        headers = (*headers, *_BASIC)
    if error.retry_after is not None:
        wait = str(error.retry_after).encode()
        headers = (*headers, (b"retry-after", wait), (b"x-ratelimit-retry-after", wait))
    return _error(error.status, error.error, error.description, headers)


def refusal(problem: Problem) -> Reply:
    """The same for what goes wrong before a request is read: too many of them, or a fault of ours."""
    word = "invalid_request"
    if problem.status in {429, 503}:
        word = "temporarily_unavailable"
    elif problem.status >= 500:
        word = "server_error"
    description = problem.detail if problem.id is None else f"{problem.detail} ({problem.id})"
    return _error(problem.status, word, description, problem.headers)


def _error(status: int, error: str, description: str, headers: ReplyHeaders) -> Reply:
    body = {"error": error, "error_description": _FORBIDDEN.sub("'", description)}
    return Reply(status, _ENCODER.encode(body), headers)


def oauth_routes(service: TokenService) -> tuple[Route, ...]:
    """The endpoints of OAuth that programs call."""
    work = OAuthRoutes(service)
    endpoint = partial(
        Route,
        method="POST",
        refusal=refusal,
        open=True,
        scope=None,
        resource="token",
        # The service notes what it does, with who it was.
        audited=False,
        largest=LARGEST,
    )
    return (
        endpoint(
            name="auth.token",
            path=TOKEN,
            raw=work.token,
            summary="Generate access token for API access",
            body=TokenRequest,
            result=TokenAnswer,
            origin="seed",
        ),
        endpoint(
            name="auth.refresh",
            path=REFRESHING,
            raw=work.refresh,
            summary="Refresh expired access token",
            body=RefreshRequest,
            result=TokenAnswer,
            origin="seed",
        ),
        endpoint(
            name="auth.revoke",
            path=REVOKE,
            raw=work.revoke,
            summary="End a token (RFC 7009)",
            body=OneToken,
            result=Nothing,
        ),
        endpoint(
            name="auth.introspect",
            path=INTROSPECT,
            raw=work.introspect,
            summary="Tell what a token is (RFC 7662)",
            body=OneToken,
            result=Introspection,
        ),
    )
