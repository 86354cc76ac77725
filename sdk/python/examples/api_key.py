"""Calls with an API key in the place of a token. FERRULE_URL, FERRULE_CA, FERRULE_API_KEY."""

import os
import ssl

from ferrule_sdk import AuthenticatedClient
from ferrule_sdk.api.auth import auth_me
from ferrule_sdk.models import AuthMeAnswer


def main() -> None:
    """Ask whom the gateway takes us for."""
    trust = ssl.create_default_context(cafile=os.environ["FERRULE_CA"])
    with AuthenticatedClient(
        base_url=os.environ["FERRULE_URL"], token=os.environ["FERRULE_API_KEY"], prefix="ApiKey", verify_ssl=trust
    ) as client:
        me = auth_me.sync(client=client)
        if not isinstance(me, AuthMeAnswer):
            raise SystemExit(f"refused: {me}")
        print(me.data.type_, me.data.id)


main()
