"""Reviews over /v1: one of everybody, and a rating that is the mean of them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.core.errors import GatewayError
from gateway.core.principal import Kind, Principal
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rest.test_plugins import PLACE, document, published

REVIEWS = f"{PLACE}/reviews"


def somebody(number: int) -> Principal:
    return Principal(f"agent-{number}", frozenset({"instances:write"}), Kind.OPERATOR, "t")


async def test_a_review_is_shown_counted_changed_and_removed(api: httpx.AsyncClient) -> None:
    await published(api)
    made = await api.post(REVIEWS, json=document("review", stars=4, text="fine"))
    assert (made.status_code, made.headers["location"]) == (201, "/v1/reviews/review-1")
    data = made.json()["data"]
    assert (data["attributes"]["stars"], data["attributes"]["text"]) == (4, "fine")
    assert data["relationships"]["author"] == {"data": {"type": "user", "id": "operator"}}
    assert data["relationships"]["plugin"] == {"data": {"type": "plugin", "id": "custom-integration-plugin"}}
    assert (await api.get("/v1/reviews/review-1")).json()["data"] == data
    plugin = (await api.get(PLACE)).json()["data"]
    assert plugin["attributes"]["rating"] == 4.0
    assert plugin["relationships"]["reviews"]["data"] == [{"type": "review", "id": "review-1"}]
    again = await api.post(REVIEWS, json=document("review", stars=5))
    assert (again.status_code, "review-1" in again.text) == (409, True)
    changed = await api.patch("/v1/reviews/review-1", json=document("review", stars=2))
    assert (changed.json()["data"]["attributes"]["stars"], changed.json()["data"]["attributes"]["text"]) == (2, "fine")
    assert (await api.get(PLACE)).json()["data"]["attributes"]["rating"] == 2.0
    assert (await api.delete("/v1/reviews/review-1")).status_code == 204
    plugin = (await api.get(PLACE)).json()["data"]
    assert (plugin["attributes"]["rating"], plugin["relationships"]["reviews"]["data"]) == (None, [])
    assert (await api.get("/v1/reviews/review-1")).status_code == 404
    second = await api.post(REVIEWS, json=document("review", stars=3))
    assert second.json()["data"]["id"] == "review-2", "ids are not used again"


@pytest.mark.parametrize("stars", [0, 6, 2.5, "5", None])
async def test_there_are_one_to_five_stars(api: httpx.AsyncClient, stars: Any) -> None:
    await published(api)
    refused = await api.post(REVIEWS, json=document("review", stars=stars))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["source"] == {"pointer": "/data/attributes/stars"}


async def test_a_review_is_its_author_s(api: httpx.AsyncClient, plugins: Plugins) -> None:
    await published(api)
    reviews = plugins.parts.reviews
    made = await reviews.write(somebody(1), "custom-integration-plugin", 5, "")
    with pytest.raises(GatewayError, match="of another"):
        await reviews.change(somebody(2), made.id, 1, None)
    with pytest.raises(GatewayError, match="of another"):
        await reviews.remove(somebody(2), made.id)
    await reviews.remove(Principal("root", frozenset({"plugins:*"}), Kind.OPERATOR, "t"), made.id)


async def test_reviews_come_in_pages_and_many_are_not_named_one_by_one(
    api: httpx.AsyncClient, plugins: Plugins
) -> None:
    await published(api)
    for number in range(101):
        await plugins.parts.reviews.write(somebody(number), "custom-integration-plugin", 1 + number % 5, "")
    page = (await api.get(f"{REVIEWS}?page[size]=100&page[number]=2")).json()
    assert (page["meta"]["total"], [row["id"] for row in page["data"]]) == (101, ["review-101"])
    related = (await api.get(PLACE)).json()["data"]["relationships"]["reviews"]
    assert related == {"links": {"related": REVIEWS}, "meta": {"total": 101}}
    assert (await api.get("/v1/plugins/none/reviews")).status_code == 404
