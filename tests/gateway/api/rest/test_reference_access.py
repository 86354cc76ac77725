"""The reference's examples of access, replayed literally; what differs is in tables with its ruling (ruling 25).

Roles and scopes: test_reference_words. The authorization code: test_consent and tests/gateway/api/pages.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import trio
from trio.testing import MockClock

from gateway.access.admin import AdminClient
from gateway.settings.model import LimitSettings
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.api.talking import Talking
from tests.gateway.plugins.instances.scene import publish

# S1, "Base Configuration": what every request of the reference carries; the token follows.
HEADERS = {"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}
# S1, "POST /auth/token": the request and the answer as they stand there.
TOKEN = """
{
  "grant_type": "client_credentials",
  "client_id": "plugin-or-app-id",
  "client_secret": "plugin-or-app-secret",
  "scope": "plugins:read plugins:write"
}
"""
GIVEN = """
{
  "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
  "token_type": "Bearer",
  "expires_in": 3600,
  "scope": "plugins:read plugins:write"
}
"""
GIVEN_DEVIATIONS = {
    "access_token": "made anew each time; beside alg and typ its header has the kid by which keys are rotated (D-045)",
    "content-type": "D-046: application/json, as RFC 6749, 5.1 has it",
}
# S1, "JWT Tokens".
CLAIMS = """
{
  "iss": "api.agent-cellphone-v2.com",
  "sub": "plugin:analytics-plugin",
  "aud": "api.agent-cellphone-v2.com",
  "exp": 1642080000,
  "iat": 1641993600,
  "scope": "plugins:read plugins:write analytics:read",
  "permissions": ["read-messaging", "write-analytics"],
  "rate_limit": 1000
}
"""
CLAIM_DEVIATIONS = {
    "iss": "D-002: the public name is configuration; it is the id of this gateway",
    "aud": "D-030, ruling 13: the path family a token is good for",
    "exp": "D-031: an hour; the reference says 3600 elsewhere",
    "scope": "D-053: of a plugin itself, plugins:act alone; what it may do is in permissions",
    "+nbf": "D-032: as RFC 7519 has it",
    "+jti": "D-032: what is revoked",
    "+client_id": "RFC 9068, 2.2: whom it was given to",
    "+epoch": "D-044: what was ended before, stays ended",
}
# S1, "API Keys".
API_KEYS = """
Authorization: ApiKey plugin-id:api-key-here
X-API-Key: plugin-id:api-key-here
"""
# S1, "Rate Limiting".
RATE_LIMITS = """
X-RateLimit-Limit: 1000
X-RateLimit-Remaining: 950
X-RateLimit-Reset: 1642080000
X-RateLimit-Retry-After: 60
"""
RATE_LIMIT_DEVIATIONS = {
    "x-ratelimit-retry-after": "D-160: where there is something to wait for, with Retry-After, which is the same",
    "+x-ratelimit-window": "D-162: a minute",
    "+ratelimit": "D-161: the draft of the IETF",
    "+ratelimit-policy": "D-161",
}
# S1, "Version Headers".
VERSION = """
Accept: application/vnd.agent-cellphone-v2.v1+json
X-API-Version: 1.0.0
"""
VERSION_DEVIATIONS = {"accept": "D-006: it selects the major version; what comes is application/vnd.api+json"}


def lines(text: str) -> list[tuple[str, str]]:
    """Header fields as they stand there."""
    return [
        (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in text.split("\n") if line)
    ]


@pytest.fixture
async def stranger(gateway: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """A client as the reference has it: its base path and headers, and no token so far."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(gateway.app), base_url="https://api.agent-cellphone-v2.com/v1", headers=HEADERS
    ) as client:
        yield client


async def test_au_01_to_09_the_token(gateway: Rig, stranger: httpx.AsyncClient) -> None:
    asked, wanted = json.loads(TOKEN), json.loads(GIVEN)
    await gateway.access.load(AdminClient(asked["client_id"], asked["client_secret"]))
    response = await stranger.post("/auth/token", content=TOKEN)
    assert response.status_code == 200, response.text
    given = response.json()
    assert given.keys() == wanted.keys()
    differing = {name for name in wanted if given[name] != wanted[name]}
    if response.headers["content-type"] != HEADERS["Accept"]:
        differing.add("content-type")
    assert differing == GIVEN_DEVIATIONS.keys()
    example = json.loads(base64.urlsafe_b64decode(wanted["access_token"].partition(".")[0] + "=="))
    header = jwt.get_unverified_header(given["access_token"])
    assert example.items() <= header.items()
    assert header.keys() - example.keys() == {"kid"}
    # BC-04: and with it the other calls of the reference are made.
    own = {"Authorization": f"Bearer {given['access_token']}"}
    assert (await stranger.get("/plugins", headers=own)).status_code == 200
    me = await stranger.get("/auth/me", headers=own)
    assert (me.json()["data"]["id"], me.json()["data"]["scope"]) == (f"client:{asked['client_id']}", asked["scope"])


