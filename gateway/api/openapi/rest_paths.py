"""The plugin API described: an operation for each route of its table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from gateway.api.openapi.errors import ENDING, headers, oauth_error, page_of_error, problem
from gateway.api.openapi.links import links_of
from gateway.api.openapi.schemas import Schema, Schemas, an_object, in_query, members, named
from gateway.api.rest.problems import JSON_API
from gateway.api.rest.route import Form, Route
from gateway.api.rest.versions import Lifecycle

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_URL_ENCODED = "application/x-www-form-urlencoded"
_DOCUMENT = JSON_API.decode()
_VARIABLE = re.compile(r"{(\w+)}")
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CONDITIONAL = frozenset({"PUT", "PATCH", "DELETE"})

# Beside the data of a list (D-011 to D-013).
SCHEMAS: Mapping[str, Schema] = {
    "ListMeta": {
        "type": "object",
        "properties": {name: {"type": "integer", "minimum": 0} for name in ("total", "page", "per_page", "after")},
    },
    "Links": {
        "type": "object",
        "additionalProperties": {"type": "string", "format": "uri-reference"},
    },
}


# What may come with many requests.
PARAMETERS: Mapping[str, Schema] = {
    "X-API-Version": {
        "name": "X-API-Version",
        "in": "header",
        "description": "the version that is meant; another major one than 1 is refused with 400",
        "schema": {"type": "string", "pattern": r"^1(\.[0-9]{1,4}){0,2}$"},
    },
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "of the caller's own choosing, one for each thing to be made: what comes twice with it in 24 h "
        "is done once",
        "schema": {"type": "string", "pattern": r"^[\x21\x23-\x5b\x5d-\x7e]{1,255}$", "maxLength": 255},
    },
}


def models_of(routes: Iterable[Route]) -> list[type[msgspec.Struct]]:
    """What bodies and answers are made of."""
    return [model for route in routes for model in (route.body, route.related, route.result) if model is not None]


def rest_paths(routes: Iterable[Route], schemas: Schemas, lifecycle: Lifecycle) -> Mapping[str, Mapping[str, Schema]]:
    """The operations of the plugin API, by path and verb."""
    table = tuple(routes)
    names = {route.name: operation_id(route) for route in table}
    paths: dict[str, dict[str, Schema]] = {}
    for route in table:
        operation = _operation(route, schemas, lifecycle)
        if links := links_of(route, table, names):
            success = str(route.status)
            answers = {**operation["responses"], success: {**operation["responses"][success], "links": links}}
            operation = {**operation, "responses": answers}
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return paths


def operation_id(route: Route) -> str:
    """The name of an operation, which generators make a function of."""
    return route.name.replace(".", "_").replace("-", "_")


def _operation(route: Route, schemas: Schemas, lifecycle: Lifecycle) -> Schema:
    operation: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": explained(route.scope, without_token=route.open),
        "tags": [route.name.partition(".")[0]],
        "security": security(route.scope, without_token=route.open),
        "x-origin": route.origin,
    }
    operation["parameters"] = [*_in_path(route), *_in_query(route), *_in_headers(route)]
    content = _body(route, schemas)
    if content:
        operation["requestBody"] = {"required": route.body_needed, "content": content}
    failures = _failures(route, takes_body=bool(content))
    success = _success(route, schemas)
    retirement = lifecycle.find(route.method, route.path)
    if retirement is not None:
        operation |= {"deprecated": True, "x-sunset": str(retirement.sunset), "x-successor": retirement.successor}
        success = {**success, "headers": {**success["headers"], **headers(ENDING)}}
        failures |= {410}
    operation["responses"] = {
        str(route.status): success,
        **{str(status): _also(status, words, success) for status, words in _others(route).items()},
        **{str(status): _failure(route, status) for status in sorted(failures)},
    }
    return operation


def explained(scope: str | None, *, without_token: bool) -> str:
    """What a caller needs, in words."""
    if without_token:
        return "Needs no token."
    return "Takes any good token." if scope is None else f"Takes a token with the scope `{scope}`."


def security(scope: str | None, *, without_token: bool) -> list[Schema]:
    """Who may call: one of these ways of showing it will do."""
    if without_token:
        return []
    scopes = [] if scope is None else [scope]
    return [{"bearer": scopes}, {"oauth2": scopes}, {"apiKey": scopes}, {"apiKeyHeader": scopes}]


def _in_path(route: Route) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _VARIABLE.findall(route.path)
    ]


def _in_query(route: Route) -> list[Schema]:
    return [
        {"name": name, "in": "query", "required": required, "schema": in_query(schema)}
        for name, (schema, required) in members(route.query).items()
    ]


def _in_headers(route: Route) -> list[Schema]:
    found: list[Schema] = [{"$ref": "#/components/parameters/X-API-Version"}]
    if route.keyed:
        found.append({"$ref": "#/components/parameters/Idempotency-Key"})
    if route.waits:
        description = "wait=n: wait up to n seconds for what comes of it (RFC 7240)"
        found.append({"name": "Prefer", "in": "header", "description": description, "schema": {"type": "string"}})
    if route.method in _CONDITIONAL:
        description = "the ETag of the state that is to be changed: 412 for another one, 428 for none where one must be"
        found.append({"name": "If-Match", "in": "header", "description": description, "schema": {"type": "string"}})
    return found


def _body(route: Route, schemas: Schemas) -> Schema:
    if route.takes is Form.FILE:
        return {route.accepts[0]: {}}
    if route.body is None:
        return {}
    given = schemas.of(route.body)
    if route.gives is Form.PAGE:
        return {_URL_ENCODED: {"schema": given}}
    if route.raw is not None:
        return {kind: {"schema": given} for kind in (_URL_ENCODED, _JSON, _DOCUMENT)}
    resource = _resource(route, given, None if route.related is None else schemas.of(route.related))
    if route.takes is Form.DOCUMENT:
        return {_DOCUMENT: {"schema": resource}, _JSON: {"schema": resource}}
    plain = an_object({"data": given})
    if route.takes is Form.EITHER:
        return {_JSON: {"schema": {"oneOf": [given, plain]}}, _DOCUMENT: {"schema": resource}}
    kinds = {_JSON: {"schema": plain}, _DOCUMENT: {"schema": resource}}
    return {**kinds, _MERGE_PATCH: {"schema": plain}} if route.method == "PATCH" else kinds


def _resource(route: Route, attributes: Schema, related: Schema | None) -> Schema:
    relationships = {} if related is None else {"relationships": related}
    data = an_object(
        {"type": {"const": route.resource}, "attributes": attributes, **relationships},
        {"id": {"type": "string", "description": "as in the path, or left out"}},
    )
    return an_object({"data": data})


def _success(route: Route, schemas: Schemas) -> Schema:
    names = [
        "X-API-Version",
        "Link",
        *(["Location"] if route.status == 201 else []),
        *(["Idempotency-Replayed"] if route.keyed else []),
        *(["Preference-Applied"] if route.waits else []),
        *(["ETag"] if route.method in {"GET", "PUT", "PATCH"} and "{" in route.path and not route.listing else []),
    ]
    answer: dict[str, Any] = {"description": route.summary, "headers": headers(names)}
    if route.gives is Form.FILE:
        return {**answer, "content": {name: {} for name in route.files}}
    if route.result is None:
        # A page or a document of its own, where the route writes it itself.
        return answer if route.raw is None else {**answer, "content": {route.media_type: {"schema": _shown(route)}}}
    shown = schemas.of(route.result)
    if route.raw is not None:
        return {**answer, "content": {_JSON: {"schema": shown}}}
    data = {"type": "array", "items": shown} if route.listing else shown
    beside = {"meta": named("ListMeta") if route.listing else {"type": "object"}, "links": named("Links")}
    if route.gives is Form.DOCUMENT:
        version: Schema = {"type": "object", "properties": {"version": {"const": "1.1"}}, "required": ["version"]}
        whole = an_object({"data": data, "jsonapi": version}, beside)
        return {**answer, "content": {_DOCUMENT: {"schema": whole}, _JSON: {"schema": whole}}}
    return {**answer, "content": {_JSON: {"schema": an_object({"data": data}, beside)}}}


def _others(route: Route) -> Mapping[int, str]:
    """Other statuses of success; of a file there are parts (RFC 9110, 14)."""
    return {206: "the part that was asked for", **route.also} if route.gives is Form.FILE else route.also


def _also(status: int, words: str, success: Schema) -> Schema:
    """Another answer that is no failure: the same with other words, or nothing but the way."""
    if 300 <= status < 400:
        return {"description": words, "headers": headers(["Location"] if status == 303 else [])}
    return {**success, "description": words}


def _shown(route: Route) -> Schema:
    return {"type": "object"} if route.media_type == _JSON else {"type": "string"}


def _failures(route: Route, *, takes_body: bool) -> set[int]:
    """Every status an operation may end with that is none of success (D-008)."""
    found = {400, 429, 500, 503} | route.fails
    if route.refusal is None:
        found |= {406}
    if not route.open:
        found |= {401, 403}
    if "{" in route.path:
        found |= {404}
    if takes_body:
        found |= {408, 413, 415, 422}
    if route.keyed:
        # The key came with another request before.
        found |= {422}
    if route.method in _CHANGING and not route.open:
        found |= {409}
    if route.method in _CONDITIONAL:
        found |= {412} if route.method == "DELETE" else {412, 428}
    if route.gives is Form.FILE:
        found |= {416}
    if route.related is not None:
        found |= {404}
    if route.gives is Form.PAGE:
        # A form is read as far as it goes, and its answer is a page.
        found -= {422}
    elif route.refusal is not None:
        # What is wrong with a form is 400 there, and who asks is told with 401.
        found = (found - {415, 422}) | {401}
    return found - {route.status}


def _failure(route: Route, status: int) -> Schema:
    if route.gives is Form.PAGE:
        return page_of_error(status)
    return problem(status) if route.refusal is None else oauth_error(status)
