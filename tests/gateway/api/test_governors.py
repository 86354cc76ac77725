"""Governors, their analyses and what they did, and alerts, as callers see them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio
from trio.testing import MockClock

from gateway.agents.grant import Grant
from gateway.api.seed_paths import method_of
from gateway.api.test_profile.profile import TestProfile
from gateway.core.alerts import Severity
from gateway.governor.actions import Proposal
from gateway.governor.level import LevelName
from tests.gateway.agents.board import sound
from tests.gateway.api.rig import Rig, call, error, result, rpc_body

ANALYSES = "/api/v1/governor/analyses"


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    app = TestProfile(rig.app, method_of)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="https://rig", headers=rig.bearer("*")
    ) as client:
        yield client


async def test_before_the_first_look_nothing_is_claimed(api: httpx.AsyncClient) -> None:
    status = await result(api, "governor.status")
    assert set(status["governors"]) == {"operational", "coordination", "management", "intelligence", "meta"}
    assert not any(level["active"] for level in status["governors"].values())
    assert status["overall"] == {"health": None, "status": "unknown"}


async def test_running_they_say_how_they_are(
    rig: Rig, api: httpx.AsyncClient, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    rig.steering.line()
    rig.steering.device()
    nursery.start_soon(rig.governing.parts.governors.run)
    await trio.sleep(30)
    status = (await api.get("/api/v1/governor/status")).json()["result"]
    assert all(level["active"] for level in status["governors"].values())
    assert status["governors"]["operational"]["health"] == 100
    assert status["overall"]["status"] == "optimal"


async def test_an_analysis_is_begun_fetched_and_listed(
    rig: Rig, api: httpx.AsyncClient, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(rig.governing.parts.analyses.run)
    body = rpc_body("governor.analyze", {"scope": "network", "priority": "high"})
    begun = await api.post("/api/v1/governor/analyze", json=body)
    assert begun.status_code == 202
    assert begun.headers["location"] == f"{ANALYSES}/analysis-001"
    assert begun.json()["result"] == {
        "analysisId": "analysis-001",
        "started": True,
        "estimatedDuration": 10,
        "status": "running",
    }
    again = await result(api, "governor.analyze", {"scope": "network"})
    assert again["analysisId"] == "analysis-001"
    other = await result(api, "governor.analyze", {"scope": "agents"})
    assert other["status"] == "queued"
    await trio.sleep(60)
    found = (await api.get(begun.headers["location"])).json()["result"]
    assert (found["status"], found["progress"], found["priority"]) == ("completed", 1.0, "high")
    listed = (await api.get(f"{ANALYSES}?limit=1")).json()["result"]
    assert listed["total"] == 2
    assert [one["analysisId"] for one in listed["analyses"]] == ["analysis-002"]
    assert "governor:analysis_completed" in [event for event, _ in rig.told]


async def test_what_cannot_be_analysed_says_why(api: httpx.AsyncClient) -> None:
    assert (await error(api, "governor.analyze", {"scope": "moon"}))["data"]["field"] == "scope"
    assert (await error(api, "governor.analyze", {"scope": "all", "priority": "now"}))["data"]["field"] == "priority"
    response = await api.get(f"{ANALYSES}/analysis-999")
    assert (response.status_code, response.json()["error"]["code"]) == (404, -32010)
    assert response.json()["error"]["data"]["field"] == "analysisId"
    refused = await api.post("/api/v1/governor/analyze", json=rpc_body("governor.analyze", {"scope": "moon"}))
    assert refused.status_code == 400
    assert "location" not in refused.headers


async def test_what_governors_did_is_listed_the_latest_first(rig: Rig, api: httpx.AsyncClient) -> None:
    door = rig.governing.parts.governors.door
    for target in ("a", "b"):
        door.propose(
            Proposal(LevelName.OPERATIONAL, "stretch", target, "too busy", lambda: True, lambda: True, 2.0), 0.0
        )
    door.hold(LevelName.MANAGEMENT, "a", trio.current_time() + 60)
    found = await result(api, "governor.actions")
    assert [(action["target"], action["verdict"], action["standing"]) for action in found["actions"]] == [
        ("b", "done", True),
        ("a", "done", True),
    ]
    assert found["total"] == 2
    assert [(hold["level"], hold["target"]) for hold in found["holds"]] == [("management", "a")]
    assert [
        action["number"] for action in (await result(api, "governor.actions", {"limit": 1, "offset": 1}))["actions"]
    ] == [1]


async def test_alerts_are_listed_those_that_stand_first(rig: Rig, api: httpx.AsyncClient) -> None:
    for metric in ("silent", "full"):
        rig.alerts.fire("line:bus", metric, Severity.WARNING, f"{metric}!", value={"seconds": 40}, threshold=30)
    rig.alerts.resolve("line:bus", "silent")
    found = await result(api, "alert.list")
    assert [(alert["metric"], alert["state"]) for alert in found["alerts"]] == [
        ("full", "firing"),
        ("silent", "resolved"),
    ]
    assert (await result(api, "alert.list", {"state": "resolved"}))["total"] == 1
    assert (await result(api, "alert.list", {"state": "firing", "limit": 1}))["alerts"][0]["value"] == {"seconds": 40}
    assert (await call(api, "alert.list", {"state": "new"}))["error"]["code"] == -32602


async def test_agents_governors_and_alerts_are_on_the_metrics_page(
    rig: Rig, api: httpx.AsyncClient, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    rig.agents.directory.registry.register(sound(), Grant())
    rig.steering.line()
    nursery.start_soon(rig.governing.parts.governors.run)
    await trio.sleep(30)
    rig.alerts.fire("line:bus", "silent", Severity.WARNING, "nobody answers")
    page = (await api.get("/metrics")).text.splitlines()
    for line in (
        'ferrule_agents{state="registered"} 1',
        'ferrule_agents{state="healthy"} 1',
        'ferrule_governor_health{level="operational"} 100',
        'ferrule_governor_actions_in_force{level="operational"} 0',
        'ferrule_alerts{severity="warning"} 1',
        'ferrule_alerts{severity="critical"} 0',
    ):
        assert line in page


async def test_what_was_learned_is_kept_when_the_gateway_stops(rig: Rig, autojump_clock: MockClock) -> None:
    rig.steering.line()
    rig.steering.device(latency=0.02)
    with trio.move_on_after(30):
        await rig.governing.parts.governors.run()
    assert set(rig.facts.recall("baseline")) == {"latency:bus/meter"}
