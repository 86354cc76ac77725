"""The paths of the pages in the table of the plugin API. They need no token (ruling 24)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.api.pages.authorize import LoginPages
from gateway.api.pages.key_views import REVOKE
from gateway.api.pages.keys import KeyPages
from gateway.api.pages.markup import STYLE_PATH
from gateway.api.pages.setup import SetupPages
from gateway.api.pages.views import AUTHORIZE, KEYS, LOGIN, LOGOUT, SETUP
from gateway.api.replies import Reply
from gateway.api.rest.problems import Problem
from gateway.api.rest.route import Form, Route

Challenge = Annotated[str, Meta(min_length=43, max_length=43, pattern=r"\A[A-Za-z0-9_-]{43}\Z")]


class AuthorizationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a program asks for (RFC 6749, 4.1.1; RFC 7636; RFC 8707); other members mean nothing."""

    response_type: Literal["code"]
    client_id: str
    code_challenge: Challenge
    code_challenge_method: Literal["S256"]
    redirect_uri: str | None = None
    scope: str | None = None
    state: str | None = None
    resource: str | None = None


class PageForm(msgspec.Struct, frozen=True, kw_only=True):
    """What each page sends along of the program's request."""

    form_token: str
    request_query: str


class LoginForm(PageForm, frozen=True, kw_only=True):
    """What a person signs in with."""

    name: str
    password: str


class AuthorizationForm(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a person, or a program's request: the one or the other (RFC 6749, 3.1)."""

    decision: str | None = None
    form_token: str | None = None
    request_query: str | None = None
    response_type: Literal["code"] | None = None
    client_id: str | None = None
    code_challenge: Challenge | None = None
    code_challenge_method: Literal["S256"] | None = None
    redirect_uri: str | None = None
    scope: str | None = None
    state: str | None = None
    resource: str | None = None


class SetupForm(msgspec.Struct, frozen=True, kw_only=True):
    """What makes the first administrator: the code that lies on the board, and what somebody is to sign in with."""

    form_token: str
    code: str
    name: str
    password: str
    password_again: str


class KeyForm(msgspec.Struct, frozen=True, kw_only=True):
    """The API key that somebody wants."""

    form_token: str
    form_once: str
    name: str
    lifetime: Literal["1d", "30d", "90d", "1y", "revoked"]
    scope: Annotated[list[str], Meta(min_length=1)]


class RevokeForm(msgspec.Struct, frozen=True, kw_only=True):
    """The API key that is to end; without a decision that is asked for first."""

    form_token: str
    key_id: str
    decision: Literal["revoke", "keep"] | None = None


def _page(refusal: Callable[[Problem], Reply]) -> partial[Route]:
    """What all pages are. Each notes by itself what becomes of it."""
    return partial(
        Route,
        open=True,
        scope=None,
        resource="page",
        result=None,
        audited=False,
        refusal=refusal,
        gives=Form.PAGE,
        media_type="text/html",
        # Nobody can sign in here, or a form was not made for this browser.
        fails=frozenset({403, 404}),
    )


def setup_routes(pages: SetupPages) -> tuple[Route, ...]:
    """Become the first administrator."""
    open_page = _page(pages.refusal)
    return (
        open_page(
            name="auth.setup_page",
            method="GET",
            path=SETUP,
            raw=pages.ask,
            summary="A page on which the first administrator is made",
        ),
        open_page(
            name="auth.setup",
            method="POST",
            path=SETUP,
            raw=pages.answer,
            body=SetupForm,
            summary="Make the first administrator, from that page",
            # There is one already, or somebody else of that name.
            fails=frozenset({403, 404, 409}),
        ),
    )


def own_key_routes(pages: KeyPages) -> tuple[Route, ...]:
    """Make, see and revoke one's own API keys."""
    open_page = _page(pages.refusal)
    return (
        open_page(
            name="auth.keys_page",
            method="GET",
            path=KEYS,
            raw=pages.ask,
            summary="A page with the API keys of who is signed in",
        ),
        open_page(
            name="auth.keys_make",
            method="POST",
            path=KEYS,
            raw=pages.make,
            body=KeyForm,
            summary="Make an API key, from that page; it is shown once",
            # The form was sent before, or there are as many keys as may be.
            fails=frozenset({403, 404, 409}),
        ),
        open_page(
            name="auth.keys_revoke",
            method="POST",
            path=REVOKE,
            raw=pages.revoke,
            body=RevokeForm,
            summary="End an API key, from that page",
            also={303: "done: the page with the keys that are left"},
        ),
    )


def login_routes(pages: LoginPages) -> tuple[Route, ...]:
    """Sign in, say yes or no, sign out."""
    open_page = partial(
        _page(pages.refusal),
        also={303: "go on there: back to the program, or to the next page (RFC 6749, 4.1.2)"},
    )
    return (
        open_page(
            name="auth.authorize",
            method="GET",
            path=AUTHORIZE,
            raw=pages.ask,
            query=AuthorizationQuery,
            summary="Ask a person to let a program act for them (RFC 6749, 4.1.1)",
            origin="seed",
        ),
        open_page(
            name="auth.consent",
            method="POST",
            path=AUTHORIZE,
            raw=pages.answer,
            body=AuthorizationForm,
            summary="The answer of the person; or the request in the body",
            origin="seed",
        ),
        open_page(
            name="auth.login_page",
            method="GET",
            path=LOGIN,
            raw=pages.welcome,
            summary="A page on which somebody signs in for whom no program waits",
        ),
        open_page(name="auth.login", method="POST", path=LOGIN, raw=pages.login, summary="Sign in", body=LoginForm),
        open_page(name="auth.logout", method="POST", path=LOGOUT, raw=pages.logout, summary="Sign out", body=PageForm),
        open_page(
            name="auth.style",
            method="GET",
            path=STYLE_PATH,
            raw=pages.style,
            summary="How the pages look",
            media_type="text/css",
            also={},
        ),
    )
