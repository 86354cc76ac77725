"""How much of a body is read, of whom, and what that takes."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import AsyncIterator

import pytest

from gateway.api.asgi import BodyError, Event, Scope, read_body
from gateway.api.request import LARGEST_OF_STRANGERS
from tests.gateway.api.rig import Rig, rpc_body


@pytest.mark.e2e
async def test_who_has_no_token_is_not_read_for_long(rig: Rig) -> None:
    long = json.dumps(rpc_body("server.health", {"padding": "x" * LARGEST_OF_STRANGERS})).encode()
    short = json.dumps(rpc_body("server.health")).encode().ljust(LARGEST_OF_STRANGERS)

    async def pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 30_000):
            yield body[start : start + 30_000]

    headers = {"Content-Type": "application/json", "Authorization": ""}
    async with rig.served(), rig.client() as client:
        for body in (long, pieces(long)):
            refused = await client.post("/api/v1/rpc", content=body, headers=headers)
            assert (refused.status_code, refused.headers["connection"]) == (401, "close")
            assert "www-authenticate" in refused.headers
            assert refused.json()["error"]["code"] == -32001
        for body in (short, pieces(short)):
            assert (await client.post("/api/v1/rpc", content=body, headers=headers)).json()["result"]


async def test_a_body_in_pieces_of_a_byte_takes_no_more_memory_than_in_one() -> None:
    left = 500_000
    most = 0

    async def receive() -> Event:
        nonlocal left, most
        left -= 1
        most = max(most, tracemalloc.get_traced_memory()[0])
        return {"type": "http.request", "body": bytes([left % 256]), "more_body": left > 0}

    scope: Scope = {"type": "http", "headers": []}
    tracemalloc.start()
    try:
        assert len(await read_body(scope, receive, 1_000_000)) == 500_000
    finally:
        tracemalloc.stop()
    assert most < 2_000_000


@pytest.mark.parametrize("length", [b"1025", b"9999999999999999999", b"0" * 20 + b"9"])
async def test_a_body_that_says_it_is_too_long_is_not_waited_for(length: bytes) -> None:
    async def receive() -> Event:
        raise AssertionError("the body was read")

    with pytest.raises(BodyError) as refused:
        await read_body({"type": "http", "headers": [(b"content-length", length)]}, receive, 1024)
    assert refused.value.status == 413
