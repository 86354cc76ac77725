"""The grant by which a program gets a token for itself (RFC 6749, 4.4)."""

from __future__ import annotations

from gateway.access.jws import PLUGIN_API
from gateway.access.oauth.clients import allowance_of
from gateway.access.oauth.grant import Client, ClientKind, Form, Issued, OAuthError
from gateway.access.oauth.narrowing import narrow

GRANT_TYPE = "client_credentials"


class ClientCredentials:
    """Gives a client that showed its secret what it may have; no refresh token goes along (RFC 6749, 4.4.3; D-048)."""

    async def exchange(self, client: Client, form: Form) -> Issued:
        """See ``Grant.exchange``."""
        if client.kind is ClientKind.PUBLIC:
            raise OAuthError("unauthorized_client", "this client has no secret, so it cannot ask for itself")
        return Issued(
            subject=client.subject,
            scopes=narrow(allowance_of(client), form.get("scope")),
            resource=form.audience or frozenset({PLUGIN_API}),
            rate_limit=client.rate_limit,
        )
