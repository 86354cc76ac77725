"""The registry over /v1: documents of JSON:API 1.1, lists that can be asked for, and changes by whom they behove."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from gateway.core.audit import AuditOutcome
from gateway.core.principal import Kind, Principal
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.plugins.making import MANIFEST

JSON_API = "application/vnd.api+json"
RELEASE: dict[str, Any] = {
    name: MANIFEST[name] for name in ("name", "version", "description", "category", "license", "tags")
}
PLACE = "/v1/plugins/custom-integration-plugin"


def document(type_: str = "plugin", **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": type_, "attributes": attributes}}


async def published(api: httpx.AsyncClient, **members: Any) -> httpx.Response:
    response = await api.post("/v1/plugins", json=document(**RELEASE | members))
    assert response.status_code == 201, response.text
    return response


async def test_what_is_published_is_shown_as_a_resource(gateway: Rig, api: httpx.AsyncClient) -> None:
    made = await published(api, homepage="https://example.com/", config_schema={"type": "object"})
    assert made.headers["location"] == PLACE
    assert made.headers["content-type"] == JSON_API
    found = (await api.get(PLACE)).json()
    assert found == made.json()
    assert found["jsonapi"] == {"version": "1.1"}
    data = found["data"]
    assert (data["type"], data["id"]) == ("plugin", "custom-integration-plugin")
    assert data["links"] == {"self": PLACE, "download": f"{PLACE}/download", "docs": f"{PLACE}/docs"}
    assert data["relationships"] == {
        "publisher": {"data": {"type": "user", "id": "operator"}},
        "reviews": {"links": {"related": f"{PLACE}/reviews"}, "meta": {"total": 0}, "data": []},
    }
    attributes = data["attributes"]
    assert {name: attributes[name] for name in RELEASE} == RELEASE
    assert attributes["status"] == "inactive"
    assert (attributes["downloads"], attributes["rating"], attributes["author"]) == (0, None, "operator")
    assert attributes["config_schema"] == {"type": "object"}
    assert attributes["versions"][0]["archive"] is False
    assert attributes["created_at"].endswith("Z")
    [noted] = gateway.audit.of("plugin.publish")
    assert (noted.outcome, noted.target) == (AuditOutcome.DONE, "custom-integration-plugin")


async def test_an_id_is_made_of_the_name_and_never_used_again(api: httpx.AsyncClient) -> None:
    for name, id_ in {"Größen & Maße": "groessen-masse", "A" * 90: "a" * 64, "x  Y--z ": "x-y-z"}.items():
        assert (await published(api, name=name)).json()["data"]["id"] == id_
    for name in ("x y z", "X-Y-Z!"):
        again = await api.post("/v1/plugins", json=document(**RELEASE | {"name": name}))
        assert again.status_code == 409
        assert again.json()["errors"][0]["source"] == {"pointer": "/data/attributes/name"}
    assert (await api.delete("/v1/plugins/x-y-z")).status_code == 204
    assert (await api.get("/v1/plugins/x-y-z")).status_code == 404
    again = await api.post("/v1/plugins", json=document(**RELEASE | {"name": "x y z"}))
    assert (again.status_code, "not used again" in again.text) == (409, True)
    nameless = await api.post("/v1/plugins", json=document(**RELEASE | {"name": "日本"}))
    assert (nameless.status_code, "letter of A to Z" in nameless.text) == (422, True)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (document("webhook", **RELEASE), 409, "/data/type"),
        ({"data": {"attributes": RELEASE}}, 422, "/data/type"),
        ({"data": {"type": "plugin", "id": "mine", "attributes": RELEASE}}, 403, "/data/id"),
        ({"data": {"type": "plugin", "attributes": RELEASE, "relationships": {}}}, 422, "/data/relationships"),
        ({"data": [{"type": "plugin", "attributes": RELEASE}]}, 422, "/data"),
        ({"data": {"type": "plugin"}}, 422, "/data/attributes/name"),
        ({"data": {"type": "plugin", "attributes": []}}, 422, "/data/attributes"),
        ({"included": [], **document(**RELEASE)}, 422, "/included"),
        (document(**RELEASE, downloads=7), 422, "/data/attributes/downloads"),
        (document(**RELEASE | {"version": "1.0"}), 422, "/data/attributes/version"),
        (document(**RELEASE | {"category": "Big"}), 422, "/data/attributes/category"),
        (document(**RELEASE | {"tags": ["a", "B"]}), 422, "/data/attributes/tags/1"),
        (document(**RELEASE, homepage="file:///etc/passwd"), 422, "/data/attributes/homepage"),
        (document(**RELEASE, repository="https://"), 422, "/data/attributes/repository"),
        (document(**RELEASE | {"name": "a\x07b"}), 422, "/data/attributes/name"),
        (
            document(**RELEASE, config_schema={"type": "object", "properties": {"a/b": {"$ref": "http://x/"}}}),
            422,
            "/data/attributes/config_schema/properties/a~1b/$ref",
        ),
    ],
)
async def test_what_is_wrong_is_told_by_its_place(
    api: httpx.AsyncClient, body: dict[str, Any], status: int, pointer: str
) -> None:
    response = await api.post("/v1/plugins", json=body)
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["source"] == {"pointer": pointer}
    assert (await api.get("/v1/plugins")).json()["meta"]["total"] == 0


async def test_a_document_may_have_what_nobody_here_asks_for(api: httpx.AsyncClient) -> None:
    body = {
        "jsonapi": {"version": "1.1"},
        "meta": {},
        "data": {"type": "plugins", "lid": "1", "meta": {}, "links": {}, "@x": 1, "attributes": RELEASE},
    }
    assert (await api.post("/v1/plugins", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON_API),
        ("application/*", JSON_API),
        (JSON_API, JSON_API),
        (f"{JSON_API}; profile=x", JSON_API),
        (f"{JSON_API}; charset=utf-8, {JSON_API}", JSON_API),
        ("application/json", "application/json"),
        (f"application/json, {JSON_API}", JSON_API),
        ("application/vnd.agent-cellphone-v2.v1+json", JSON_API),
        ("text/html, application/json;q=0.5", "application/json"),
        (f"{JSON_API}; charset=utf-8", None),
        (f"{JSON_API}; charset=utf-8, */*", None),
        (f'{JSON_API}; ext="https://example.com/ext"', None),
        ("application/vnd.agent-cellphone-v2.v2+json", None),
        ("text/html", None),
    ],
)
async def test_media_types_are_negotiated_as_json_api_wants_it(
    api: httpx.AsyncClient, accept: str, expected: str | None
) -> None:
    response = await api.get("/v1/plugins", headers={"Accept": accept})
    assert response.headers["vary"] == "Accept"
    if expected is None:
        assert response.status_code == 406
        return
    assert (response.status_code, response.headers["content-type"]) == (200, expected)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON_API, 201),
        ("application/json", 201),
        (f'{JSON_API}; profile="https://example.com/p"', 201),
        (f"{JSON_API}; charset=utf-8", 415),
        (f'{JSON_API}; ext="https://example.com/ext"', 415),
        ("text/plain", 415),
    ],
)
async def test_bodies_are_taken_as_json_api_wants_it(api: httpx.AsyncClient, content_type: str, status: int) -> None:
    body = json.dumps(document(**RELEASE))
    response = await api.post("/v1/plugins", content=body, headers={"Content-Type": content_type})
    assert response.status_code == status


async def test_errors_are_documents_for_who_takes_nothing_else(api: httpx.AsyncClient) -> None:
    missing = await api.get("/v1/plugins/none", headers={"Accept": JSON_API})
    assert (missing.status_code, missing.headers["content-type"]) == (404, JSON_API)
    assert missing.json().keys() == {"errors"}
    [error] = missing.json()["errors"]
    assert (error["status"], error["links"]["type"]) == ("404", "/problems/not-found")
    problem = await api.get("/v1/plugins/none")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["errors"][0]["detail"] == error["detail"]


async def stock(api: httpx.AsyncClient, plugins: Plugins) -> None:
    for number in range(7):
        category = "analytics" if number % 2 else "integration"
        await published(api, name=f"Plugin {number}", category=category, author=f"Agent-{number % 3}")
    for _ in range(3):
        await plugins.store.count_download("plugin-3")
    await plugins.store.count_download("plugin-5")
    await plugins.store.add_review("plugin-2", "somebody", 5, "", 0.0)


def ids(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [row["id"].removeprefix("plugin-") for row in response.json()["data"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "0123456"),
        ({"filter[category]": "analytics"}, "135"),
        ({"filter[author]": "Agent-0"}, "036"),
        ({"filter[category]": "analytics", "filter[author]": "Agent-0"}, "3"),
        ({"filter[status]": "active"}, ""),
        ({"filter[status]": "inactive", "page[size]": "2"}, "01"),
        ({"sort": "-name"}, "6543210"),
        ({"sort": "-downloads"}, "3501246"),
        ({"sort": "downloads,-name"}, "6421053"),
        ({"sort": "-rating,-updated_at"}, "2654310"),
        ({"page[size]": "3", "page[number]": "3"}, "6"),
        ({"page[number]": "9"}, ""),
    ],
)
async def test_lists_are_as_they_are_asked_for(
    api: httpx.AsyncClient, plugins: Plugins, query: dict[str, str], expected: str
) -> None:
    await stock(api, plugins)
    assert "".join(ids(await api.get("/v1/plugins", params=query))) == expected


async def test_pages_lead_to_all_plugins_and_to_each_once(api: httpx.AsyncClient, plugins: Plugins) -> None:
    await stock(api, plugins)
    first = await api.get("/v1/plugins?page[size]=2&sort=name&filter[status]=inactive")
    assert first.json()["meta"] == {"total": 7, "page": 1, "per_page": 2}
    links = first.json()["links"]
    assert links.keys() == {"self", "first", "next", "last"}
    assert all("[" not in link and link.startswith("/v1/plugins?") for link in links.values())
    assert "page[number]=4" in unquote(links["last"])
    assert '; rel="next"' in first.headers["link"]
    seen, link = ids(first), links["next"]
    while link is not None:
        page = await api.get(link)
        seen += ids(page)
        assert page.json()["links"]["prev"]
        link = page.json()["links"].get("next")
    assert seen == list("0123456")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("filter[color]=red", "filter[color]"),
        ("filter[status]=broken", "filter[status]"),
        ("include=publisher", "include"),
        ("fields[plugin]=name", "fields[plugin]"),
        ("sort=size", "sort"),
        ("sort=name,-name", "sort"),
        ("sort=", "sort"),
        ("page[size]=0", "page[size]"),
        ("page[size]=101", "page[size]"),
        ("page[number]=0", "page[number]"),
        ("page[offset]=1", "page[offset]"),
        ("period=30d", "period"),
    ],
)
async def test_a_parameter_that_means_nothing_here_is_named(api: httpx.AsyncClient, query: str, parameter: str) -> None:
    response = await api.get(f"/v1/plugins?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["source"] == {"parameter": parameter}


async def test_lists_leave_out_what_may_be_large(api: httpx.AsyncClient) -> None:
    await published(api, config_schema={"type": "object"})
    [row] = (await api.get("/v1/plugins")).json()["data"]
    assert row["attributes"].keys().isdisjoint({"config_schema", "versions"})


async def test_put_resets_what_is_left_out_and_patch_leaves_it(api: httpx.AsyncClient) -> None:
    await published(api, author="Agent-6", homepage="https://example.com/")
    patched = await api.patch(PLACE, json=document(description="other", license=None))
    attributes = patched.json()["data"]["attributes"]
    assert (attributes["description"], attributes["license"]) == ("other", None)
    assert (attributes["author"], attributes["homepage"]) == ("Agent-6", "https://example.com/")
    body = {"data": {"type": "plugin", "id": "custom-integration-plugin", "attributes": {**RELEASE, "name": "New"}}}
    replaced = (await api.put(PLACE, json=body)).json()["data"]
    assert (replaced["id"], replaced["attributes"]["name"]) == ("custom-integration-plugin", "New")
    assert (replaced["attributes"]["homepage"], replaced["attributes"]["author"]) == (None, "operator")
    body["data"]["id"] = "another"
    assert (await api.put(PLACE, json=body)).status_code == 409


async def test_versions_go_up_and_never_down(api: httpx.AsyncClient) -> None:
    await published(api, version="1.0.0-rc.1")
    for version in ("1.0.0", "1.2.0", "1.10.0"):
        changed = await api.patch(PLACE, json=document(version=version))
        assert (changed.status_code, changed.json()["data"]["attributes"]["version"]) == (200, version)
    assert (await api.patch(PLACE, json=document(version="1.10.0", description="x"))).status_code == 200
    for version in ("1.9.0", "1.10.0-rc.1", "1.10.0+build"):
        lower = await api.patch(PLACE, json=document(version=version))
        assert lower.status_code == 409
        assert lower.json()["errors"][0]["source"] == {"pointer": "/data/attributes/version"}
    versions = (await api.get(PLACE)).json()["data"]["attributes"]["versions"]
    assert [version["version"] for version in versions] == ["1.10.0", "1.2.0", "1.0.0", "1.0.0-rc.1"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_only_who_has_seen_a_plugin_changes_it(api: httpx.AsyncClient, plugins: Plugins, method: str) -> None:
    seen = (await published(api)).headers["etag"]
    await plugins.store.count_download("custom-integration-plugin")
    assert (await api.get(PLACE)).headers["etag"] == seen, "nobody wrote anything"
    changed = await api.patch(PLACE, json=document(description="of another"), headers={"If-Match": seen})
    assert changed.headers["etag"] != seen
    body = None if method == "DELETE" else document(**RELEASE)
    late = await api.request(method, PLACE, json=body, headers={"If-Match": seen})
    assert late.status_code == 412
    now = await api.request(method, PLACE, json=body, headers={"If-Match": changed.headers["etag"]})
    assert now.is_success


async def test_a_plugin_is_its_publishers(api: httpx.AsyncClient, plugins: Plugins) -> None:
    await published(api)
    registry = plugins.parts.registry
    other = Principal("agent-9", frozenset({"plugins:write"}), Kind.OPERATOR, "t")
    plugin = await registry.get("custom-integration-plugin")
    with pytest.raises(Exception, match="another publisher"):
        await registry.change(other, plugin.id, plugin.release)
    admin = Principal("root", frozenset({"plugins:*"}), Kind.OPERATOR, "t")
    assert (await registry.change(admin, plugin.id, plugin.release)).publisher == "operator"


async def test_a_suspended_plugin_stays_so_until_it_is_resumed(api: httpx.AsyncClient) -> None:
    await published(api)
    assert (await api.post(f"{PLACE}/suspend")).json()["data"]["attributes"]["status"] == "suspended"
    assert ids(await api.get("/v1/plugins?filter[status]=suspended")) == ["custom-integration-plugin"]
    assert (await api.post(f"{PLACE}/resume")).json()["data"]["attributes"]["status"] == "inactive"


async def test_there_are_as_many_plugins_as_may_be(api: httpx.AsyncClient, plugins: Plugins) -> None:
    plugins.settings = replace(plugins.settings, max_plugins=1)
    await published(api)
    another = await api.post("/v1/plugins", json=document(**RELEASE | {"name": "Another"}))
    assert (another.status_code, "max_plugins" in another.text) == (409, True)


async def test_versions_have_so_much_room(api: httpx.AsyncClient, plugins: Plugins) -> None:
    await published(api)
    plugins.settings = replace(plugins.settings, archives=100)
    for refused in (
        await api.post("/v1/plugins", json=document(**RELEASE | {"name": "Another"})),
        await api.patch(PLACE, json=document(version="1.1.0")),
    ):
        assert (refused.status_code, "[plugin] archives" in refused.text) == (409, True)
    assert (await api.patch(PLACE, json=document(description="no more than before"))).is_success


async def test_a_disk_in_trouble_is_something_to_try_again(api: httpx.AsyncClient, plugins: Plugins) -> None:
    plugins.tables.trouble = "no room"
    for response in (await api.get("/v1/plugins"), await api.post("/v1/plugins", json=document(**RELEASE))):
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
