"""WebSockets of OAuth clients: opened by their tokens, and closed when the client may no longer have any."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.access.jws import AGENT_API, PLUGIN_API
from gateway.access.oauth.clients import ClientChanges
from gateway.access.oauth.grant import Client, Issued
from gateway.core.principal import Kind, Principal
from tests.gateway.api.live.stage import Stage

BOSS = Principal("operator", frozenset({"*"}), Kind.OPERATOR, "t")


async def token(stage: Stage, client: Client, audience: str = PLUGIN_API) -> str:
    issued = Issued(subject=client.subject, scopes=frozenset({"devices:read"}), resource=frozenset({audience}))
    return stage.rig.access.tokens.issue(client.id, issued).token


async def test_a_client_hears_until_it_is_disabled(stage: Stage, autojump_clock: MockClock) -> None:
    clients = stage.rig.access.clients
    client, _ = await clients.add(BOSS, name="panel", roles={"viewer"})
    peer = await stage.open()
    assert (await peer.ask("auth", token=await token(stage, client)))["type"] == "auth_ok"
    assert (await peer.ask("subscribe", channels=["alarms"]))["channels"] == ["alarms"]
    await trio.sleep(5)
    assert await peer.ask("ping") == {"type": "pong"}
    await clients.change(BOSS, client.id, ClientChanges(disabled=True))
    begun = trio.current_time()
    assert (await peer.hear())[0] == 4401
    assert trio.current_time() - begun <= 1


async def test_a_client_that_may_no_longer_hear_something_hears_it_no_more(
    stage: Stage, autojump_clock: MockClock
) -> None:
    clients = stage.rig.access.clients
    client, _ = await clients.add(BOSS, name="panel", roles={"viewer"})
    peer = await stage.open()
    await peer.ask("auth", token=await token(stage, client))
    await peer.ask("subscribe", channels=["alarms"])
    await clients.change(BOSS, client.id, ClientChanges(roles={"plugin-user"}))
    code, reason = await peer.hear()
    assert code == 4401
    assert "connect again" in reason


async def test_a_token_for_the_other_path_family_is_not_taken(stage: Stage) -> None:
    client, _ = await stage.rig.access.clients.add(BOSS, name="panel", roles={"viewer"})
    peer = await stage.open()
    assert (await peer.ask("auth", token=await token(stage, client, AGENT_API)))["code"] == "unauthenticated"
