"""Messages and alarms over /v1."""

from __future__ import annotations

import httpx
import pytest

from gateway.core.audit import AuditOutcome
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

MESSAGE = {"to_agent": "Agent-2", "content": "Task completed successfully", "category": "coordination"}


async def test_a_message_is_kept_read_and_acknowledged(services: Services, api: httpx.AsyncClient) -> None:
    sent = await api.post("/v1/messages", json={"data": MESSAGE | {"priority": "regular"}})
    assert sent.status_code == 201
    row = sent.json()["data"]
    assert (row["from_agent"], row["to_agent"], row["priority"]) == ("operator", "Agent-2", "normal")
    assert (row["created_at"], row["acknowledged_at"]) == ("2027-01-15T08:00:00Z", None)
    document = (await api.get("/v1/messages?to_agent=Agent-2")).json()
    assert (document["data"], document["meta"]) == ([row], {"after": 1})
    arrived = (await api.post(f"/v1/messages/{row['message_id']}/acknowledge")).json()["data"]
    assert arrived["acknowledged_at"] == "2027-01-15T08:01:00Z"
    assert (await api.get("/v1/messages")).json()["data"] == []
    assert (await api.get("/v1/messages?waiting=false")).json()["data"] == [arrived]


async def test_messages_are_read_on_from_the_last_one(api: httpx.AsyncClient) -> None:
    for _ in range(5):
        await api.post("/v1/messages", json={"data": MESSAGE})
    seen, url = list[int](), "/v1/messages?limit=2"
    while url:
        document = (await api.get(url)).json()
        seen += [row["seq"] for row in document["data"]]
        url = document["links"].get("next")
    assert seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"to_agent": "Agent-9"}, "/data/to_agent"),
        ({"content": ""}, "/data/content"),
        ({"content": "x" * 32_769}, "/data/content"),
        ({"priority": "soon"}, "/data/priority"),
        ({"ttl": 0}, "/data/ttl"),
    ],
)
async def test_what_is_no_message_is_refused(api: httpx.AsyncClient, members: dict[str, object], pointer: str) -> None:
    response = await api.post("/v1/messages", json={"data": MESSAGE | members})
    assert (response.status_code, response.json()["errors"][0]["source"]) == (422, {"pointer": pointer})


async def test_alarms_are_listed_by_state_and_severity(api: httpx.AsyncClient) -> None:
    async def listed(query: str) -> list[str]:
        return [row["alarm"] for row in (await api.get(f"/v1/alarms{query}")).json()["data"]]

    assert await listed("") == ["hot", "cold"]
    assert await listed("?state=standing") == ["hot"]
    assert await listed("?state=normal") == ["cold"]
    assert await listed("?severity=info") == ["cold"]
    assert await listed("?alarm=cold") == ["cold"]
    assert (await api.get("/v1/alarms?state=open")).status_code == 400


async def test_an_alarm_is_acknowledged_in_the_callers_name(gateway: Rig, api: httpx.AsyncClient) -> None:
    response = await api.post("/v1/alarms/alarm-1/acknowledge", json={"data": {"comment": "on my way"}})
    row = response.json()["data"]
    assert (row["state"], row["acknowledged_by"], row["comment"]) == ("acknowledged", "operator", "on my way")
    assert (row["raised_at"], row["acknowledged_at"]) == ("2027-01-15T08:00:00Z", "2027-01-15T08:00:05Z")
    [noted] = gateway.audit.of("alarm.ack")
    assert (noted.outcome, noted.target, noted.details) == (AuditOutcome.DONE, "alarm-1", {"comment": "on my way"})
    assert (await api.post("/v1/alarms/alarm-1/acknowledge")).status_code == 200


async def test_an_operator_acknowledges_by_name_where_the_token_has_one(gateway: Rig, api: httpx.AsyncClient) -> None:
    api.headers["Authorization"] = f"Bearer {gateway.tokens.issue({'*'}, name='anna')}"
    row = (await api.post("/v1/alarms/alarm-1/acknowledge")).json()["data"]
    assert row["acknowledged_by"] == "operator:anna"
