"""API keys at WebSockets: in the handshake or in the first frame, for as long as they count (D-052)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from gateway.access.oauth.clients import ClientChanges
from gateway.access.oauth.grant import Issued
from gateway.settings.model import LimitSettings
from tests.gateway.api.live.stage import Peer, Stage
from tests.gateway.api.live.test_tokens import bearer, handshake
from tests.gateway.api.test_api_keys import BOSS, key

AGENTS = "/api/v1/events"


@pytest.mark.parametrize("path", ["/v1/events", AGENTS])
async def test_a_key_hears_events(stage: Stage, path: str) -> None:
    _, credential = await key(stage.rig)
    peer = await stage.open(path)
    said = await peer.ask("auth", api_key=credential)
    assert said == {"type": "auth_ok", "expires_at": None, "principal": "client:panel"}
    subscribed = await peer.ask("subscribe", channels=["alarms", "agent:lifecycle"])
    assert subscribed["channels"] == ["alarms"]
    assert [one["channel"] for one in subscribed["rejected"]] == ["agent:lifecycle"]
    stage.announce()
    assert (await peer.hear())["type"] == "alarm:raised"


async def test_a_key_is_shown_in_the_handshake_in_either_header_and_alone(stage: Stage) -> None:
    _, credential = await key(stage.rig)
    for header in ((b"x-api-key", credential.encode()), (b"authorization", b"ApiKey " + credential.encode())):
        for path in ("/v1/events", AGENTS):
            peer = await handshake(stage, header, target=path)
            assert isinstance(peer, Peer)
            assert (await peer.ask("subscribe", channels=["alarms"]))["channels"] == ["alarms"]
    for headers, status in (
        ([(b"x-api-key", b"panel:none")], 401),
        ([(b"x-api-key", credential.encode()), bearer(stage.token())], 400),
        ([(b"x-api-key", credential.encode()), (b"x-agent-id", b"Agent-1")], 403),
    ):
        refused = await handshake(stage, *headers)
        assert isinstance(refused, tuple)
        assert refused[0] == status


async def test_a_frame_shows_one_thing(stage: Stage) -> None:
    _, credential = await key(stage.rig)
    peer = await stage.open()
    for members in ({}, {"api_key": credential, "token": stage.token()}):
        assert (await peer.ask("auth", **members))["code"] == "invalid"
    assert (await peer.ask("auth", api_key=credential))["type"] == "auth_ok"


async def test_a_key_is_no_second_client_beside_its_tokens(stage: Stage) -> None:
    stage.limits = LimitSettings(event_connections=2)
    _, credential = await key(stage.rig)
    issued = Issued(subject="client:panel", scopes=frozenset({"devices:read"}), resource=frozenset({"/v1"}))
    token = stage.rig.access.tokens.issue("panel", issued).token
    peers = [await stage.open() for _ in range(3)]
    assert (await peers[0].ask("auth", api_key=credential))["type"] == "auth_ok"
    assert (await peers[1].ask("auth", token=token))["type"] == "auth_ok"
    assert (await peers[2].ask("auth", api_key=credential))["code"] == "too_many"


async def test_a_key_for_the_other_path_family_hears_nothing(stage: Stage) -> None:
    _, credential = await key(stage.rig, audience=("/v1",))
    peer = await stage.open(AGENTS)
    said = await peer.ask("auth", api_key=credential)
    assert (said["type"], said["code"]) == ("auth_error", "unauthenticated")


async def test_who_heard_by_a_key_hears_nothing_once_it_is_revoked(stage: Stage, autojump_clock: MockClock) -> None:
    id_, credential = await key(stage.rig)
    peer = await stage.open()
    await peer.ask("auth", api_key=credential)
    await peer.ask("subscribe", channels=["alarms"])
    await trio.sleep(20)
    assert await peer.ask("ping") == {"type": "pong"}
    await stage.rig.access.keys.revoke(BOSS, id_)
    stage.announce()
    assert (await peer.hear())[0] == 4401


async def test_the_same_once_it_expires_or_its_owner_may_less(stage: Stage, autojump_clock: MockClock) -> None:
    _, short = await key(stage.rig, ttl=10)
    _, long = await key(stage.rig)
    one, other = await stage.open(), await stage.open()
    assert (await one.ask("auth", api_key=short))["expires_at"] is not None
    await other.ask("auth", api_key=long)
    stage.rig.board.set(stage.rig.board.wall + 10)
    assert (await one.hear())[0] == 4401
    await stage.rig.access.clients.change(BOSS, "panel", ClientChanges(disabled=True))
    assert (await other.hear())[0] == 4401


async def test_keys_that_are_none_are_slowed_down_over_websockets(stage: Stage, autojump_clock: MockClock) -> None:
    codes = []
    for number in range(14):
        peer = await stage.open()
        codes.append((await peer.ask("auth", api_key=f"panel:{number}"))["code"])
    assert codes[0] == "unauthenticated"
    assert codes[-1] == "too_many"
