"""Instances over /v1: documents of JSON:API 1.1, relationships that are taken, secrets that are covered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.plugins.instances.scene import ID, KEY, SCHEMA, publish

ALL = "/v1/instances"
COVER = "********"
CONFIG = {"api_key": KEY, "dashboard_enabled": True, "retention_days": 90}
REFERENCE = {
    **SCHEMA,
    "properties": {**SCHEMA["properties"], "dashboard_enabled": {"type": "boolean", "default": False}},
}
ASKED = ["read-analytics", "write-reports", "use-storage"]


@pytest.fixture
async def rig(gateway: Rig, plugins: Plugins) -> Rig:
    """With a plugin that can be installed."""
    await publish(plugins, config_schema=REFERENCE, permissions=ASKED)
    return gateway


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with rig.in_memory() as client:
        client.headers.update(rig.bearer("*"))
        yield client


def document(owner: object = None, plugin: str = ID, **attributes: Any) -> dict[str, Any]:
    """As the reference has it (IN-01 to IN-10)."""
    relationships: dict[str, Any] = {"plugin": {"data": {"type": "plugin", "id": plugin}}}
    if owner is not None:
        relationships["owner"] = {"data": owner}
    attributes = {"config": CONFIG, "permissions": ASKED[:2], **attributes}
    return {"data": {"type": "plugin-instance", "relationships": relationships, "attributes": attributes}}


async def install(api: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    response = await api.post(ALL, json=document(**members))
    assert response.status_code == 201, response.text
    data: dict[str, Any] = response.json()["data"]
    return data


async def test_the_reference_installs_an_instance(rig: Rig, api: httpx.AsyncClient) -> None:
    response = await api.post(ALL, json=document({"type": "organization", "id": "acme-corp"}))
    assert response.status_code == 201, response.text
    data = response.json()["data"]
    place = f"{ALL}/{data['id']}"
    assert response.headers["location"] == place
    assert data["type"] == "plugin-instance"
    assert data["relationships"] == {
        "plugin": {"data": {"type": "plugin", "id": ID}},
        "owner": {"data": {"type": "organization", "id": "acme-corp"}},
    }
    attributes = data["attributes"]
    assert attributes["config"] == {**CONFIG, "api_key": COVER}
    assert attributes["permissions"] == ASKED[:2]
    assert (attributes["status"], attributes["version"], attributes["health_status"]) == ("inactive", "1.0.0", None)
    assert (attributes["installed_by"], attributes["error"]) == ("operator", None)
    assert data["links"]["self"] == place
    assert (await api.get(place)).json()["data"] == data
    [noted] = rig.audit.of("instance.install")
    assert noted.target == data["id"]
    assert noted.details == {"plugin": ID, "owner": "organization:acme-corp", "permissions": ASKED[:2]}


async def test_it_is_started_looked_at_and_stopped(api: httpx.AsyncClient) -> None:
    place = f"{ALL}/{(await install(api))['id']}"
    nothing = (await api.get(f"{place}/status")).json()["data"]["attributes"]
    assert (nothing["restarts"], nothing["uptime_percentage"], nothing["health"]["status"]) == (0, None, None)
    assert set(nothing["resource_usage"].values()) == {None}
    for _ in range(2):
        active = await api.post(f"{place}/activate")
        assert (active.status_code, active.json()["data"]["attributes"]["status"]) == (200, "active")
    found = (await api.get(f"{place}/status")).json()["data"]
    assert (found["type"], found["id"]) == ("instance-status", place.rpartition("/")[2])
    assert found["attributes"]["health"]["status"] == "healthy"
    assert found["attributes"]["messages"] == {
        "invocations": 0,
        "errors": 0,
        "average_response_time": None,
        "p95_response_time": None,
    }
    assert found["attributes"]["degraded"] == [
        {
            "protection": "cpu",
            "detail": "processor time is measured and given way, not bounded: run the gateway under systemd",
        }
    ]
    for _ in range(2):
        stopped = await api.post(f"{place}/deactivate")
        assert (stopped.status_code, stopped.json()["data"]["attributes"]["status"]) == (200, "inactive")
    assert (await api.delete(place)).status_code == 204
    assert (await api.get(place)).status_code == 404


async def test_a_log_is_read_line_by_line(installed: Installed, api: httpx.AsyncClient) -> None:
    id_ = (await install(api))["id"]
    notes = installed.host.get(id_).notes
    for number in range(5):
        notes.add("stderr", f"line {number}")
    first = (await api.get(f"{ALL}/{id_}/logs?page[size]=2")).json()
    assert [line["attributes"]["text"] for line in first["data"]] == ["line 3", "line 4"]
    assert (first["data"][0]["type"], first["data"][0]["attributes"]["source"]) == ("log-line", "stderr")
    notes.add("log", "later", "warning")
    more = (await api.get(first["links"]["next"])).json()
    assert [(line["id"], line["attributes"]["level"]) for line in more["data"]] == [("6", "warning")]


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"attributes": {"config": {}}}, 422, "/data/attributes/config/api_key"),
        ({"attributes": {"config": {**CONFIG, "a/b~c.d": 1}}}, 422, "/data/attributes/config/a~1b~0c.d"),
        ({"attributes": {"config": {**CONFIG, "retention_days": "x"}}}, 422, "/data/attributes/config/retention_days"),
        ({"attributes": {"config": CONFIG, "permissions": ["read-tags"]}}, 422, "/data/attributes/permissions/0"),
        ({"attributes": {"config": CONFIG, "version": "9.9.9"}}, 422, "/data/attributes/version"),
        ({"attributes": {"config": CONFIG, "status": "active"}}, 422, "/data/attributes/status"),
        ({"relationships": {}}, 422, "/data/relationships/plugin"),
        ({"relationships": 7}, 422, "/data/relationships"),
        (
            {"relationships": {"plugin": {"data": {"type": "user", "id": "x"}}}},
            422,
            "/data/relationships/plugin/data/type",
        ),
        ({"relationships": {"plugin": {"data": {"type": "plugin", "id": "none"}}}}, 404, "/data/relationships/plugin"),
        (
            {"relationships": {**document()["data"]["relationships"], "reader": {}}},
            422,
            "/data/relationships/reader",
        ),
        ({"type": "plugin"}, 409, "/data/type"),
        ({"id": "instance-1"}, 403, "/data/id"),
        ({"included": []}, 422, "/data/included"),
    ],
)
async def test_what_is_wrong_is_told_by_its_place(
    change: dict[str, Any], status: int, pointer: str, api: httpx.AsyncClient
) -> None:
    response = await api.post(ALL, json={"data": {**document()["data"], **change}})
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["source"] == {"pointer": pointer}
    assert KEY not in response.text
    assert (await api.get(ALL)).json()["meta"]["total"] == 0


async def test_it_is_configured_whole_or_in_part(installed: Installed, rig: Rig, api: httpx.AsyncClient) -> None:
    made = await install(api)
    place = f"{ALL}/{made['id']}"
    tag = (await api.get(place)).headers["etag"]

    def body(**config: Any) -> dict[str, Any]:
        return {"data": {"type": "plugin-instance", "id": made["id"], "attributes": {"config": config}}}

    whole = await api.put(f"{place}/config", json=body(api_key=COVER, retention_days=30), headers={"If-Match": tag})
    assert whole.json()["data"]["attributes"]["config"] == {
        "api_key": COVER,
        "retention_days": 30,
        "dashboard_enabled": False,
    }
    assert whole.headers["etag"] != tag
    late = await api.put(f"{place}/config", json=body(api_key=COVER), headers={"If-Match": tag})
    assert late.status_code == 412
    part = await api.patch(f"{place}/config", json=body(retention_days=None))
    assert part.json()["data"]["attributes"]["config"]["retention_days"] == 90, "its default"
    secret = await api.patch(f"{place}/config", json=body(api_key="sk-another"))
    assert secret.headers["etag"] != part.headers["etag"], "another secret is another state"
    assert installed.host.get(made["id"]).spec.config["api_key"] == "sk-another"
    changed = await api.patch(
        place, json={"data": {"type": "plugin-instance", "attributes": {"permissions": [], "region": "north"}}}
    )
    assert changed.json()["data"]["attributes"]["permissions"] == []
    assert changed.json()["data"]["attributes"]["region"] == "north"
    assert "sk-" not in json.dumps([noted.details for noted in rig.audit.entries])
    assert rig.audit.of("instance.configure")[0].details == {"changed": ["api_key", "retention_days"]}
    wrong = await api.put(f"{place}/config", json=body())
    assert wrong.json()["errors"][0]["source"] == {"pointer": "/data/attributes/config/api_key"}


async def test_lists_are_filtered_sorted_and_paged(plugins: Plugins, api: httpx.AsyncClient) -> None:
    other = await publish(plugins, name="Another", config_schema=None, permissions=[])
    one = (await install(api))["id"]
    two = (await install(api, plugin=other, config={}, permissions=[]))["id"]
    three = (await install(api, owner={"type": "organizations", "id": "acme-corp"}))["id"]
    await api.post(f"{ALL}/{two}/activate")

    async def ids(query: str) -> list[str]:
        response = await api.get(f"{ALL}?{query}")
        assert response.status_code == 200, response.text
        return [row["id"] for row in response.json()["data"]]

    assert sorted(await ids("")) == sorted([one, two, three])
    assert sorted(await ids(f"filter[plugin]={ID}")) == sorted([one, three])
    assert await ids("filter[status]=active") == [two]
    assert await ids("filter[owner]=acme-corp") == [three]
    assert (await ids("sort=plugin&page[size]=1")) == [two]
    paged = (await api.get(f"{ALL}?page[size]=2")).json()
    assert (paged["meta"], "next" in paged["links"]) == ({"total": 3, "page": 1, "per_page": 2}, True)
    for query in ("sort=config", "filter[status]=asleep", "filter[config]=x"):
        assert (await api.get(f"{ALL}?{query}")).status_code == 400


async def test_a_plugin_stays_while_there_are_instances(plugins: Plugins, api: httpx.AsyncClient) -> None:
    made = await install(api)
    place = f"{ALL}/{made['id']}"
    await api.post(f"{place}/activate")
    refused = await api.delete(f"/v1/plugins/{ID}")
    assert (refused.status_code, "uninstall" in refused.text) == (409, True)
    assert (await api.post(f"/v1/plugins/{ID}/suspend")).json()["data"]["attributes"]["status"] == "suspended"
    assert (await api.get(place)).json()["data"]["attributes"]["status"] == "suspended"
    for path, body in ((ALL, document()), (f"{place}/activate", None)):
        response = await api.post(path, json=body)
        assert (response.status_code, "suspended" in response.text) == (409, True)
    assert (await api.post(f"/v1/plugins/{ID}/resume")).status_code == 200
    assert (await api.get(f"/v1/plugins/{ID}")).json()["data"]["attributes"]["downloads"] == 1
    assert (await api.post(f"{place}/suspend")).json()["data"]["attributes"]["status"] == "suspended"
    assert (await api.post(f"{place}/resume")).status_code == 200
    assert (await api.delete(place)).status_code == 204
    assert (await api.delete(f"/v1/plugins/{ID}")).status_code == 204
    plugins.settings = replace(plugins.settings, max_instances=0)
    await publish(plugins, name="Another")
    full = await api.post(ALL, json=document(plugin="another", config={"api_key": KEY}, permissions=[]))
    assert (full.status_code, "max_instances" in full.text) == (409, True)
