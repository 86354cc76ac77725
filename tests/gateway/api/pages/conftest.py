"""The pages over people on a clock of our own, without sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from gateway.access.authorization.pkce import challenge_of
from gateway.access.login.sessions import Sessions
from gateway.access.login.sign_in import SignIn
from gateway.access.oauth.grant import Client
from gateway.api.pages.authorize import LoginPages, LoginParts
from gateway.api.pages.routes import login_routes
from tests.gateway.access.authorization.granting import PROGRAM, VERIFIER, Granting
from tests.gateway.api.pages.browser import Browser
from tests.gateway.api.rig import Rig

ISSUER = "https://rig"
CALLBACK = "http://127.0.0.1:51004/callback"
EVIL_NAME = "<script>alert('x')</script> & \"Co\""


@dataclass
class Site:
    """A gateway with its pages.

    Attributes:
        house: its people: anna who administers, ben who only looks.
    """

    state: Path
    house: Granting = field(default_factory=Granting)
    enabled: bool = True

    def __post_init__(self) -> None:
        self.house.users.add("anna", ["admin"], "hash of anna's password")
        self.house.users.add("ben", ["viewer"], "hash of ben's password")
        self.clients = {
            "program": PROGRAM,
            "off": replace(PROGRAM, id="off", disabled=True),
            "evil": replace(PROGRAM, id="evil", name=EVIL_NAME),
            "panel": replace(PROGRAM, id="panel", redirect_uris=("https://panel.example:8443/cb",)),
        }
        self.sessions = Sessions(self.house.users, lambda: self.house.elapsed)
        parts = LoginParts(
            client=self.client,
            sign_in=SignIn(self.house.users, self.house.hasher, self.house.notes, lambda: self.house.elapsed),
            sessions=self.sessions,
            codes=self.house.codes,
            audit=self.house.notes,
            gateway="boiler <room>",
            enabled=lambda: self.enabled,
        )
        self.pages = LoginPages(parts)
        self.rig = Rig(self.state, people=login_routes(self.pages))

    def client(self, client_id: str) -> Client | None:
        return self.clients.get(client_id)

    def browser(self) -> Browser:
        """A new one, without cookies."""
        transport = httpx.ASGITransport(self.rig.app, client=("10.0.0.7", 5))
        return Browser(httpx.AsyncClient(transport=transport, base_url="https://rig"))


def link(**changes: str | None) -> str:
    """The address a program opens."""
    values = {
        "response_type": "code",
        "client_id": "program",
        "redirect_uri": CALLBACK,
        "scope": "devices:read",
        "state": "st&te=1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return f"/v1/auth/authorize?{urlencode({name: value for name, value in values.items() if value is not None})}"


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
async def browser(site: Site) -> AsyncIterator[Browser]:
    browser = site.browser()
    async with browser.client:
        yield browser


@pytest.fixture
def address() -> Callable[..., str]:
    return link
