"""Stock clients of OAuth, as they are, against the real server: authlib and requests-oauthlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession  # type: ignore[import-untyped]  # it has no types
from oauthlib.oauth2 import (  # type: ignore[import-untyped]  # it has no types
    BackendApplicationClient,
    InvalidClientError,
    InvalidScopeError,
)
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]  # it has no types

from gateway.access.admin import AdminClient
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig

ADMIN = AdminClient("admin-1", "s3cret-of-the-first-administrator")

T = TypeVar("T")


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000))
    await made.access.load(ADMIN)
    return made


async def aside(work: Callable[[], T]) -> T:
    """Run what waits for sockets while the server goes on."""
    with trio.fail_after(60):
        return await trio.to_thread.run_sync(work)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_authlib(rig: Rig, method: str) -> None:
    def work() -> dict[str, Any]:
        with AuthlibSession(
            ADMIN.client_id,
            ADMIN.client_secret,
            scope="system:read devices:read",
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            token_endpoint=f"{rig.url}/v1/auth/token",
        ) as client:
            client.verify = str(rig.state / "ca.pem")
            client.trust_env = False
            found = client.get(f"{rig.url}/.well-known/oauth-authorization-server", withhold_token=True).json()
            token = client.fetch_token(found["token_endpoint"], grant_type="client_credentials")
            told = client.introspect_token(found["introspection_endpoint"], token=token["access_token"]).json()
            me = client.get(f"{rig.url}/v1/auth/me")
            assert me.status_code == 200
            assert client.get(f"{rig.url}/v1/alarms").status_code == 404
            revoked = client.revoke_token(found["revocation_endpoint"], token=token["access_token"])
            assert revoked.status_code == 200
            assert client.get(f"{rig.url}/v1/auth/me").status_code == 401
            return {"token": token, "told": told, "me": me.json()["data"]}

    async with rig.served():
        done = await aside(work)
    assert done["token"]["token_type"] == "Bearer"
    assert done["token"]["scope"] == "devices:read system:read"
    assert (done["told"]["active"], done["told"]["sub"]) == (True, "client:admin-1")
    assert done["me"]["scope"] == "devices:read system:read"


@pytest.mark.parametrize("in_body", [False, True])
async def test_requests_oauthlib(rig: Rig, *, in_body: bool) -> None:
    def session(scope: list[str]) -> OAuth2Session:
        made = OAuth2Session(client=BackendApplicationClient(client_id=ADMIN.client_id, scope=scope))
        made.verify = str(rig.state / "ca.pem")
        made.trust_env = False
        return made

    def fetch(scope: list[str], secret: str) -> tuple[dict[str, Any], int]:
        with session(scope) as client:
            where = {"token_url": f"{rig.url}/v1/auth/token", "verify": client.verify}
            if in_body:
                token = client.fetch_token(
                    **where, client_id=ADMIN.client_id, client_secret=secret, include_client_id=True
                )
            else:
                token = client.fetch_token(**where, auth=(ADMIN.client_id, secret))
            return token, client.get(f"{rig.url}/v1/auth/me").status_code

    async with rig.served():
        token, status = await aside(lambda: fetch(["system:read"], ADMIN.client_secret))
        assert (token["scope"], token["expires_in"], status) == (["system:read"], 3600, 200)
        with pytest.raises(InvalidScopeError):
            await aside(lambda: fetch(["made:up"], ADMIN.client_secret))
        with pytest.raises(InvalidClientError):
            await aside(lambda: fetch(["system:read"], "wrong"))
