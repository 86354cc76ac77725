"""Tokens of clients: shown in time, held against scopes, and closed when they no longer count (D-130)."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import AcceptConnection, RejectConnection, RejectData, Request

from gateway.settings.model import LimitSettings
from tests.gateway.api.agent import Agent
from tests.gateway.api.live.stage import EVENTS, Peer, Stage
from tests.gateway.api.wire import Socket

AGENT_EVENTS = "/api/v1/events"


async def handshake(stage: Stage, *headers: tuple[bytes, bytes], target: str = EVENTS) -> Peer | tuple[int, bytes]:
    """A connection with these headers, or the status and body it is refused with."""
    socket = Socket(await stage.wire.call())
    await socket.send(Request(host="board", target=target, extra_headers=list(headers)))
    answer = await socket.receive()
    if isinstance(answer, AcceptConnection):
        return Peer(socket)
    assert isinstance(answer, RejectConnection)
    body = b""
    while isinstance(part := await socket.receive(), RejectData):
        body += part.data
        if part.body_finished:
            break
    return answer.status_code, body


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token}".encode()


async def test_who_shows_no_token_is_closed_after_five_seconds(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.open()
    begun = trio.current_time()
    assert (await peer.hear())[0] == 4401
    assert 5 <= trio.current_time() - begun < 6


async def test_frames_before_the_token_are_4401(stage: Stage) -> None:
    peer = await stage.open()
    code, reason = await peer.ask("subscribe", channels=["alarms"])
    assert code == 4401
    assert "token" in reason


async def test_a_token_that_does_not_count_is_told_so_and_closed(stage: Stage) -> None:
    peer = await stage.open()
    said = await peer.ask("auth", token="no.such.token")
    assert (said["type"], said["code"]) == ("auth_error", "unauthenticated")
    assert (await peer.hear())[0] == 4401


async def test_a_token_in_the_handshake_needs_no_frame(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await handshake(stage, bearer(stage.token()))
    assert isinstance(peer, Peer)
    await trio.sleep(10)
    assert (await peer.ask("subscribe", channels=["alarms"]))["channels"] == ["alarms"]


@pytest.mark.parametrize(("target", "form"), [(EVENTS, b'"status": 401'), (AGENT_EVENTS, b'"jsonrpc"')])
async def test_a_bad_token_in_the_handshake_is_401_in_the_form_of_its_path(
    stage: Stage, target: str, form: bytes
) -> None:
    refused = await handshake(stage, bearer("nonsense"), target=target)
    assert isinstance(refused, tuple)
    assert refused[0] == 401
    assert form in refused[1]


async def test_a_token_in_the_url_is_refused(stage: Stage) -> None:
    refused = await handshake(stage, target=f"{EVENTS}?token={stage.token()}")
    assert isinstance(refused, tuple)
    assert refused[0] == 400
    assert b"Authorization" in refused[1]


@pytest.mark.parametrize(
    ("origin", "accepted"),
    [(b"https://board", True), (b"https://evil.example", False), (b"null", False), (b"http://board", False)],
)
async def test_web_pages_of_others_are_refused(stage: Stage, origin: bytes, accepted: bool) -> None:  # noqa: FBT001
    answer = await handshake(stage, bearer(stage.token()), (b"origin", origin))
    assert isinstance(answer, Peer) == accepted
    assert accepted or (isinstance(answer, tuple) and answer[0] == 403)


async def test_a_token_ends_and_the_connection_with_it(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.open()
    await peer.ask("auth", token=stage.token("devices:read", ttl=60))
    await peer.ask("subscribe", channels=["alarms"])
    stage.rig.board.set(stage.rig.board.wall + 59)
    await trio.sleep(2)
    assert await peer.ask("ping") == {"type": "pong"}
    stage.rig.board.set(stage.rig.board.wall + 1)
    begun = trio.current_time()
    code, reason = await peer.hear()
    assert code == 4401
    assert "expired" in reason
    assert trio.current_time() - begun <= 1


async def test_a_token_that_has_ended_is_not_taken(stage: Stage) -> None:
    token = stage.token("devices:read", ttl=60)
    stage.rig.board.set(stage.rig.board.wall + 60)
    peer = await stage.open()
    assert (await peer.ask("auth", token=token))["type"] == "auth_error"


async def test_another_token_of_the_same_caller_keeps_it_open(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.open()
    await peer.ask("auth", token=stage.token("devices:read", ttl=60))
    await peer.ask("subscribe", channels=["alarms"])
    assert (await peer.ask("auth", token=stage.token("devices:read", ttl=600)))["type"] == "auth_ok"
    stage.rig.board.set(stage.rig.board.wall + 100)
    await trio.sleep(2)
    stage.announce()
    assert (await peer.hear())["seq"] == 1


async def test_another_token_that_allows_less_is_4403(stage: Stage) -> None:
    peer = await stage.peer("devices:read", "system:read")
    await peer.ask("subscribe", channels=["system:health"])
    said = await peer.ask("auth", token=stage.token("devices:read"))
    assert (said["type"], said["code"]) == ("auth_error", "forbidden")
    code, reason = await peer.hear()
    assert code == 4403
    assert "system:read" in reason


async def test_another_token_that_is_none_is_4401(stage: Stage) -> None:
    peer = await stage.peer()
    assert (await peer.ask("auth", token="x"))["type"] == "auth_error"
    assert (await peer.hear())[0] == 4401


async def test_connections_with_one_token_are_counted(stage: Stage) -> None:
    stage.limits = LimitSettings(event_connections=2)
    token = stage.token()
    peers = [await stage.open() for _ in range(3)]
    answers = [await peer.ask("auth", token=token) for peer in peers]
    assert [answer["type"] for answer in answers] == ["auth_ok", "auth_ok", "auth_error"]
    assert (await peers[2].hear())[0] == 4429
    refused = await handshake(stage, bearer(token))
    assert isinstance(refused, tuple)
    assert refused[0] == 429
    await trio.aclose_forcefully(peers[0].socket.stream)
    await wait_all_tasks_blocked()
    assert isinstance(await handshake(stage, bearer(token)), Peer)


async def test_handshakes_of_strangers_are_counted(stage: Stage) -> None:
    stage.rig.rates.follow(LimitSettings(anonymous_requests_per_minute=1, anonymous_burst=1))
    assert isinstance(await handshake(stage), Peer)
    refused = await handshake(stage)
    assert isinstance(refused, tuple)
    assert refused[0] == 429


async def test_an_enrolment_token_listens_to_nothing(stage: Stage) -> None:
    agent = Agent(stage.rig)
    peer = await stage.open(AGENT_EVENTS)
    assert (await peer.ask("auth", token=agent.token))["code"] == "forbidden"
    assert (await peer.hear())[0] == 4403
    refused = await handshake(stage, bearer(agent.token), target=AGENT_EVENTS)
    assert isinstance(refused, tuple)
    assert refused[0] == 403


async def test_an_agent_listens_where_its_token_counts(stage: Stage) -> None:
    agent = Agent(stage.rig, scopes=("messaging:read",))
    await agent.register()
    elsewhere = await stage.open()
    assert (await elsewhere.ask("auth", token=agent.token))["type"] == "auth_error"
    peer = await handshake(stage, bearer(agent.token), (b"x-agent-id", agent.agent_id.encode()), target=AGENT_EVENTS)
    assert isinstance(peer, Peer)
    await peer.ask("subscribe", channels=["agent:messages"])
    stage.announce("message:received", {"from_agent": "x", "to_agent": "another"})
    stage.announce("message:received", {"from_agent": "x", "to_agent": agent.agent_id})
    assert (await peer.hear())["seq"] == 2
    refused = await handshake(stage, bearer(agent.token), (b"x-agent-id", b"another"), target=AGENT_EVENTS)
    assert isinstance(refused, tuple)
    assert refused[0] == 403


async def test_a_connection_stays_its_callers(stage: Stage) -> None:
    agent = Agent(stage.rig)
    await agent.register()
    peer = await stage.peer(path=AGENT_EVENTS)
    assert (await peer.ask("auth", token=agent.token))["code"] == "forbidden"
    assert (await peer.hear())[0] == 4403


async def test_an_agent_whose_tokens_are_revoked_gets_nothing_more(stage: Stage) -> None:
    agent = Agent(stage.rig, scopes=("devices:read",))
    await agent.register()
    peer = await stage.open(AGENT_EVENTS)
    await peer.ask("auth", token=agent.token)
    await peer.ask("subscribe", channels=["alarms"])
    # In one step: nobody had time to look.
    stage.rig.agents.revocations.revoke_agent(agent.agent_id)
    stage.announce()
    code, reason = await peer.hear()
    assert code == 4401
    assert "revoked" in reason


async def test_an_operators_token_that_is_revoked_ends_its_connection(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.open()
    token = stage.token()
    await peer.ask("auth", token=token)
    principal = stage.rig.agents.bearer.verify(token, "/v1")
    stage.rig.agents.revocations.revoke_token(principal.token_id, principal.expires)
    begun = trio.current_time()
    assert (await peer.hear())[0] == 4401
    assert trio.current_time() == begun
