"""The reference's examples of the registry, replayed literally; what differs is in a table with its ruling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from gateway.core import rfc3339
from tests.gateway.api.registry import Plugins
from tests.gateway.plugins.making import package

# S1, "Base Configuration": what every request of the reference carries.
HEADERS = {"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}
# S1, "GET /plugins": the answer as it stands there.
LISTED = """
{
  "data": [
    {
      "type": "plugin",
      "id": "analytics-plugin",
      "attributes": {
        "name": "Advanced Analytics Plugin",
        "version": "2.1.0",
        "description": "Real-time ecosystem analytics and insights",
        "category": "analytics",
        "author": "Agent-6",
        "downloads": 1250,
        "rating": 4.8,
        "tags": ["analytics", "metrics", "dashboard"],
        "status": "active",
        "created_at": "2026-01-10T10:00:00Z",
        "updated_at": "2026-01-12T15:30:00Z"
      },
      "relationships": {
        "author": {
          "data": {"type": "user", "id": "agent-6"}
        },
        "reviews": {
          "data": [
            {"type": "review", "id": "review-1"},
            {"type": "review", "id": "review-2"}
          ]
        }
      },
      "links": {
        "self": "/plugins/analytics-plugin",
        "download": "/plugins/analytics-plugin/download",
        "docs": "/plugins/analytics-plugin/docs"
      }
    }
  ],
  "meta": {
    "total": 47,
    "page": 1,
    "per_page": 25
  },
  "links": {
    "self": "/plugins?page[number]=1&page[size]=25",
    "next": "/plugins?page[number]=2&page[size]=25",
    "last": "/plugins?page[number]=2&page[size]=25"
  }
}
"""
# S1, "POST /plugins": the request as it stands there, its dots included.
PUBLISH = """
{
  "data": {
    "type": "plugin",
    "attributes": {
      "name": "Custom Integration Plugin",
      "version": "1.0.0",
      "description": "Third-party service integration plugin",
      "category": "integration",
      "license": "MIT",
      "homepage": "https://github.com/...",
      "repository": "https://github.com/user/custom-plugin",
      "tags": ["integration", "api", "webhook"],
      "config_schema": {
        "type": "object",
        "properties": {
          "api_key": {"type": "string", "secret": true},
          "webhook_url": {"type": "string", "format": "uri"},
          "enabled_features": {
            "type": "array",
            "items": {"type": "string"}
          }
        },
        "required": ["api_key"]
      }
    }
  }
}
"""
# What differs from the reference, or goes beyond it: by its place in the answer.
DEVIATIONS = {
    "data/id": "D-103: the id is the slug of the name; the reference's own is another",
    "data/attributes/downloads": "D-107: counted, so that a replay has other figures",
    "data/attributes/rating": "D-108: the mean of the reviews there are",
    "data/attributes/created_at": "the clock's",
    "data/attributes/updated_at": "the clock's",
    "data/relationships/author": "ruling 8: no attribute and relationship of one name; it is called publisher",
    "data/relationships/publisher": "ruling 8",
    "data/relationships/reviews/links": "D-108: relationships need links that can be fetched",
    "data/relationships/reviews/meta": "D-108: how many there are, where they are too many to name",
    "data/links/self": "D-012: with the prefix /v1",
    "data/links/download": "D-012",
    "data/links/docs": "D-012",
    "data/attributes/license": "S1 has it in POST /plugins",
    "data/attributes/homepage": "S1 has it in POST /plugins",
    "data/attributes/repository": "S1 has it in POST /plugins",
    "meta/total": "as many as there are",
    "links/self": "D-012: with the prefix, percent-encoded",
    "links/next": "D-012",
    "links/last": "D-012",
    "links/first": "D-012",
    "jsonapi": "JSON:API 1.1: which version it is",
}


def differences(expected: object, found: object, place: str = "") -> Iterator[str]:
    """Places where two documents differ; of a list its first member stands for all."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in sorted(expected.keys() | found.keys()):
            yield from differences(expected.get(name), found.get(name), f"{place}/{name}".lstrip("/"))
    elif isinstance(expected, list) and isinstance(found, list) and place == "data":
        yield from differences(expected[0], found[0], place)
    elif expected != found:
        yield place


