"""Who is refused events stands in the audit log, as who is refused a call does."""

from __future__ import annotations

from functools import partial

import pytest
import trio
from trio.testing import MockClock

from gateway.api.denials import note_unheard
from gateway.api.front import Front
from gateway.api.gate import Gate
from gateway.core.audit import AuditEntry, AuditOutcome
from gateway.settings.model import LimitSettings
from tests.gateway.api.agent import Agent
from tests.gateway.api.live.stage import EVENTS, Peer, Stage
from tests.gateway.api.live.test_tokens import AGENT_EVENTS, bearer, handshake

Said = tuple[str, str | None, str | None, str | None]


@pytest.fixture
def heard(stage: Stage) -> list[AuditEntry]:
    """What was noted."""
    stage.live.denied.append(partial(note_unheard, stage.rig.audit))
    return stage.rig.audit.entries


def said(entry: AuditEntry) -> Said:
    assert entry.outcome is AuditOutcome.DENIED
    assert entry.peer == "10.0.0.9"
    return entry.action, entry.kind, entry.subject, entry.target


async def test_a_bad_token_in_the_handshake_or_a_frame(stage: Stage, heard: list[AuditEntry]) -> None:
    await handshake(stage, bearer("nonsense"), (b"x-agent-id", b"hvac-1"))
    peer = await stage.open()
    await peer.ask("auth", token="no.such.token")
    assert [said(entry) for entry in heard] == [
        ("auth.token", None, "hvac-1", None),
        ("auth.token", None, None, None),
    ]
    assert [entry.details["method"] for entry in heard] == ["event.subscribe"] * 2
    assert all("nonsense" not in repr(entry) and "no.such" not in repr(entry) for entry in heard)


async def test_no_token_at_all(stage: Stage, heard: list[AuditEntry], autojump_clock: MockClock) -> None:
    peer = await stage.open()
    await peer.ask("subscribe", channels=["alarms"])
    silent = await stage.open()
    await silent.hear()
    assert [said(entry)[0] for entry in heard] == ["auth.token"] * 2
    assert [str(entry.details["reason"])[:8] for entry in heard] == ["show a t", "no token"]


async def test_a_scope_that_is_missing_for_a_channel_or_a_pattern(stage: Stage, heard: list[AuditEntry]) -> None:
    peer = await stage.peer("devices:read")
    answer = await peer.ask("subscribe", channels=["alarms", "system:health", "webhooks", "none"], patterns=["agent:*"])
    assert len(answer["rejected"]) == 4
    assert [said(entry) for entry in heard] == [
        ("event.subscribe", "operator", "operator", "system:health and 2 more"),
    ]
    assert "system:read" in str(heard[0].details["reason"])
    await peer.ask("subscribe", channels=["webhooks"])
    assert said(heard[1])[3] == "webhooks"


async def test_what_is_wrong_with_a_frame_is_no_denial(stage: Stage, heard: list[AuditEntry]) -> None:
    peer = await stage.peer("devices:read")
    await peer.ask("subscribe", channels=["none"])
    await peer.ask("nothing")
    await handshake(stage, target=f"{EVENTS}?token=x")
    assert heard == []


async def test_an_enrolment_or_another_agents_name(stage: Stage, heard: list[AuditEntry]) -> None:
    agent = Agent(stage.rig, scopes=("messaging:read",))
    await handshake(stage, bearer(agent.token), target=AGENT_EVENTS)
    await agent.register()
    await handshake(stage, bearer(agent.token), (b"x-agent-id", b"another"), target=AGENT_EVENTS)
    denied = [said(entry) for entry in heard if entry.action != "agent.register"]
    assert [(action, subject) for action, _, subject, _ in denied] == [("auth.token", None), ("auth.token", "another")]


async def test_a_token_that_is_anothers_or_allows_less_on_an_open_connection(
    stage: Stage, heard: list[AuditEntry]
) -> None:
    peer = await stage.peer("devices:read", "system:read")
    await peer.ask("subscribe", channels=["system:health"])
    await peer.ask("auth", token=stage.token("devices:read"))
    assert [said(entry) for entry in heard] == [("event.subscribe", "operator", "operator", None)]


async def test_too_many_connections_and_too_many_requests(stage: Stage, heard: list[AuditEntry]) -> None:
    stage.limits = LimitSettings(event_connections=1)
    token = stage.token()
    peers = [await stage.open() for _ in range(2)]
    for peer in peers:
        await peer.ask("auth", token=token)
    assert [said(entry) for entry in heard] == [("rate.limit", "operator", "operator", None)]
    refused = await handshake(stage, bearer(token))
    assert not isinstance(refused, Peer)
    assert [said(entry) for entry in heard[1:]] == [("rate.limit", "operator", "operator", None)]
    stage.rig.rates.follow(LimitSettings(anonymous_requests_per_minute=1, anonymous_burst=1))
    await handshake(stage)
    await handshake(stage)
    assert {said(entry) for entry in heard[2:]} == {("rate.limit", None, None, None)}


async def test_a_token_that_ends_by_itself_is_no_denial(
    stage: Stage, heard: list[AuditEntry], autojump_clock: MockClock
) -> None:
    peer = await stage.open()
    await peer.ask("auth", token=stage.token("devices:read", ttl=60))
    stage.rig.board.set(stage.rig.board.wall + 61)
    await trio.sleep(3)
    assert (await peer.hear())[0] == 4401
    assert heard == []


async def test_a_web_page_of_another_origin(stage: Stage) -> None:
    rig = stage.rig
    front = Front(rig.rates, rig.instruments.http, rig.board.timeline.now)
    gate = Gate(stage.live, lambda: {"board"}, (), rig.board.timeline.now, front.foreign)
    sent = []

    async def send(event: dict[str, object]) -> None:
        sent.append(event)

    scope = {
        "type": "websocket",
        "path": EVENTS,
        "headers": [(b"host", b"board"), (b"origin", b"https://evil.example")],
        "client": ("10.0.0.9", 5000),
        "extensions": {},
    }
    await gate(scope, trio.sleep_forever, send)  # type: ignore[arg-type] # the little of ASGI that is looked at
    assert sent[0]["status"] == 403
    [entry] = rig.audit.entries
    assert said(entry) == ("auth.origin", None, "https://evil.example", EVENTS)
