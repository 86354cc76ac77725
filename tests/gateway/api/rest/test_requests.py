"""A request under /v1: what is wrong with it is told by its place, with the cure."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

PLAIN = {"Content-Type": "application/json"}


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The one error object of a problem document (D-007)."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert document["type"].startswith(("/problems/", "https://"))
    [error] = document["errors"]
    assert (error["status"], error["title"], error["detail"]) == (str(status), document["title"], document["detail"])
    return dict(error)


async def test_an_answer_has_the_envelope_of_the_reference(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/wells", json={"data": {"name": "north"}})
    assert (response.status_code, response.json()) == (201, {"data": {"id": "w99", "name": "north"}})
    assert response.headers["content-type"] == "application/json"
    assert response.headers["location"] == "/v1/wells/w99"
    assert response.headers["x-api-version"] == "1.0.0"
    assert response.headers["vary"] == "Accept"
    assert response.headers["cache-control"] == "no-store"
    assert "x-ratelimit-remaining" in response.headers
    assert "x-request-id" in response.headers


async def test_a_body_may_be_written_as_a_resource(client: httpx.AsyncClient) -> None:
    data = {"type": "well", "attributes": {"name": "north"}}
    headers = {"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json"}
    response = await client.post("/v1/wells", json={"data": data}, headers=headers)
    assert (response.status_code, response.json()["data"]["name"]) == (201, "north")


@pytest.mark.parametrize(
    ("data", "status", "pointer", "words"),
    [
        ({}, 422, "/data/name", "is required"),
        ({"name": 7}, 422, "/data/name", "expected string, got whole number"),
        ({"name": "n", "depth": 1}, 422, "/data/depth", 'did you mean "depths"'),
        ({"name": "n", "a/b~c.d": 1}, 422, "/data/a~1b~0c.d", "there are: name, depths, secret"),
        ({"name": "n", "depths": [{"metres": 1}, {"metres": 10}]}, 422, "/data/depths/1/metres", "<= 9"),
        ({"name": "n", "depths": [{"metres": 1, "x": 2}]}, 422, "/data/depths/0/x", "there are: metres"),
        ({"name": "n", "depths": [{}]}, 422, "/data/depths/0/metres", "is required"),
        ({"name": "n", "depths": [{"metres": 3}]}, 422, "/data/depths/0/metres", "there is rock"),
        ({"name": "taken"}, 409, "/data/name", "there is a well of this name"),
    ],
)
async def test_what_is_wrong_with_a_member_is_told_by_its_pointer(
    client: httpx.AsyncClient, data: dict[str, Any], status: int, pointer: str, words: str
) -> None:
    error = problem(await client.post("/v1/wells", json={"data": data}), status)
    assert error["source"] == {"pointer": pointer}
    assert words in error["detail"]
    resource = {"data": {"type": "well", "attributes": data}}
    error = problem(await client.post("/v1/wells", json=resource), status)
    assert error["source"] == {"pointer": pointer.replace("/data", "/data/attributes")}


@pytest.mark.parametrize(
    ("document", "status", "pointer"),
    [
        ([], 422, ""),
        ("north", 422, ""),
        ({}, 422, "/data"),
        ({"data": []}, 422, "/data"),
        ({"data": {"name": "n"}, "meta": {}}, 422, "/meta"),
        ({"data": {"attributes": []}}, 409, "/data/type"),
        ({"data": {"type": "well", "attributes": []}}, 422, "/data/attributes"),
        ({"data": {"type": "webhook", "attributes": {"name": "n"}}}, 409, "/data/type"),
        ({"data": {"type": "well", "id": "w1", "attributes": {"name": "n"}}}, 403, "/data/id"),
        ({"data": {"type": "well", "attributes": {"name": "n"}, "relationships": {}}}, 422, "/data/relationships"),
    ],
)
async def test_a_wrong_envelope_is_told_by_its_pointer(
    client: httpx.AsyncClient, document: object, status: int, pointer: str
) -> None:
    error = problem(await client.post("/v1/wells", json=document), status)
    assert error["source"] == {"pointer": pointer}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"data": {"name": "a", "name": "b"}}',
        b'{"data": {"name": "a", "depths": [{"metres": NaN}]}}',
        b'{"data": {"name": "a", "depths": [{"metres": 1e999}]}}',
        b'{"data": {"name": "\xff"}}',
        b'{"data": {"name": "\\ud800"}}',
        b'{"data": ' + b"[" * 33 + b"]" * 33 + b"}",
        b"[" * 5000,
    ],
)
async def test_what_is_no_strict_json_is_a_bad_request(client: httpx.AsyncClient, body: bytes) -> None:
    problem(await client.post("/v1/wells", content=body, headers=PLAIN), 400)


async def test_a_resource_must_be_the_one_of_the_path(client: httpx.AsyncClient) -> None:
    data = {"type": "well", "id": "w2", "attributes": {"name": "n"}}
    error = problem(await client.patch("/v1/wells/w1", json={"data": data}), 409)
    assert error["source"] == {"pointer": "/data/id"}


async def test_a_body_where_none_is_taken_is_refused(client: httpx.AsyncClient) -> None:
    assert "takes no body" in problem(await client.request("DELETE", "/v1/wells/w1", json={}), 400)["detail"]


@pytest.mark.parametrize(
    ("query", "parameter", "words"),
    [
        ("page[number]=0", "page[number]", ">= 1"),
        ("page[size]=101", "page[size]", "<= 100"),
        ("page%5Bsize%5D=ten", "page[size]", "whole number"),
        ("dry=perhaps", "dry", "boolean"),
        ("wet=true", "wet", "there are: page[number], page[size], dry"),
        ("dry=true&dry=false", "dry", "twice"),
    ],
)
async def test_a_wrong_parameter_is_told_by_its_name(
    client: httpx.AsyncClient, query: str, parameter: str, words: str
) -> None:
    error = problem(await client.get(f"/v1/wells?{query}"), 400)
    assert error["source"] == {"parameter": parameter}
    assert words in error["detail"]


async def test_pages_link_to_each_other(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/wells?page[number]=2&dry=false")
    document = response.json()
    assert [row["id"] for row in document["data"]] == [f"w{number}" for number in range(25, 50)]
    assert document["meta"] == {"total": 60, "page": 2, "per_page": 25}
    links = document["links"]
    assert links["self"] == "/v1/wells?page%5Bnumber%5D=2&dry=false&page%5Bsize%5D=25"
    assert sorted(links) == ["first", "last", "next", "prev", "self"]
    assert f'<{links["next"]}>; rel="next"' in response.headers["link"]
    seen, url = [], links["first"]
    while url is not None:
        document = (await client.get(url)).json()
        seen += [row["id"] for row in document["data"]]
        url = document["links"].get("next")
    assert seen == [f"w{number}" for number in range(60)]


async def test_every_answer_leads_to_what_describes_it(client: httpx.AsyncClient) -> None:
    """D-011: also that of an error, and to who is not known yet."""
    for path, headers, status in (
        ("/v1/wells", {}, 200),
        ("/v1/nothing", {}, 404),
        ("/v1/wells?wet=true", {}, 400),
        ("/v1/wells", {"Authorization": ""}, 401),
    ):
        response = await client.get(path, headers=headers)
        assert response.status_code == status
        for relation, kind in (("describedby service-desc", "application/json"), ("service-doc", "text/html")):
            link = response.links[relation]
            assert link["type"] == kind
            described = await client.get(link["url"], headers={"Authorization": ""})
            assert (described.status_code, described.headers["content-type"].partition(";")[0]) == (200, kind)
    assert {"self", "next"} <= (await client.get("/v1/wells")).links.keys()


async def test_beyond_the_last_page_there_is_nothing(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v1/wells?page[number]=9")).json()
    assert document["data"] == []
    assert (await client.get(document["links"]["prev"])).json()["data"]
    empty = (await client.get("/v1/wells?dry=true")).json()
    assert (empty["data"], sorted(empty["links"])) == ([], ["first", "last", "self"])


async def test_a_path_that_is_none_and_a_verb_that_is_not_taken_are_problems(client: httpx.AsyncClient) -> None:
    for path in ("/v1", "/v1/", "/v1/nothing", "/v1/wells/", "/v1//wells", "/v1/wells/a/b", "/v1/wells/a%2Fb"):
        assert "there is nothing at" in problem(await client.get(path), 404)["detail"]
    response = await client.put("/v1/wells", json={})
    problem(response, 405)
    assert response.headers["allow"] == "GET, HEAD, POST"
    assert (await client.options("/v1/wells/w1")).headers["allow"] == "DELETE, PATCH"


async def test_a_changed_resource_is_not_changed_again_unseen(client: httpx.AsyncClient) -> None:
    body = {"data": {"name": "n"}}
    tag = (await client.patch("/v1/wells/w1", json=body)).headers["etag"]
    for seen in (tag, "*", f'"other", {tag}'):
        assert (await client.patch("/v1/wells/w1", json=body, headers={"If-Match": seen})).status_code == 200
    for other in ('"other"', f"W/{tag}"):
        response = await client.patch("/v1/wells/w1", json=body, headers={"If-Match": other})
        assert problem(response, 412)["source"] == {"header": "If-Match"}
    problem(await client.patch("/v1/wells/w1", json=body, headers={"If-Match": tag.strip('"')}), 400)