async def test_the_list_is_that_of_the_reference(api: httpx.AsyncClient, plugins: Plugins) -> None:
    expected = json.loads(LISTED)
    shown: dict[str, Any] = expected["data"][0]["attributes"]
    written = {name: shown[name] for name in ("name", "version", "description", "category", "author", "tags")}
    body = {"data": {"type": "plugin", "attributes": written}}
    made = await api.post("/v1/plugins", content=json.dumps(body), headers=HEADERS)
    place = made.headers["location"]
    archive = package(**{**written, "author": None, "id": made.json()["data"]["id"], "license": None})
    sent = await api.put(
        f"{place}/versions/2.1.0/archive", content=archive, headers={"Content-Type": "application/gzip"}
    )
    assert sent.status_code == 201, sent.text
    for number, stars in enumerate((5, 5)):
        await plugins.store.add_review(made.json()["data"]["id"], f"agent-{number}", stars, "", 0)
    for number in range(46):
        other = {**written, "name": f"Other {number}", "category": "other"}
        await api.post("/v1/plugins", json={"data": {"type": "plugin", "attributes": other}})
    answer = await api.get("/v1/plugins", headers=HEADERS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/vnd.api+json")
    found = answer.json()
    assert found["meta"]["total"] == 47
    assert set(differences(expected, found)) <= set(DEVIATIONS)
    assert found["data"][0]["attributes"]["status"] == "active"
    for relation in ("self", "next", "last"):
        ours, theirs = urlsplit(found["links"][relation]), urlsplit(expected["links"][relation])
        assert ours.path == f"/v1{theirs.path}"
        assert parse_qs(ours.query) == parse_qs(theirs.query)
    for name, link in expected["data"][0]["links"].items():
        theirs_with_id = link.replace("analytics-plugin", "advanced-analytics-plugin")
        assert found["data"][0]["links"][name] == f"/v1{theirs_with_id}"
        assert (await api.get(found["data"][0]["links"][name], headers=HEADERS)).status_code == 200
    for name in ("created_at", "updated_at"):
        assert rfc3339.seconds(rfc3339.parse(found["data"][0]["attributes"][name])).endswith("Z")


async def test_what_the_reference_publishes_is_taken_as_it_stands(api: httpx.AsyncClient) -> None:
    made = await api.post("/v1/plugins", content=PUBLISH, headers=HEADERS)
    assert made.status_code == 201, made.text
    sent = json.loads(PUBLISH)["data"]["attributes"]
    shown = made.json()["data"]
    assert {name: shown["attributes"][name] for name in sent} == sent
    assert shown["id"] == "custom-integration-plugin"
    found = await api.get(made.headers["location"], headers=HEADERS)
    assert found.json()["data"] == shown
    again = await api.put(made.headers["location"], content=PUBLISH, headers=HEADERS)
    assert again.json()["data"]["attributes"]["config_schema"] == sent["config_schema"]
    assert (await api.delete(made.headers["location"], headers=HEADERS)).status_code == 204


async def test_every_filter_and_order_of_the_reference_is_known(api: httpx.AsyncClient) -> None:
    await api.post("/v1/plugins", content=PUBLISH, headers=HEADERS)
    for query in (
        "filter[category]=integration",
        "filter[status]=inactive",
        "filter[author]=operator",
        "page[size]=25",
        "page[number]=1",
        *(f"sort={name}" for name in ("name", "downloads", "rating", "updated_at")),
    ):
        found = await api.get(f"/v1/plugins?{query}", headers=HEADERS)
        assert len(found.json()["data"]) == 1, query
    for status in ("active", "suspended"):
        assert (await api.get(f"/v1/plugins?filter[status]={status}", headers=HEADERS)).json()["data"] == []
