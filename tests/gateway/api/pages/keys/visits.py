"""What people do on the pages with their own API keys."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.access.users.user import User
from gateway.core.principal import Kind, Principal
from gateway.settings.model import LimitSettings
from tests.gateway.api.pages.browser import Browser, Page
from tests.gateway.api.rig import Rig, rpc_body

KEYS, REVOKE, LOGIN, LOGOUT = "/v1/auth/keys", "/v1/auth/keys/revoke", "/v1/auth/login", "/v1/auth/logout"
MAKE = "Make the key"
ANNA, BEN = ("anna", "anna's password"), ("ben", "ben's password")
BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
EVIL = '"><script>alert(1)</script>&'
MANY = LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000)
DAY = 86400


def opened(rig: Rig) -> Browser:
    """A new browser, without cookies."""
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    return Browser(httpx.AsyncClient(transport=transport, base_url="https://rig"))


def person(rig: Rig, name: str) -> User:
    found = rig.people.users.named(name)
    assert found is not None
    return found


async def make(browser: Browser, *scopes: str, page: Page | None = None, **typed: str) -> Page:
    """Open the page, fill it in, and send it."""
    page = page or await browser.open(KEYS)
    filled: dict[str, str | list[str]] = {"name": "logger", "scope": list(scopes), **typed}
    return await browser.send(page, KEYS, MAKE, **filled)


def secret_of(page: Page) -> str:
    """The key that a page shows."""
    assert (page.status, page.heading) == (200, "Copy the key now"), page.text
    return page.literals[0]


async def called(program: httpx.AsyncClient, key: str, method: str, params: object) -> Any:
    """What JSON-RPC answers to who shows a key."""
    return (await program.post("/api/v1/rpc", json=rpc_body(method, params), headers={"X-API-Key": key})).json()
