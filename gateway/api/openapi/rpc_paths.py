"""The agent API described: its one path for every method, and the paths that stand for one method each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.access.tokens import AGENT_API
from gateway.api.dispatch import Method
from gateway.api.openapi.errors import headers
from gateway.api.openapi.rest_paths import explained, security
from gateway.api.openapi.schemas import Schema, Schemas, an_object, in_query, members, named
from gateway.api.seed_paths import ROUTES, Body, Route

_ID: Schema = {"type": ["string", "number", "null"], "description": "comes back with the answer"}
_VERSION: Schema = {"const": "2.0"}
_MOST = 20
# Statuses of errors on paths that stand for one method (D-025).
_STATUSES: Mapping[int, str] = {
    400: "the request cannot be read, or a parameter is wrong: -32700, -32600, -32602",
    401: "no token, or none that counts: -32001",
    403: "the token does not allow it, or an address is not private: -32002, -32003",
    404: "there is no such method, agent or capability: -32601, -32005, -32006",
    413: "the body is too long",
    415: "the body is no JSON",
    429: "too many calls: -32004",
    500: "a fault of the gateway: -32603",
    503: "not now: -32007",
}
_ON_RPC = (401, 413, 415, 429)

SCHEMAS: Mapping[str, Schema] = {
    "RpcError": an_object(
        {
            "jsonrpc": _VERSION,
            "error": an_object(
                {"code": {"type": "integer"}, "message": {"type": "string"}}, {"data": {"type": "object"}}
            ),
            "id": _ID,
        }
    )
}


class RpcSchemas:
    """What parameters and results are made of: two families, which have many names in common.

    Args:
        methods: of the agent API, by name.
        results: what they answer.
    """

    def __init__(self, methods: Mapping[str, Method], results: Mapping[str, type[msgspec.Struct]]) -> None:
        self.params = Schemas((method.params for method in methods.values()), "Params")
        self.results = Schemas((results[name] for name in methods if name in results), "Result")
        self.components = {**self.params.components, **self.results.components}


def rpc_paths(
    methods: Mapping[str, Method], results: Mapping[str, type[msgspec.Struct]], schemas: RpcSchemas
) -> Mapping[str, Mapping[str, Schema]]:
    """The operations of the agent API, by path and verb."""
    paths: dict[str, dict[str, Schema]] = {f"{AGENT_API}/rpc": {"post": _rpc(methods, results, schemas)}}
    for route in ROUTES:
        described = _path(route, methods[route.method], results.get(route.method), schemas)
        paths.setdefault(AGENT_API + route.path, {})[route.verb.lower()] = described
    return paths


def _rpc(methods: Mapping[str, Method], results: Mapping[str, type[msgspec.Struct]], schemas: RpcSchemas) -> Schema:
    calls = [_call(name, method, schemas) for name, method in sorted(methods.items())]
    # Methods share results.
    shapes = dict.fromkeys(results[name] for name in sorted(methods) if name in results)
    answers = [_result(shape, schemas) for shape in shapes]
    call: Schema = {"oneOf": calls}
    answer: Schema = {"anyOf": [*answers, named("RpcError")]}
    batch = {"minItems": 1, "maxItems": _MOST, "type": "array"}
    return {
        "operationId": "rpc",
        "summary": "Call a method, or up to 20 in a batch (JSON-RPC 2.0)",
        "description": "Each method takes its own scope: `x-scopes` has them.",
        "tags": ["rpc"],
        "security": [*security(None, without_token=False), {}],
        "x-origin": "addition",
        "x-scopes": {name: method.scope for name, method in sorted(methods.items())},
        # Which result is whose: the answer itself does not say, and who makes a client of this needs it.
        "x-results": {name: schemas.results.of(results[name]) for name in sorted(methods) if name in results},
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"oneOf": [call, {**batch, "items": call}]}}},
        },
        "responses": {
            "200": {
                "description": "the result, or the error",
                "headers": headers(),
                "content": {"application/json": {"schema": {"anyOf": [answer, {**batch, "items": answer}]}}},
            },
            "204": {"description": "notifications alone have no answer", "headers": headers()},
            **_errors(_ON_RPC),
        },
    }


def _path(route: Route, method: Method, result: type[msgspec.Struct] | None, schemas: RpcSchemas) -> Schema:
    status = "202" if route.asynchronous else "200"
    ours = route.path in {"/agents/{agentId}", "/governor/analyses", "/governor/analyses/{analysisId}"}
    addition = (ours and route.verb == "GET") or route.path.startswith("/capabilities")
    content = {} if result is None else {"application/json": {"schema": _result(result, schemas)}}
    described: dict[str, Any] = {
        "operationId": route.method.replace(".", "_"),
        "summary": f"{route.method} as a path of its own",
        "description": explained(method.scope, without_token=method.open),
        "tags": [route.method.partition(".")[0]],
        "security": [*security(method.scope, without_token=method.open)] or [{}],
        "x-origin": "addition" if addition else "seed",
        "responses": {
            status: {
                "description": "the result",
                "headers": headers(["Location"] if route.asynchronous else []),
                "content": content,
            },
            "204": {"description": "a notification has no answer", "headers": headers()},
            **_errors(_STATUSES),
        },
    }
    parameters = [*_in_path(route), *_in_query(route, method)]
    if parameters:
        described["parameters"] = parameters
    if route.body is Body.REQUIRED:
        # Elsewhere HTTP has no use for one: that of the reference is taken all the same, and nobody is to send it
        # (D-020; RFC 9110, 9.3.1 and 9.3.5).
        body = {"application/json": {"schema": _call(route.method, method, schemas, in_path=route.parameter)}}
        described["requestBody"] = {"required": True, "content": body}
    return described


def _call(name: str, method: Method, schemas: RpcSchemas, in_path: str | None = None) -> Schema:
    """A request; what the path says already stands there once (D-026)."""
    params = schemas.params.of(method.params)
    if in_path is not None:
        rest = {name: found for name, found in members(method.params).items() if name != in_path}
        params = an_object(
            {name: schema for name, (schema, required) in rest.items() if required},
            {name: schema for name, (schema, required) in rest.items() if not required},
        )
    fields = msgspec.structs.fields(method.params)
    needed = any(field.required for field in fields if field.encode_name != in_path)
    fixed: Schema = {"jsonrpc": _VERSION, "method": {"const": name}}
    if needed:
        return an_object({**fixed, "params": params}, {"id": _ID})
    return an_object(fixed, {"params": params, "id": _ID})


def _result(result: type[msgspec.Struct], schemas: RpcSchemas) -> Schema:
    return an_object({"jsonrpc": _VERSION, "result": schemas.results.of(result), "id": _ID})


def errors() -> Mapping[str, Schema]:
    """An answer for each status of an error, by its name in the document."""
    return {
        f"RpcError{status}": {
            "description": words,
            "headers": headers(
                {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}.get(status, ())
            ),
            "content": {"application/json": {"schema": named("RpcError")}},
        }
        for status, words in _STATUSES.items()
    }


def _errors(statuses: Iterable[int]) -> Mapping[str, Schema]:
    return {str(status): {"$ref": f"#/components/responses/RpcError{status}"} for status in statuses}


def _in_path(route: Route) -> list[Schema]:
    if route.parameter is None:
        return []
    return [{"name": route.parameter, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}]


def _in_query(route: Route, method: Method) -> list[Schema]:
    known = members(method.params) if route.query else {}
    return [{"name": name, "in": "query", "schema": in_query(known[name][0])} for name in route.query]
