"""Messages, events and alarms over JSON-RPC, for agents and for people."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.api.agent import Agent
from tests.gateway.api.rig import Rig, call, result

HELLO = {"toAgent": "Agent-2", "content": "Task completed successfully", "correlationId": "job-1", "ttl": 60}


@pytest.fixture
async def agent(rig: Rig) -> Agent:
    agent = Agent(rig)
    await agent.register()
    return agent


async def test_an_agent_writes_reads_and_acknowledges(rig: Rig, agent: Agent) -> None:
    sent = (await agent.call("agent.message", **HELLO))["result"]
    assert sent == {"sent": True, "messageId": "msg-1", "sequence": 1, "expiresAt": "2027-01-15T08:01:00.000Z"}
    assert rig.services.messages.kept["msg-1"].from_agent == agent.agent_id
    [message] = (await agent.call("agent.messages", after=0))["result"]["messages"]
    assert (message["toAgent"], message["correlationId"], message["acknowledgedAt"]) == ("Agent-2", "job-1", None)
    arrived = (await agent.call("agent.acknowledge", messageId="msg-1"))["result"]
    assert arrived["acknowledgedAt"] == "2027-01-15T08:01:00.000Z"
    assert (await agent.call("agent.messages"))["result"] == {"messages": [], "after": 0}
    assert len((await agent.call("agent.messages", waiting=False))["result"]["messages"]) == 1


async def test_what_services_say_of_members_is_said_in_the_words_of_this_api(agent: Agent) -> None:
    error = (await agent.call("agent.message", **HELLO | {"toAgent": "Agent-9"}))["error"]
    assert (error["code"], error["data"]["field"]) == (-32005, "toAgent")
    error = (await agent.call("agent.acknowledge", messageId="msg-9"))["error"]
    assert "there is no message msg-9" in error["data"]["reason"]


async def test_events_are_listed_as_far_as_the_caller_may_see_them(rig: Rig, client: httpx.AsyncClient) -> None:
    rig.services.log.add("user:action", {"n": 1}, "a.b")
    rig.services.log.add("governor:action", {})
    client.headers.update(rig.bearer("events:subscribe"))
    found = await result(client, "event.list", {"type": "*"})
    [event] = found.pop("events")
    assert found == {"after": 2, "more": False, "complete": True}
    assert (event["seq"], event["routingKey"], event["timestamp"]) == (1, "a.b", "2027-01-15T08:00:01.000Z")
    assert (await call(client, "event.list", {"type": "a::b"}))["error"]["data"]["field"] == "type"


async def test_an_alarm_is_listed_and_acknowledged_in_the_callers_name(rig: Rig, client: httpx.AsyncClient) -> None:
    [row] = (await result(client, "alarm.list", {"state": "standing"}))["alarms"]
    seen = await result(client, "alarm.ack", {"alarmId": row["alarmId"], "comment": "on my way"})
    assert (seen["state"], seen["acknowledgedBy"], seen["comment"]) == ("acknowledged", "operator", "on my way")
    assert (await result(client, "alarm.list", {"state": "raised"}))["total"] == 0
    [noted] = rig.audit.of("alarm.ack")
    assert (noted.target, noted.details["alarm"]) == ("alarm-1", "hot")
    error = (await call(client, "alarm.ack", {"alarmId": "alarm-9"}))["error"]
    assert error["data"]["field"] == "alarmId"


async def test_an_operator_acknowledges_by_name_where_the_token_has_one(rig: Rig, client: httpx.AsyncClient) -> None:
    client.headers["Authorization"] = f"Bearer {rig.tokens.issue({'*'}, name='anna')}"
    seen = await result(client, "alarm.ack", {"alarmId": "alarm-1"})
    assert seen["acknowledgedBy"] == "operator:anna"
    [noted] = rig.audit.of("alarm.ack")
    assert (noted.subject, noted.target) == ("operator:anna", "alarm-1")
