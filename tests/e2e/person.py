"""A person at a browser, and a program of others that wants to act for that person."""

from __future__ import annotations

import secrets
import ssl
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tests.gateway.api.pages.browser import Page

CALLBACK = "http://127.0.0.1/callback"
# Whichever port the program got.
LISTENING = "http://127.0.0.1:51004/callback"


class Person:
    """A browser with cookies of its own.

    Args:
        url: of the gateway.
        state: its state directory: the browser trusts its authority and no other.
    """

    def __init__(self, url: str, state: Path) -> None:
        trust = ssl.create_default_context(cafile=state / "ca.pem")
        self.client = httpx.Client(base_url=url, verify=trust, timeout=15, trust_env=False)

    def open(self, url: str) -> Page:
        """Type an address."""
        return self._follow(self.client.get(url))

    def press(self, page: Page, action: str, button: str, **typed: str) -> Page:
        """Fill a form in and press a button."""
        form = page.form(action, button)
        url = urljoin(str(page.response.url), form.action)
        own = urlsplit(url)
        headers = {"origin": f"{own.scheme}://{own.netloc}", "sec-fetch-site": "same-origin"}
        data = {**form.fields, **typed, **form.buttons[button]}
        return self._follow(self.client.post(url, data=data, headers=headers))

    def allow(self, url: str, name: str, password: str) -> str:
        """Sign in where a program sent us, and say yes. Returns where that leads."""
        page = self.press(self.open(url), "/v1/auth/login", "Sign in", name=name, password=password)
        page = self.press(page, "/v1/auth/authorize", "Allow")
        assert page.status == httpx.codes.SEE_OTHER, page.response.text
        return str(page.response.headers["location"])

    def close(self) -> None:
        self.client.close()

    def _follow(self, response: httpx.Response) -> Page:
        while response.status_code == httpx.codes.SEE_OTHER and response.headers["location"].startswith("/"):
            response = self.client.get(response.headers["location"])
        return Page(response)


def _stock_client() -> Any:
    # It has its warnings shown, whatever others want.
    import_module("authlib.deprecate")
    with warnings.catch_warnings():
        # It would rather have the successor of httpx.
        warnings.simplefilter("ignore")
        return import_module("authlib.integrations.httpx_client").OAuth2Client


class Program:
    """A program that uses a stock OAuth client, and knows of the gateway what its metadata says.

    Args:
        person: whose gateway it is.
        client_id: of the program.
    """

    def __init__(self, person: Person, client_id: str, state: Path) -> None:
        self.metadata: dict[str, Any] = person.client.get("/.well-known/oauth-authorization-server").json()
        self.client = _stock_client()(
            client_id=client_id,
            redirect_uri=LISTENING,
            code_challenge_method="S256",
            token_endpoint_auth_method="none",
            verify=ssl.create_default_context(cafile=state / "ca.pem"),
            trust_env=False,
        )
        self.verifier = ""

    def link(self, scope: str) -> str:
        """Where it sends the person."""
        self.verifier = secrets.token_urlsafe(48)
        url, _ = self.client.create_authorization_url(
            self.metadata["authorization_endpoint"], code_verifier=self.verifier, scope=scope
        )
        return str(url)

    def fetch(self, answer: str) -> dict[str, Any]:
        """Get tokens for what the browser brought back."""
        found: dict[str, Any] = self.client.fetch_token(
            self.metadata["token_endpoint"], authorization_response=answer, code_verifier=self.verifier
        )
        return found

    def refresh(self, token: str) -> dict[str, Any]:
        """Get the next tokens."""
        found: dict[str, Any] = self.client.refresh_token(self.metadata["token_endpoint"], refresh_token=token)
        return found

    def get(self, path: str, token: str) -> httpx.Response:
        """Call the API with a token."""
        response: httpx.Response = self.client.request(
            "GET",
            f"{self.metadata['issuer']}{path}",
            withhold_token=True,
            headers={"Authorization": f"Bearer {token}"},
        )
        return response

    def close(self) -> None:
        self.client.close()
