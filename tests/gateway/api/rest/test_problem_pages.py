"""The URI of a kind of problem leads to words about it."""

from __future__ import annotations

import httpx
import pytest

from gateway.api.rest.problems import TITLES, slug


@pytest.mark.parametrize("status", TITLES)
async def test_every_kind_of_problem_has_a_page(stranger: httpx.AsyncClient, status: int) -> None:
    response = await stranger.get(f"/problems/{slug(status)}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    title, _, words = response.text.partition("\n\n")
    assert title == f"{TITLES[status]} ({status})"
    assert words.strip()


async def test_the_type_of_a_problem_is_such_a_page(stranger: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    for problem in (await stranger.get("/v1/wells"), await client.get("/v1/no"), await client.get("/metrics/no")):
        assert (await stranger.get(problem.json()["type"])).status_code == 200


async def test_other_pages_are_not_there(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/problems/none")).status_code == 404
    assert (await stranger.post("/problems/not-found")).status_code == 405
