"""The description: valid, whole, and of what is really there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.access.tokens import AGENT_API
from gateway.api.rest.plugin_exchange import talk_routes
from gateway.api.rest.route import Route
from gateway.api.rest.table import plugin_routes
from gateway.api.results.table import RESULTS
from gateway.api.seed_paths import ROUTES
from gateway.core.catalogue import CATALOGUE
from tests.gateway.api.installed import Installed
from tests.gateway.api.registry import Plugins
from tests.gateway.api.rig import Rig
from tests.gateway.api.services import Services
from tests.gateway.api.talking import Talking

Document = Mapping[str, Any]

# Routes that the application adds to those it is given.
TOOLS = {
    "GET /v1/openapi.json",
    "GET /v1/tools/docs",
    "GET /v1/tools/docs/style.css",
    "GET /v1/tools/docs/script.js",
    "GET /v1/tools/changelog",
    "POST /v1/tools/test",
    "POST /v1/tools/sdk/generate",
    "GET /v1/tools/sdk",
    "GET /v1/tools/sdk/{language}",
    "GET /v1/tools/sdk/downloads/{file}",
    "GET /v1/tools/sdk/docs/{language}",
    "GET /v1/tools/sdk/examples/{language}",
}


def of_plugins(directory: Path) -> tuple[Route, ...]:
    plugins = Plugins(directory)
    return (
        *plugin_routes(Services().parts, plugins.parts),
        *talk_routes(Services().log, Talking(plugins).talk),
        *Installed.of(plugins).routes,
    )


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, routes=of_plugins(tmp_path))


@pytest.fixture
async def routes(rig: Rig, tmp_path: Path) -> tuple[Route, ...]:
    return (*of_plugins(tmp_path), *rig.access.routes, *rig.people.routes)


@pytest.fixture
async def anybody(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the real application without a token."""
    async with rig.in_memory() as client:
        del client.headers["authorization"]
        yield client


@pytest.fixture
async def document(anybody: httpx.AsyncClient) -> Document:
    reply = await anybody.get("/v1/openapi.json")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    found: Document = reply.json()
    return found


def within(value: object) -> Iterator[tuple[str, object]]:
    """Every member of every object, however deep."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield name, member
            yield from within(member)
    elif isinstance(value, list):
        for member in value:
            yield from within(member)


def operations(document: Document) -> dict[str, Document]:
    return {
        f"{verb.upper()} {path}": operation
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    }


async def test_it_is_openapi_3_1(document: Document) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


async def test_whatever_it_leads_to_is_there(document: Document) -> None:
    leads = {str(target) for name, target in within(document) if name == "$ref"}
    assert leads
    for lead in leads:
        assert lead.startswith("#/"), "nothing is fetched from anywhere"
        value: Any = document
        for part in lead.removeprefix("#/").split("/"):
            value = value[part]
    used = {scheme for operation in operations(document).values() for way in operation["security"] for scheme in way}
    assert used == set(document["components"]["securitySchemes"])


async def test_patterns_are_those_of_json_schema(document: Document) -> None:
    """ECMA-262: two of Python's words are none there, and generators of clients stumble over them."""
    patterns = {str(value) for name, value in within(document) if name == "pattern" and isinstance(value, str)}
    assert patterns
    assert not [pattern for pattern in patterns if r"\A" in pattern or r"\Z" in pattern]


async def test_what_is_in_a_query_is_never_null(document: Document) -> None:
    """There is no word for it there: what is not meant is left out."""
    schemas = [
        parameter["schema"]
        for operation in operations(document).values()
        for parameter in operation.get("parameters", ())
        if parameter.get("in") == "query"
    ]
    assert len(schemas) > 20
    for schema in schemas:
        assert [value for name, value in within(schema) if name == "type" and value == "null"] == []
        assert None not in schema.get("enum", ())
        assert "default" not in schema or schema["default"] is not None


async def test_words_that_are_looked_up_are_told(document: Document) -> None:
    """Else a program that keeps to the description is refused for what it could not know."""
    models = document["components"]["schemas"]
    assert models["ParamsAnalyze"]["properties"]["scope"]["enum"] == ["network", "agents", "performance", "all"]
    assert models["TokenRequest"]["properties"]["grant_type"]["minLength"] == 1
    assert models["UserBody"]["properties"]["roles"]["minItems"] == 1
    assert models["ClientBody"]["properties"]["redirect_uris"]["maxItems"] == 10


