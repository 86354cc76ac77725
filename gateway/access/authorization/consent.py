"""What a person can let a program do: what it asks for, may have, and the person may do, all at once (D-053)."""

from __future__ import annotations

from gateway.access.authorization.request import AuthorizationRequest, Declined
from gateway.access.oauth.clients import allowance_of
from gateway.access.oauth.grant import OAuthError
from gateway.access.oauth.narrowing import narrow
from gateway.access.roles import effective, scopes_of
from gateway.access.users.user import User


def offered(request: AuthorizationRequest, user: User) -> frozenset[str]:
    """The scopes a consent gives.

    Raises:
        Declined: nothing of it can be given.
    """
    try:
        return narrow(effective(allowance_of(request.client), scopes_of(user.roles)), request.scope)
    except OAuthError as error:
        raise Declined(request.redirect_uri, request.state, error.error, error.description) from None
