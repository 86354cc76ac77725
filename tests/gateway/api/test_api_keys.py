"""API keys where they were made for: JSON-RPC, WebSockets and metrics beside ``/v1`` (D-052, ruling 13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from pathlib import Path

import httpx
import pytest

from gateway.core.principal import Kind, Principal
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig, rpc_body

BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")
BOTH = ("/v1", "/api/v1")


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, LimitSettings(anonymous_requests_per_minute=100_000, anonymous_burst=10_000))


@pytest.fixture
async def http(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig") as client:
        yield client


async def key(
    rig: Rig, *scopes: str, audience: Collection[str] = BOTH, ttl: int | None = None, owner: str = "panel"
) -> tuple[str, str]:
    """An API key of a client that may read; its id, and what is sent."""
    if rig.access.subjects.find(f"client:{owner}") is None:
        await rig.access.clients.add(BOSS, name=owner, client_id=owner, roles={"viewer"})
    made, credential = await rig.access.keys.add(
        BOSS,
        owner=f"client:{owner}",
        name="k",
        scopes=set(scopes) or {"devices:read", "metrics:read"},
        audience=audience,
        ttl=ttl,
    )
    return made.id, credential


def headers(credential: str) -> list[dict[str, str]]:
    return [{"X-API-Key": credential}, {"Authorization": f"ApiKey {credential}"}]


async def test_a_key_for_the_agent_api_calls_methods_of_its_scopes(rig: Rig, http: httpx.AsyncClient) -> None:
    _, credential = await key(rig)
    for shown in headers(credential):
        response = await http.post("/api/v1/rpc", json=rpc_body("tag.list", {}), headers=shown)
        assert "tags" in response.json()["result"]
        refused = await http.post("/api/v1/rpc", json=rpc_body("agent.list", {}), headers=shown)
        assert refused.json()["error"]["code"] == -32002
        seed = await http.get("/api/v1/agents", headers=shown)
        assert seed.status_code == 403
    # It is no agent, whatever it says.
    posing = {**headers(credential)[0], "X-Agent-ID": "Agent-1"}
    assert (await http.post("/api/v1/rpc", json=rpc_body("tag.list", {}), headers=posing)).json()["error"]


async def test_a_key_that_was_not_made_for_it_opens_nothing_there(rig: Rig, http: httpx.AsyncClient) -> None:
    """No upgrade gives a key more than it was made for: those made before have the audience ``/v1``."""
    _, plain = await key(rig, audience=("/v1",))
    _, other = await key(rig, audience=("/api/v1",))
    for path, good, bad in (("/v1/auth/me", plain, other), ("/api/v1/info", other, plain)):
        assert (await http.get(path, headers=headers(good)[0])).status_code == 200
        refused = await http.get(path, headers=headers(bad)[0])
        assert refused.status_code == 401
        assert "have one made with the audience" in refused.text
    # That is no attempt to find a key.
    for _ in range(30):
        assert (await http.get("/v1/auth/me", headers=headers(other)[0])).status_code == 401


async def test_every_key_with_its_scope_reads_the_metrics(rig: Rig, http: httpx.AsyncClient) -> None:
    for audience in (("/v1",), ("/api/v1",)):
        _, credential = await key(rig, "metrics:read", audience=audience)
        for shown in headers(credential):
            assert (await http.get("/metrics", headers=shown)).status_code == 200
    _, without = await key(rig, "devices:read")
    assert (await http.get("/metrics", headers=headers(without)[0])).status_code == 403
    refused = await http.get("/metrics", headers=headers("panel:none")[0])
    assert refused.status_code == 401
    assert "ApiKey" in ", ".join(refused.headers.get_list("www-authenticate"))


async def test_a_revoked_key_opens_nothing_any_more(rig: Rig, http: httpx.AsyncClient) -> None:
    id_, credential = await key(rig)
    await rig.access.keys.revoke(BOSS, id_)
    for path in ("/v1/auth/me", "/api/v1/info", "/metrics"):
        assert (await http.get(path, headers=headers(credential)[0])).status_code == 401


async def test_a_key_and_a_token_of_a_client_have_one_limit(tmp_path: Path) -> None:
    rig = Rig(tmp_path, LimitSettings(requests_per_minute=60, burst=10, anonymous_burst=1000))
    _, credential = await key(rig)
    transport = httpx.ASGITransport(rig.app, client=("10.0.0.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://rig", headers=headers(credential)[0]) as http:
        paths = ["/v1/auth/me", "/api/v1/info", "/metrics"] * 5
        answers = [(await http.get(path)).status_code for path in paths]
    assert answers[:10] == [200] * 10
    assert 429 in answers[10:]


async def test_who_tries_keys_is_slowed_down_at_the_agent_api_too(rig: Rig, http: httpx.AsyncClient) -> None:
    answers = [(await http.get("/api/v1/info", headers=headers(f"panel:{n}")[0])).status_code for n in range(15)]
    assert answers[0] == 401
    assert answers[-1] == 429
    _, credential = await key(rig)
    assert (await http.get("/api/v1/info", headers=headers(credential)[0])).status_code == 200
