"""Odd values in plugins, reviews and their paths are answered in words: nothing of them is a fault of the gateway."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.gateway.api.rest.test_plugins import PLACE, RELEASE, published

ODD = [
    r'"\ud800"',
    r'"a\u0000b"',
    "1e400",
    str(10**400),
    '""',
    "[]",
    "null",
    r'{"type":"object","title":"\ud800"}',
    r'{"type":"object","properties":{"\ud800":{}}}',
    r'{"type":"object","properties":{"a":{"pattern":"\ud800"}}}',
    f'{{"type":"object","properties":{{"a":{{"maximum":{10**19}}}}}}}',
    '{"type":"object","properties":{"a":{"multipleOf":1e-320}}}',
    '{"type":"object","$ref":"#/%zz"}',
    '{"type":"object","$ref":"#%ff"}',
    '{"type":"object","$ref":7}',
    '{"type":"object","properties":7,"allOf":7}',
    '{"type":"object","properties":{"a":{"enum":[]}}}',
    r'{"type":"object","patternProperties":{"\u0000":{}}}',
]


@pytest.mark.parametrize("name", [*RELEASE, "author", "homepage", "repository", "config_schema"])
async def test_members_of_a_plugin(api: httpx.AsyncClient, name: str) -> None:
    for value in ODD:
        attributes = json.dumps({**RELEASE, name: 0}).replace(f'"{name}": 0', f'"{name}": {value}')
        body = f'{{"data": {{"type": "plugin", "attributes": {attributes}}}}}'
        answer = await api.post("/v1/plugins", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (value, answer.text)
        if answer.is_success:
            assert (await api.get(answer.headers["location"])).json() == answer.json()
            await api.delete(answer.headers["location"])


async def test_texts_of_reviews(api: httpx.AsyncClient) -> None:
    await published(api)
    for value in ODD:
        body = f'{{"data": {{"type": "review", "attributes": {{"stars": 1, "text": {value}}}}}}}'
        answer = await api.post(f"{PLACE}/reviews", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code < 500, (value, answer.text)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/plugins/%00",
        "/v1/plugins/%ff",
        "/v1/plugins/a%2fb",
        "/v1/plugins/%F0%9F%92%A5/download",
        "/v1/plugins/x/versions/%00/archive",
        "/v1/reviews/review-99999999999999999999",
        "/v1/reviews/review-%C2%B2",
        "/v1/plugins?filter[category]=%00",
        "/v1/plugins?filter[author]=%ed%a0%80",
        "/v1/plugins?page[number]=1000000&page[size]=100",
        "/v1/plugins?sort=%2Cname",
    ],
)
async def test_paths_and_queries(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(path)).status_code < 500
