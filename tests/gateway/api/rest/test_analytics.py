"""Analytics have the members of the reference, and tell what was measured to whom it behoves."""

from __future__ import annotations

from typing import Any

import httpx

from gateway.core.instances import KeptInstance, Owner, OwnerType
from gateway.plugins.host.states import State
from gateway.plugins.instances.order import Shown
from tests.gateway.api.accounts import Accounts
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import NOON
from tests.gateway.plugins.making import MANIFEST

PLUGIN = "custom-integration-plugin"
RELEASE = {name: MANIFEST[name] for name in ("name", "version", "description", "category", "license")}


def installed(number: int, version: str = "1.0.0", status: State = State.ACTIVE) -> Shown:
    kept = KeptInstance(
        id=f"instance-{number}",
        plugin=PLUGIN,
        version=version,
        owner=Owner(OwnerType.USER, "ann"),
        installed_by="user:ann",
        permissions=(),
        config={},
        created=NOON,
        updated=NOON,
    )
    return Shown(kept=kept, status=status, report=None, trouble=None)


async def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def publish(api: httpx.AsyncClient) -> None:
    body = {"data": {"type": "plugin", "attributes": RELEASE}}
    assert (await api.post("/v1/plugins", json=body)).status_code == 201


async def test_the_ecosystem_has_the_members_of_the_reference(api: httpx.AsyncClient, accounts: Accounts) -> None:
    await publish(api)
    accounts.instances = [installed(1), installed(2, status=State.ERROR)]
    accounts.sent = 3
    answer = await api.get("/v1/analytics/ecosystem?filter%5Bperiod%5D=7d")
    found = await data(answer)
    assert (found["total_plugins"], found["active_instances"], found["total_instances"]) == (1, 1, 2)
    assert found["total_downloads"] == 0
    assert found["active_users"] == 0, "an operator is neither a user nor a client"
    assert found["message_volume"] == {"daily": 3, "weekly": 3, "monthly": 3}
    assert found["geographic_distribution"] == {"Europe": 100}
    measured = found["performance_metrics"]
    assert measured["avg_response_time"] >= 0
    assert measured["error_rate"] == 0
    assert answer.json()["meta"]["period"] == "7d"
    assert answer.json()["meta"]["generated_at"].startswith("20")


async def test_calls_of_both_apis_count(api: httpx.AsyncClient, accounts: Accounts) -> None:
    for _ in range(3):
        await api.get("/api/v1/health")
    await api.get("/v1/plugins")
    hours = await accounts.ledger.hours(0)
    assert sum(hour.calls for hour in hours.values()) == 4
    assert set(await accounts.ledger.callers(0)) == {"operator"}


async def test_a_period_there_is_none_of_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/analytics/ecosystem?filter%5Bperiod%5D=2d")
    assert answer.status_code == 400
    assert "filter[period]" in answer.text


async def test_metrics_of_a_plugin_are_those_of_its_instances(api: httpx.AsyncClient, accounts: Accounts) -> None:
    assert (await api.get(f"/v1/plugins/{PLUGIN}/metrics")).status_code == 404
    await publish(api)
    empty = await data(await api.get(f"/v1/plugins/{PLUGIN}/metrics"))
    assert empty == {
        "instance_count": 0,
        "total_invocations": 0,
        "avg_response_time": None,
        "error_rate": None,
        "resource_usage": {"avg_memory_mb": None, "avg_cpu_percent": None, "peak_memory_mb": None},
        "uptime_percentage": None,
        "version_distribution": {},
        "active_instances": 0,
    }
    accounts.instances = [installed(1), installed(2), installed(3, "2.0.0", State.INACTIVE)]
    some = await data(await api.get(f"/v1/plugins/{PLUGIN}/metrics"))
    assert some["instance_count"] == sum(some["version_distribution"].values()) == 3
    assert some["version_distribution"] == {"1.0.0": 2, "2.0.0": 1}
    assert some["active_instances"] == 2
    whole = await data(await api.get(f"/v1/analytics/plugins/{PLUGIN}"))
    assert (whole["instance_count"], whole["downloads"], whole["rating"]) == (3, 0, None)


async def test_one_sees_what_one_does_oneself_and_an_administrator_everybody(
    gateway: Rig, api: httpx.AsyncClient, accounts: Accounts
) -> None:
    accounts.instances = [installed(1)]
    accounts.ledger.call("user:ann", 0.1, fault=False)
    accounts.ledger.call("user:ann", 0.1, fault=True)
    ann = await data(await api.get("/v1/analytics/users/ann"))
    assert (ann["subject"], ann["calls"], ann["errors"], ann["instances"]) == ("user:ann", 2, 1, 1)
    assert ann["last_seen"] is not None
    assert [day["calls"] for day in ann["series"]] == [2]
    bob = await data(await api.get("/v1/analytics/users/user:bob"))
    assert (bob["calls"], bob["last_seen"], bob["series"]) == (0, None, [])
    assert (await api.get("/v1/analytics/users/nobody")).status_code == 404
    stranger = {**gateway.bearer("analytics:read")}
    for asked in ("ann", "user:bob", "nobody"):
        assert (await api.get(f"/v1/analytics/users/{asked}", headers=stranger)).status_code == 404
