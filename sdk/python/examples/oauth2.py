"""Gets a token by OAuth 2, and asks who it is for. FERRULE_URL, FERRULE_CA, FERRULE_CLIENT, FERRULE_SECRET."""

import os
import ssl

from ferrule_sdk import AuthenticatedClient, Client
from ferrule_sdk.api.auth import auth_me, auth_token
from ferrule_sdk.models import AuthMeAnswer, TokenAnswer, TokenRequest


def main() -> None:
    """Client credentials: for programs that act for themselves."""
    url, trust = os.environ["FERRULE_URL"], ssl.create_default_context(cafile=os.environ["FERRULE_CA"])
    asked = TokenRequest(
        grant_type="client_credentials",
        client_id=os.environ["FERRULE_CLIENT"],
        client_secret=os.environ["FERRULE_SECRET"],
    )
    with Client(base_url=url, verify_ssl=trust) as anybody:
        given = auth_token.sync(client=anybody, body=asked)
    if not isinstance(given, TokenAnswer):
        raise SystemExit(f"refused: {given}")
    with AuthenticatedClient(base_url=url, token=given.access_token, verify_ssl=trust) as client:
        me = auth_me.sync(client=client)
        if not isinstance(me, AuthMeAnswer):
            raise SystemExit(f"refused: {me}")
        print(me.data.id, given.scope)


main()
