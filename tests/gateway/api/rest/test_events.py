"""Events over /v1: published, read back by who may see them, and listed by type."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.core.catalogue import CATALOGUE
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

# S1, "Event-Driven Communication": the body of the reference.
ACTION: dict[str, Any] = {
    "event_type": "user:action",
    "payload": {"user_id": "user-123", "action": "button_click"},
    "routing_key": "analytics.user_actions",
    "persistent": True,
}


async def test_a_published_event_is_taken_and_can_be_read(services: Services, api: httpx.AsyncClient) -> None:
    response = await api.post("/v1/events", json={"data": ACTION})
    assert response.status_code == 202
    assert response.json()["data"] == {"event_id": "event-1", "status": "accepted", "seq": 1}
    [event] = (await api.get("/v1/events")).json()["data"]
    assert event == {
        "type": "user:action",
        "timestamp": "2027-01-15T08:00:01Z",
        "data": ACTION["payload"],
        "id": "event-1",
        "seq": 1,
        "gateway": "rig",
        "clock": "synchronised",
        "routing_key": "analytics.user_actions",
    }
    assert (await api.post("/v1/events", json={"data": ACTION | {"persistent": False}})).status_code == 202
    assert services.log.accepted[-1] == ("user:action", False, "analytics.user_actions")
    assert {subject for subject, _ in services.log.publishers} == {"operator"}


async def test_who_publishes_more_than_its_share_is_told_when_to_come_back(
    services: Services, api: httpx.AsyncClient
) -> None:
    services.log.share = 90
    response = await api.post("/v1/events", json={"data": ACTION})
    assert (response.status_code, response.json()["detail"]) == (429, "the share is used up.")
    assert response.headers["retry-after"] == response.headers["x-ratelimit-retry-after"] == "90"
    assert services.log.events == []


async def test_the_audit_log_has_no_row_for_each_event(gateway: Rig, api: httpx.AsyncClient) -> None:
    for _ in range(5):
        assert (await api.post("/v1/events", json={"data": ACTION})).status_code == 202
    assert gateway.audit.entries == []


@pytest.mark.parametrize("type_", ["plugin:installed", "system:x", "tag:changed", "alarm:raised", "webhook:test"])
async def test_what_only_the_gateway_says_nobody_else_does(api: httpx.AsyncClient, type_: str) -> None:
    response = await api.post("/v1/events", json={"data": ACTION | {"event_type": type_}})
    assert (response.status_code, response.json()["errors"][0]["source"]) == (403, {"pointer": "/data/event_type"})


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"event_type": "user:*"}, "/data/event_type"),
        ({"event_type": "user:"}, "/data/event_type"),
        ({"event_type": "a" * 129}, "/data/event_type"),
        ({"payload": []}, "/data/payload"),
        ({"payload": {"text": "x" * 50_000}}, "/data/payload"),
        ({"payload": {"rows": [{"a": 1.5}] * 1000}}, "/data/payload"),
        ({"routing_key": ""}, "/data/routing_key"),
        ({"type": "user:action"}, "/data/type"),
    ],
)
async def test_what_is_no_event_is_refused(
    services: Services, api: httpx.AsyncClient, members: dict[str, Any], pointer: str
) -> None:
    response = await api.post("/v1/events", json={"data": ACTION | members})
    assert (response.status_code, response.json()["errors"][0]["source"]) == (422, {"pointer": pointer})
    assert services.log.events == []


async def test_what_the_disk_does_not_take_is_not_acknowledged(services: Services, api: httpx.AsyncClient) -> None:
    services.log.trouble = "the disk is full"
    response = await api.post("/v1/events", json={"data": ACTION})
    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    response = await api.get("/v1/events")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert "the disk is full" in response.json()["detail"]


async def test_an_event_is_shown_to_who_holds_the_scope_of_its_type(
    gateway: Rig, services: Services, api: httpx.AsyncClient
) -> None:
    services.log.add("user:action", {})
    services.log.add("device:down", {"device": "plant/boiler"})
    services.log.add("message:received", {"from_agent": "Agent-1", "to_agent": "operator"})
    services.log.add("message:received", {"from_agent": "Agent-1", "to_agent": "Agent-2"})

    async def seen(*scopes: str) -> list[int]:
        response = await api.get("/v1/events", headers=gateway.bearer("events:subscribe", *scopes))
        assert response.json()["meta"] == {"after": 4, "more": False, "complete": True}
        return [event["seq"] for event in response.json()["data"]]

    assert await seen() == [1]
    assert await seen("devices:read") == [1, 2]
    assert await seen("messaging:read") == [1, 3]
    assert await seen("*") == [1, 2, 3, 4]


async def test_who_reads_on_gets_every_event_once(services: Services, api: httpx.AsyncClient) -> None:
    for number in range(450):
        services.log.add("user:action" if number % 3 else "other:thing", {"number": number})
    seen = list[int]()
    document: dict[str, Any] = {"links": {"next": "/v1/events?limit=100&type=user:*"}}
    while url := document["links"].get("next"):
        document = (await api.get(url)).json()
        seen += [event["data"]["number"] for event in document["data"]]
    assert seen == [number for number in range(450) if number % 3]
    later = services.log.add("user:action", {"number": 450})
    after = document["meta"]["after"]
    assert [row["seq"] for row in (await api.get(f"/v1/events?after={after}")).json()["data"]] == [later.sequence]


async def test_one_question_looks_at_so_many_events_and_says_where_to_go_on(
    services: Services, api: httpx.AsyncClient
) -> None:
    for _ in range(2500):
        services.log.add("user:action", {})
    document = (await api.get("/v1/events?type=nobody:said")).json()
    assert (document["data"], document["meta"]) == ([], {"after": 2000, "more": True, "complete": True})
    document = (await api.get(document["links"]["next"])).json()
    assert document["meta"] == {"after": 2500, "more": False, "complete": True}


async def test_large_events_come_in_answers_of_fewer(services: Services, api: httpx.AsyncClient) -> None:
    # A log gives few at once where they are large.
    services.log.page = 5
    for _ in range(120):
        services.log.add("user:action", {})
    document = (await api.get("/v1/events?limit=100")).json()
    assert len(document["data"]) == 50
    assert document["meta"] == {"after": 50, "more": True, "complete": True}
    document = (await api.get(document["links"]["next"])).json()
    assert [event["seq"] for event in document["data"]] == [*range(51, 101)]


async def test_a_gap_is_told(services: Services, api: httpx.AsyncClient) -> None:
    services.log.add("user:action", {})
    services.log.first = 100
    assert (await api.get("/v1/events?after=98")).json()["meta"]["complete"] is False
    assert (await api.get("/v1/events?after=99")).json()["meta"]["complete"] is True


async def test_a_pattern_that_is_none_is_told_as_a_parameter(api: httpx.AsyncClient) -> None:
    response = await api.get("/v1/events?type=user::action")
    assert (response.status_code, response.json()["errors"][0]["source"]) == (400, {"parameter": "type"})


async def test_every_type_is_listed_with_the_schema_of_its_data(api: httpx.AsyncClient) -> None:
    document = (await api.get("/v1/event-types")).json()
    rows = {row["type"]: row for row in document["data"]}
    assert set(rows) == set(CATALOGUE)
    assert rows["alarm:raised"]["scope"] == "devices:read"
    assert rows["device:down"]["key"] == ["line", "device"]
    assert rows["governor:action"]["key"] == []
    assert "alarm_id" in str(rows["alarm:raised"]["schema"])
    assert document["meta"]["total"] == len(CATALOGUE)
