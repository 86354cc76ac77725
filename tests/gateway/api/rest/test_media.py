"""Which media types are taken and given (D-006, D-007, D-174)."""

from __future__ import annotations

import httpx
import pytest

from tests.gateway.api.rig import Rig

DOCUMENT = "application/vnd.api+json"
BODY = b'{"data": {"name": "n"}}'


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        DOCUMENT,
        f'{DOCUMENT}; profile="https://example.org/p"',
    ],
)
async def test_json_is_taken(client: httpx.AsyncClient, content_type: str) -> None:
    response = await client.post("/v1/wells", content=BODY, headers={"Content-Type": content_type})
    assert response.status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json; v=2"},
        {"Content-Type": "application/json; nonsense"},
        {"Content-Type": f"{DOCUMENT}; charset=utf-8"},
        {"Content-Type": f'{DOCUMENT}; ext="https://example.org/e"'},
        {"Content-Type": "application/merge-patch+json"},
        {"Content-Type": "application/vnd.agent-cellphone-v2.v1+json"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_nothing_else_is_taken(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    response = await client.post("/v1/wells", content=BODY, headers=headers)
    assert response.status_code == 415
    assert response.json()["errors"][0]["source"]["header"] in {"Content-Type", "Content-Encoding"}


async def test_a_change_may_be_a_merge_patch(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/merge-patch+json"}
    assert (await client.patch("/v1/wells/w1", content=BODY, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*;q=0.1",
        "application/json",
        "text/html, application/json;q=0.5",
        DOCUMENT,
        f'{DOCUMENT}; ext="https://example.org/e,f", {DOCUMENT}',
        f'{DOCUMENT}; profile="https://example.org/p"',
        "application/vnd.agent-cellphone-v2.v1+json",
        "",
    ],
)
async def test_who_takes_what_there_is_gets_it(client: httpx.AsyncClient, accept: str) -> None:
    assert (await client.get("/v1/wells", headers={"Accept": accept})).status_code == 200


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/json;q=0",
        "application/json;q=0.000, text/*",
        f'{DOCUMENT}; ext="https://example.org/e"',
        f"{DOCUMENT}; charset=utf-8",
        "application/vnd.agent-cellphone-v2.v2+json",
    ],
)
async def test_who_takes_nothing_of_it_is_told_so(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.get("/v1/wells", headers={"Accept": accept})
    assert response.status_code == 406


@pytest.mark.parametrize("path", ["/v1/wells?wet=1", "/v1/nothing"])
async def test_who_takes_json_api_alone_gets_errors_as_its_documents(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path, headers={"Accept": DOCUMENT})
    assert response.headers["content-type"] == DOCUMENT
    [error] = response.json()["errors"]
    assert response.json().keys() == {"errors"}
    assert error["status"] == str(response.status_code)
    assert error["links"]["type"].startswith("/problems/")
    both = await client.get(path, headers={"Accept": f"{DOCUMENT}, application/problem+json"})
    assert both.headers["content-type"] == "application/problem+json"


async def test_who_has_no_token_is_told_so_in_the_same_forms(rig: Rig, stranger: httpx.AsyncClient) -> None:
    document = await stranger.get("/v1/wells", headers={"Accept": DOCUMENT})
    assert (document.status_code, document.headers["content-type"]) == (401, DOCUMENT)
    problem = await stranger.get("/v1/wells")
    assert (problem.status_code, problem.headers["content-type"]) == (401, "application/problem+json")
    assert problem.headers["x-api-version"] == "1.0.0"


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("1.0", 200), ("1.0.0", 200), ("1.7", 200)])
async def test_version_one_may_be_asked_for(client: httpx.AsyncClient, version: str, status: int) -> None:
    assert (await client.get("/v1/wells", headers={"X-API-Version": version})).status_code == status


@pytest.mark.parametrize("version", ["2", "0.9", "one", "", "1.0.0.0"])
async def test_no_other_version_is_there(client: httpx.AsyncClient, version: str) -> None:
    response = await client.get("/v1/wells", headers={"X-API-Version": version})
    assert response.status_code == 400
    assert response.json()["errors"][0]["source"] == {"header": "X-API-Version"}
