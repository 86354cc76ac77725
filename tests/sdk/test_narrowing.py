"""The description for generators: the same calls, said in fewer ways."""

from __future__ import annotations

from typing import Any

import pytest

from sdk.narrowing import narrowed

TEXT = {"type": "string"}
ANYTHING = {"type": ["null", "boolean", "number", "string", "array", "object"], "items": {}}
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
FAULT = {"type": "object", "properties": {"code": {"type": "integer"}, "message": TEXT}}


def an_object(**members: object) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def call(name: str) -> dict[str, Any]:
    return an_object(method={"const": name}, params={"$ref": "#/components/schemas/Params"})


def document() -> dict[str, Any]:
    """A gateway's, as small as can be."""
    body = an_object(data=an_object(name=TEXT, kind={"enum": ["x"]}, value=ANYTHING))
    make = {
        "operationId": "thing_make",
        "security": SECURITY,
        "parameters": [
            {"$ref": "#/components/parameters/X-API-Version"},
            {"name": "sort", "in": "query", "schema": {"anyOf": [TEXT, {"type": "null"}], "default": None}},
        ],
        "requestBody": {
            "required": True,
            "content": {"application/vnd.api+json": {"schema": body}, "application/json": {"schema": body}},
        },
        "responses": {
            "201": {"description": "", "content": {"application/json": {"schema": an_object(data=TEXT)}}},
            "200": {"description": "again", "content": {"application/json": {"schema": an_object(data=TEXT)}}},
            "400": {"$ref": "#/components/responses/Problem400"},
        },
    }
    page = {"operationId": "page", "responses": {"200": {"description": "", "content": {"text/html": {}}}}}
    file = {
        "operationId": "thing_file",
        "security": SECURITY,
        "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
        "responses": {"200": {"description": "", "content": {"application/gzip": {}}}},
    }
    calls = {"oneOf": [call("tag.read"), call("thing.file")]}
    rpc = {
        "operationId": "rpc",
        "security": SECURITY,
        "x-results": {"tag.read": {"$ref": "#/components/schemas/Result"}},
        "requestBody": {"content": {"application/json": {"schema": {"oneOf": [calls, {"type": "array"}]}}}},
        "responses": {"200": {"description": ""}, "401": {"description": "no token"}},
    }
    problem = {"description": "", "content": {"application/problem+json": {}, "application/vnd.api+json": {}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ferrule", "version": "1.0.0"},
        "paths": {
            "/v1/things": {"post": make},
            "/v1/page": {"get": page},
            "/v1/file": {"get": file},
            "/api/v1/rpc": {"post": rpc},
        },
        "components": {
            "schemas": {"Params": an_object(), "Result": an_object(), "RpcError": an_object(error=FAULT, id=TEXT)},
            "responses": {"Problem400": problem},
            "parameters": {},
        },
    }


def test_bodies_and_answers_have_one_media_type_and_a_name() -> None:
    found = narrowed(document())
    make = found["paths"]["/v1/things"]["post"]
    assert make["requestBody"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/ThingMakeRequest"}}
    }
    assert make["responses"]["201"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/ThingMakeAnswer"}}
    }
    members = found["components"]["schemas"]["ThingMakeRequest"]["properties"]["data"]["properties"]
    assert members == {"name": TEXT, "kind": {"const": "x"}, "value": {}}
    assert list(found["components"]["responses"]["Problem400"]["content"]) == ["application/problem+json"]
    file = found["paths"]["/v1/file"]["get"]
    for content in (file["requestBody"]["content"], file["responses"]["200"]["content"]):
        assert content == {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def test_what_a_client_cannot_say_is_left_out() -> None:
    found = narrowed(document())
    make = found["paths"]["/v1/things"]["post"]
    assert make["parameters"] == [{"name": "sort", "in": "query", "schema": TEXT}]
    assert make["security"] == [{"bearer": []}]
    assert "/v1/page" not in found["paths"]


def test_each_method_of_the_agent_api_is_a_call_unless_a_path_has_its_name() -> None:
    found = narrowed(document())
    assert [path for path in found["paths"] if "rpc" in path] == ["/api/v1/rpc#tag.read"]
    read = found["paths"]["/api/v1/rpc#tag.read"]["post"]
    assert (read["operationId"], read["tags"], list(read["responses"])) == ("tag_read", ["tag"], ["200", "401"])
    answer = found["components"]["schemas"]["TagReadAnswer"]
    assert answer["properties"]["result"] == {"$ref": "#/components/schemas/Result"}
    assert answer["properties"]["error"] == {"$ref": "#/components/schemas/RpcFault"}
    assert answer["required"] == ["jsonrpc", "id"]


def test_a_name_that_is_taken_is_said() -> None:
    taken = document()
    taken["components"]["schemas"]["ThingMakeRequest"] = TEXT
    with pytest.raises(ValueError, match="ThingMakeRequest"):
        narrowed(taken)