async def test_se_01_to_08_the_claims(plugins: Plugins, gateway: Rig, talking: Talking, api: httpx.AsyncClient) -> None:
    wanted = json.loads(CLAIMS)
    gateway.board.set(wanted["iat"])
    gateway.rates.follow(LimitSettings(requests_per_minute=wanted["rate_limit"], burst=100))
    id_ = wanted["sub"].partition(":")[2]
    await publish(plugins, "2.1.0", "Analytics Plugin", permissions=wanted["permissions"])
    talking.run(id_, *wanted["permissions"])
    api.headers.update(gateway.bearer("*"))
    response = await api.post(f"/v1/plugins/{id_}/token", headers=HEADERS)
    assert response.status_code == 201, response.text
    # SE-27: words of the plugin's own; they stand there for whoever it shows its token to.
    assert response.json()["data"]["permissions"] == wanted["permissions"]
    claims: dict[str, Any] = jwt.decode(response.json()["data"]["access_token"], options={"verify_signature": False})
    differing = {name for name in wanted if claims[name] != wanted[name]}
    assert differing | {f"+{name}" for name in claims.keys() - wanted.keys()} == CLAIM_DEVIATIONS.keys()
    assert claims["exp"] - claims["iat"] == json.loads(GIVEN)["expires_in"]


async def test_se_09_and_10_both_forms_of_an_api_key(
    gateway: Rig, api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    owner, _, placeholder = lines(API_KEYS)[1][1].partition(":")
    client = {"name": "a plugin", "client_id": owner, "roles": ["viewer"]}
    assert (await api.post("/v1/clients", json={"data": client})).status_code == 201
    asked = {"name": "k", "owner": f"client:{owner}", "scopes": ["plugins:read"]}
    made = await api.post("/v1/auth/api-keys", json={"data": asked})
    key = made.json()["data"]["api_key"].partition(":")[2]
    for name, value in lines(API_KEYS):
        assert (await stranger.get("/plugins", headers={name: value.replace(placeholder, key)})).status_code == 200
        # As it stands there it is nobody's.
        assert (await stranger.get("/plugins", headers={name: value})).status_code == 401
    both = {name: value.replace(placeholder, key) for name, value in lines(API_KEYS)}
    assert (await stranger.get("/plugins", headers=both)).status_code == 200


async def test_se_23_to_26_the_rate_limits(tmp_path: Path, mock_clock: MockClock) -> None:
    wanted = {name.lower(): int(value) for name, value in lines(RATE_LIMITS)}
    limit = wanted["x-ratelimit-limit"]
    taken = limit - wanted["x-ratelimit-remaining"]
    rig = Rig(tmp_path, LimitSettings(requests_per_minute=limit, burst=limit))
    # It is full again after as many moments as there are between two calls.
    rig.board.set(wanted["x-ratelimit-reset"] - taken * 60 / limit)
    async with rig.in_memory() as client:
        found = [(await client.get("/v1/auth/me", headers=HEADERS)).headers for _ in range(taken)][-1]
    differing = {name for name, value in wanted.items() if found.get(name) != str(value)}
    more = {f"+{name}" for name in found if "ratelimit" in name and name not in wanted}
    assert differing | more == RATE_LIMIT_DEVIATIONS.keys()

    few = Rig(tmp_path, LimitSettings(requests_per_minute=1, burst=1))
    async with few.in_memory() as client:
        await client.get("/v1/auth/me")
        refused = await client.get("/v1/auth/me")
    assert refused.status_code == 429
    wait = str(wanted["x-ratelimit-retry-after"])
    assert (refused.headers["x-ratelimit-retry-after"], refused.headers["retry-after"]) == (wait, wait)
    assert trio.current_time() == mock_clock.current_time()


async def test_vr_08_and_09_the_version(api: httpx.AsyncClient) -> None:
    wanted = {name.lower(): value for name, value in lines(VERSION)}
    response = await api.get("/v1/plugins", headers=wanted)
    assert response.status_code == 200
    assert response.headers["x-api-version"] == wanted["x-api-version"]
    assert response.headers["content-type"] == HEADERS["Accept"] != wanted["accept"]
    assert VERSION_DEVIATIONS.keys() == {"accept"}