async def test_every_route_stands_in_it_and_nothing_else(document: Document, routes: tuple[Route, ...]) -> None:
    theirs = {f"{route.method} {route.path}" for route in routes} | TOOLS
    ours = {f"{route.verb} {AGENT_API}{route.path}" for route in ROUTES} | {f"POST {AGENT_API}/rpc"}
    assert set(operations(document)) == theirs | ours
    names = [operation["operationId"] for operation in operations(document).values()]
    assert len(names) == len(set(names)), "generators make functions of them"


async def test_it_says_which_scope_a_call_takes_and_which_take_no_token(
    document: Document, routes: tuple[Route, ...]
) -> None:
    found = operations(document)
    for route in routes:
        ways = found[f"{route.method} {route.path}"]["security"]
        needed = [] if route.scope is None else [route.scope]
        assert all(scopes == needed for way in ways for scopes in way.values()), route.name
        assert bool(ways) is not route.open
    assert found[f"GET {AGENT_API}/health"]["security"] == [{}]


async def test_a_call_without_a_token_is_told_so_wherever_one_is_needed(
    document: Document, anybody: httpx.AsyncClient
) -> None:
    for what, operation in operations(document).items():
        verb, path = what.split(" ")
        if operation["security"] and {} not in operation["security"] and path.startswith("/v1"):
            reply = await anybody.request(verb, path.replace("{", "").replace("}", ""))
            # Whoever has no token may not ask often.
            assert reply.status_code in {401, 429}, what
            assert {"401", "403", "429"} <= operation["responses"].keys(), what


async def test_every_family_of_calls_is_explained(document: Document) -> None:
    assert [tag["name"] for tag in document["tags"] if tag["description"] == tag["name"]] == []


async def test_every_method_and_every_answer_of_the_agent_api_is_described(document: Document) -> None:
    rpc = operations(document)[f"POST {AGENT_API}/rpc"]
    single, batch = rpc["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    names = [call["properties"]["method"]["const"] for call in single["oneOf"]]
    assert sorted(names) == sorted(RESULTS)
    assert (batch["minItems"], batch["maxItems"]) == (1, 20)
    assert rpc["x-scopes"]["tag.write"] == "devices:write"


async def test_every_type_of_events_is_described_as_a_delivery(document: Document) -> None:
    assert set(document["webhooks"]) == set(CATALOGUE)
    body = document["webhooks"]["alarm:raised"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["data"]["$ref"] in {
        f"#/components/schemas/{name}" for name in document["components"]["schemas"]
    }


async def test_who_has_it_is_told_that_it_is_the_same(anybody: httpx.AsyncClient) -> None:
    first = await anybody.get("/v1/openapi.json")
    again = await anybody.get("/v1/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await anybody.get("/v1/openapi.json", headers={"If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, first.content)


async def test_what_was_made_leads_to_what_can_be_done_with_it(document: Document) -> None:
    links = operations(document)["POST /v1/plugins"]["responses"]["201"]["links"]
    assert links["plugin_replace"] == {
        "operationId": "plugin_replace",
        "parameters": {"plugin_id": "$response.body#/data/id"},
    }
    names = {operation["operationId"] for operation in operations(document).values()}
    answers = [answer for operation in operations(document).values() for answer in operation["responses"].values()]
    every = [name for answer in answers for name in answer.get("links", {})]
    assert len(every) > 30
    assert set(every) <= names
    made = operations(document)["POST /v1/clients"]["responses"]["201"]["links"]
    assert made["client_get"]["parameters"] == {"client_id": "$response.body#/data/client_id"}


async def test_pages_are_described_as_pages(document: Document) -> None:
    asked = operations(document)["GET /v1/auth/authorize"]
    assert list(asked["responses"]["200"]["content"]) == list(asked["responses"]["400"]["content"]) == ["text/html"]
    assert {found["name"] for found in asked["parameters"] if "name" in found and found.get("required")} == {
        "response_type",
        "client_id",
        "code_challenge",
        "code_challenge_method",
    }


async def test_every_body_of_the_plugin_api_may_have_the_media_type_of_the_reference(document: Document) -> None:
    """S1, "Base Configuration": every request of it carries that of JSON:API."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items() if path.startswith("/v1/") else ():
            kinds = operation.get("requestBody", {}).get("content", {}).keys()
            assert ("application/json" in kinds) == ("application/vnd.api+json" in kinds), (verb, path)
