"""Requests that are almost right: whatever is changed in one, the answer is a result or a problem, never a fault."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from gateway.api.rest.route import Route
from tests.gateway.api.rest.test_matrix import ROWS, TABLE

STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    2**70,
    1e308,
    "",
    "\x00",
    "ü" * 200,
    "https://[",
    "http://a:b@c/#d",
    "2026-13-01T00:00:00Z",
    "*",
    [],
    [None],
    [[]],
    {},
    {"a": {"b": [1]}},
    {"": ""},
]
NAMES = ["", "type", "id", "attributes", "data", "a.b[0]", "~/", "secret"]


def mutated(chance: random.Random, value: Any, depth: int = 0) -> Any:
    """The same with something else in one or two places."""
    if depth and chance.random() < 0.4:
        return chance.choice(STRANGE)
    if isinstance(value, dict):
        changed = {name: mutated(chance, member, depth + 1) for name, member in value.items() if chance.random() < 0.9}
        if chance.random() < 0.2:
            changed[chance.choice(NAMES)] = chance.choice(STRANGE)
        return changed
    if isinstance(value, list):
        return [mutated(chance, member, depth + 1) for member in value]
    return value


@pytest.mark.parametrize("route", TABLE, ids=lambda route: route.name)
async def test_a_request_that_is_almost_right_is_answered(api: httpx.AsyncClient, route: Route) -> None:
    chance = random.Random(route.name)
    row = ROWS[route.name]
    for _ in range(60):
        values = {
            name: chance.choice([value, "none", "%00", "%2e%2e", "a" * 300]) for name, value in row.values.items()
        }
        body = mutated(chance, {"data": row.data or {}}) if route.body is not None else None
        query = chance.choice(["", "?page[number]=x", "?limit=-1", "?after=1e3", "?type=*:", "?%00=%00", "?a&a", "?=1"])
        path = route.path.format(**values) + query
        response = await api.request(route.method, path, json=body)
        assert response.status_code < 500, (path, body, response.text)
        if response.is_error:
            [error] = response.json()["errors"]
            assert error["detail"].endswith(".")
            assert set(error.get("source", {})) <= {"pointer", "parameter", "header"}


@pytest.mark.parametrize("path", ["/v1/plugins", "/v1/webhooks"])
@pytest.mark.parametrize("type_", [{"a": 1}, ["plugin"], None, 1])
async def test_a_type_that_is_no_text_is_another_type(api: httpx.AsyncClient, path: str, type_: object) -> None:
    reply = await api.post(path, json={"data": {"type": type_, "attributes": {}}})
    assert (reply.status_code, reply.json()["errors"][0]["source"]) == (409, {"pointer": "/data/type"})
