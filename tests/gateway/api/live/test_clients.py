"""Clients of the WebSocket: what they ask for, and what they get."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import BytesMessage

from gateway.core.channels import CHANNELS
from gateway.core.patterns import MOST_PATTERNS
from tests.gateway.api.live.stage import Stage


async def test_the_seeds_frames_and_an_event_as_in_the_seed(stage: Stage) -> None:
    peer = await stage.open()
    # Without waiting for the answer, as in the seed.
    await peer.say("auth", token=stage.token("plugins:read", "system:read", "messaging:read"))
    await peer.say("subscribe", channels=["plugin:lifecycle", "system:health", "agent:messages"])
    said = await peer.hear()
    assert said["type"] == "auth_ok"
    assert said["principal"] == "operator"
    assert said["expires_at"].endswith("Z")
    assert await peer.hear() == {
        "type": "subscribed",
        "channels": ["plugin:lifecycle", "system:health", "agent:messages"],
        "patterns": [],
        "rejected": [],
        "seq": 0,
    }
    stage.announce("plugin:installed", {"plugin_id": "analytics-plugin", "version": "2.1.0"})
    assert await peer.hear() == {
        "type": "plugin:installed",
        "timestamp": "2027-01-15T08:00:00Z",
        "data": {"plugin_id": "analytics-plugin", "version": "2.1.0"},
        "id": "id-1",
        "seq": 1,
        "gateway": "gw",
        "clock": "synchronised",
    }


async def test_only_what_was_subscribed_to_comes(stage: Stage) -> None:
    peer = await stage.peer("devices:read", "events:subscribe")
    await peer.ask("subscribe", channels=["alarms"], patterns=["user:action:*", "shop.*"])
    stage.announce("device:down", {"device": "a/b"})
    alarm = stage.announce("alarm:raised")
    action = stage.announce("user:action", {"who": "me"})
    stage.announce("user:login", {"who": "me"})
    routed = stage.announce("user:login", {"who": "me"}, key="shop.till.3")
    heard = [await peer.hear() for _ in range(3)]
    assert [said["id"] for said in heard] == [alarm.id, action.id, routed.id]
    assert heard[2]["routing_key"] == "shop.till.3"
    assert "routing_key" not in heard[1]


async def test_a_filter_is_over_the_data_and_for_what_its_frame_names(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.ask("subscribe", channels=["tag:changes"], filter={"tag": ["a/b/c"], "quality": ["good", "bad"]})
    await peer.ask("subscribe", channels=["devices"])
    wanted = []
    for tag, quality in (("a/b/c", "good"), ("a/b/c", "uncertain"), ("a/b/d", "good"), ("a/b/c", "bad")):
        event = stage.announce("tag:changed", {"tag": tag, "quality": quality}, kept=False)
        if tag == "a/b/c" and quality != "uncertain":
            wanted.append(event.sequence)
    wanted.append(stage.announce("device:up", {"device": "a/b"}).sequence)
    assert [(await peer.hear())["seq"] for _ in wanted] == wanted


async def test_a_second_subscription_of_the_same_name_takes_the_place_of_the_first(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.ask("subscribe", patterns=["alarm:*"], filter={"tag": ["one"]})
    await peer.ask("subscribe", patterns=["alarm:*"], filter={"tag": ["two"]})
    stage.announce(data={"tag": "one"})
    stage.announce(data={"tag": "two"})
    assert (await peer.hear())["data"] == {"tag": "two"}


async def test_an_event_that_is_wanted_twice_comes_once(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.ask("subscribe", channels=["alarms"], patterns=["alarm:raised", "alarm:*"])
    await peer.ask("subscribe", patterns=["*"], filter={"alarm_id": ["a1"]})
    stage.announce()
    stage.announce()
    assert [(await peer.hear())["seq"] for _ in range(2)] == [1, 2]


async def test_unsubscribing_ends_what_is_named_or_all(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.ask("subscribe", channels=["alarms", "devices"], patterns=["line:*"])
    answer = await peer.ask("unsubscribe", channels=["alarms", "webhooks"], patterns=["tag:*"])
    assert answer == {"type": "unsubscribed", "channels": ["alarms"], "patterns": []}
    stage.announce("alarm:raised")
    stage.announce("device:up", {})
    assert (await peer.hear())["type"] == "device:up"
    answer = await peer.ask("unsubscribe")
    assert answer == {"type": "unsubscribed", "channels": ["devices"], "patterns": ["line:*"]}
    stage.announce("device:up", {})
    assert await peer.ask("ping") == {"type": "pong"}


async def test_what_cannot_be_subscribed_to_is_said_one_by_one(stage: Stage) -> None:
    peer = await stage.peer("devices:read")
    answer = await peer.ask(
        "subscribe", channels=["alarms", "alarm", "system:health"], patterns=["alarm:*", "governor:*", "a b", "x:*"]
    )
    assert answer["channels"] == ["alarms"]
    assert answer["patterns"] == ["alarm:*"]
    codes = {one.get("channel") or one.get("pattern"): one["code"] for one in answer["rejected"]}
    assert codes == {
        "alarm": "invalid",
        "system:health": "forbidden",
        "governor:*": "forbidden",
        "a b": "invalid",
        "x:*": "forbidden",
    }
    details = {one.get("channel"): one["detail"] for one in answer["rejected"]}
    assert all(name in details["alarm"] for name in CHANNELS)
    assert "system:read" in details["system:health"]


async def test_a_wide_pattern_brings_only_what_the_scopes_allow(stage: Stage) -> None:
    peer = await stage.peer("devices:read")
    assert (await peer.ask("subscribe", patterns=["*"]))["patterns"] == ["*"]
    stage.announce("system:alert", {})
    stage.announce("user:action", {})
    stage.announce("plugin:installed", {})
    stage.announce("line:up", {})
    assert (await peer.hear())["type"] == "line:up"


async def test_messages_reach_sender_recipient_and_who_may_everything(stage: Stage) -> None:
    operator, admin = await stage.peer("messaging:read"), await stage.peer("*")
    for peer in (operator, admin):
        await peer.ask("subscribe", channels=["agent:messages"])
    stage.announce("message:received", {"from_agent": "a", "to_agent": "b"})
    mine = stage.announce("message:received", {"from_agent": "operator", "to_agent": "b"})
    assert [(await admin.hear())["seq"] for _ in range(2)] == [1, 2]
    assert (await operator.hear())["seq"] == mine.sequence


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("", "frame", "JSON object"),
        ("[]", "frame", "expected"),
        ('{"type": "ping"', "frame", "JSON object"),
        ("[" * 5000, "frame", "expected"),
        ('{"type": "sing"}', "type", "auth, subscribe, unsubscribe or ping"),
        ('{"channels": []}', "type", "auth, subscribe, unsubscribe or ping"),
        ('{"type": "ping", "more": 1}', "frame", "unknown field"),
        ('{"type": "auth"}', "token", "token"),
        ('{"type": "subscribe"}', "channels", "name channels"),
        ('{"type": "subscribe", "channels": "alarms"}', "channels", "array"),
        ('{"type": "subscribe", "channels": ["alarms"], "filter": {"a": []}}', "filter.a", "1 to 64"),
        ('{"type": "subscribe", "channels": ["alarms"], "filter": {"a": [{}]}}', "filter[...][0]", "expected"),
        ('{"type": "subscribe", "channels": ["alarms"], "resume_from": -1}', "resume_from", ">= 0"),
        ('{"type": "subscribe", "channels": ["alarms"], "resume_from": 1e30}', "resume_from", "expected"),
    ],
)
async def test_a_frame_that_is_wrong_is_told_where_and_the_connection_stays(
    stage: Stage, text: str, field: str, words: str
) -> None:
    peer = await stage.peer()
    await peer.text(text)
    said = await peer.hear()
    assert (said["type"], said["code"], said["field"]) == ("error", "invalid", field)
    assert words.lower() in said["detail"].lower()
    assert await peer.ask("ping") == {"type": "pong"}


async def test_a_binary_message_is_1003(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.socket.send(BytesMessage(data=b'{"type": "ping"}'))
    assert (await peer.hear())[0] == 1003


async def test_frames_are_counted(stage: Stage, autojump_clock: MockClock) -> None:
    peer = await stage.peer()
    for _ in range(39):
        assert await peer.ask("ping") == {"type": "pong"}
    # 20 more in each second after the first 40.
    await trio.sleep(1)
    for _ in range(20):
        assert await peer.ask("ping") == {"type": "pong"}
    assert (await peer.ask("ping"))[0] == 4429


async def test_subscriptions_of_one_connection_are_counted(stage: Stage) -> None:
    peer = await stage.peer("devices:read", "events:subscribe")
    names = [f"alarm:x{number}" for number in range(MOST_PATTERNS)]
    assert len((await peer.ask("subscribe", patterns=names))["patterns"]) == MOST_PATTERNS
    (rejected,) = (await peer.ask("subscribe", channels=["alarms"]))["rejected"]
    assert rejected["code"] == "too_many"
    assert (await peer.ask("subscribe", patterns=names[:1]))["rejected"] == []


async def test_values_of_all_filters_of_one_connection_are_counted(stage: Stage) -> None:
    peer = await stage.peer("devices:read", "events:subscribe")
    names = [f"alarm:x{number}" for number in range(MOST_PATTERNS)]
    values = {"tag": [f"t{number}" for number in range(64)]}
    answer = await peer.ask("subscribe", patterns=names, filter=values)
    assert len(answer["patterns"]) == 2000 // 64
    assert {rejected["code"] for rejected in answer["rejected"]} == {"too_many"}
    assert (await peer.ask("subscribe", patterns=names[:1], filter=values))["rejected"] == []
    assert (await peer.ask("subscribe", patterns=names[-1:]))["rejected"] == []


async def test_announcers_learn_what_nobody_wants(stage: Stage) -> None:
    assert not stage.live.wants("tag:changed")
    peer = await stage.peer()
    await peer.ask("subscribe", channels=["tag:changes"], filter={"tag": ["a"]})
    assert stage.live.wants("tag:changed")
    assert not stage.live.wants("alarm:raised")
    await trio.aclose_forcefully(peer.socket.stream)
    await wait_all_tasks_blocked()
    assert not stage.live.wants("tag:changed")
    assert stage.live.figures.open == 0


async def test_text_that_is_half_a_letter_still_reaches_listeners(stage: Stage) -> None:
    peer = await stage.peer()
    await peer.ask("subscribe", channels=["alarms"])
    stage.announce(data={"message": "\ud800 ä"})
    assert (await peer.hear())["data"] == {"message": "\ud800 ä"}
