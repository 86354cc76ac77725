"""The plugin API behind the real server: TLS, connections that stay and that end, bodies in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trio

from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services

HOOK = {"data": {"url": "https://10.0.0.9/in", "events": ["device:*"]}}


@pytest.fixture
async def https(gateway: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.served(), gateway.client() as client:
        client.headers.update(gateway.bearer("*"))
        yield client


async def test_a_webhook_lives_its_life_over_one_connection(https: httpx.AsyncClient) -> None:
    made = await https.post("/v1/webhooks", json=HOOK)
    assert (made.status_code, made.headers["content-type"]) == (201, "application/json")
    place = made.headers["location"]
    seen = await https.get(place)
    changed = await https.patch(
        place, json={"data": {"description": "boiler room"}}, headers={"If-Match": seen.headers["etag"]}
    )
    assert changed.json()["data"]["description"] == "boiler room"
    assert (await https.post(f"{place}/pause")).json()["data"]["state"] == "paused"
    removed = await https.delete(place)
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await https.get(place)).status_code == 404


async def test_a_body_may_come_in_pieces(https: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"data": {"url": "https://10.0.0.9/in", ', b'"events": ["device', b':*"]}}'):
            yield piece
            await trio.lowlevel.checkpoint()

    response = await https.post("/v1/webhooks", content=pieces(), headers={"Content-Type": "application/json"})
    assert response.status_code == 201


async def test_head_is_get_without_its_body(https: httpx.AsyncClient) -> None:
    get, head = await https.get("/v1/webhooks"), await https.head("/v1/webhooks")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_a_body_that_is_too_long_ends_the_connection_after_its_answer(
    services: Services, https: httpx.AsyncClient
) -> None:
    response = await https.post("/v1/events", json={"data": {"event_type": "a", "payload": {"x": "y" * 100_000}}})
    assert (response.status_code, response.headers["connection"]) == (413, "close")
    assert services.log.events == []
    assert (await https.get("/v1/webhooks")).status_code == 200


async def test_of_requests_at_once_each_gets_its_own_answer(https: httpx.AsyncClient) -> None:
    answers: dict[int, httpx.Response] = {}

    async def ask(number: int) -> None:
        answers[number] = await https.get(f"/v1/events?after={number}", headers={"X-Request-ID": f"n{number}"})

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(ask, number)
    for number, response in answers.items():
        assert response.headers["x-request-id"] == f"n{number}"
        assert response.json()["links"]["self"] == f"/v1/events?after={number}"
