"""The paths of the pages in the table of the plugin API. They need no token (ruling 24)."""

from __future__ import annotations

from functools import partial

from gateway.api.pages.authorize import LoginPages
from gateway.api.pages.markup import STYLE_PATH
from gateway.api.pages.views import AUTHORIZE, LOGIN, LOGOUT
from gateway.api.rest.route import Route


def login_routes(pages: LoginPages) -> tuple[Route, ...]:
    """Sign in, say yes or no, sign out. Each notes by itself what becomes of it."""
    open_page = partial(
        Route, open=True, scope=None, resource="page", result=None, audited=False, refusal=pages.refusal
    )
    return (
        open_page(
            name="auth.authorize",
            method="GET",
            path=AUTHORIZE,
            raw=pages.ask,
            summary="Ask a person to let a program act for them (RFC 6749, 4.1.1)",
            origin="seed",
        ),
        open_page(
            name="auth.consent",
            method="POST",
            path=AUTHORIZE,
            raw=pages.answer,
            summary="The answer of the person; or the request in the body",
            origin="seed",
        ),
        open_page(name="auth.login", method="POST", path=LOGIN, raw=pages.login, summary="Sign in"),
        open_page(name="auth.logout", method="POST", path=LOGOUT, raw=pages.logout, summary="Sign out"),
        open_page(name="auth.style", method="GET", path=STYLE_PATH, raw=pages.style, summary="How the pages look"),
    )
