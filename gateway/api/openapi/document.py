"""The whole description (OpenAPI 3.1.0; D-009): made once, when somebody asks for the first time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from gateway.access.scopes import SCOPES
from gateway.api.dispatch import Method
from gateway.api.openapi import errors, events, rest_paths, rpc_paths
from gateway.api.openapi.schemas import Schema, Schemas
from gateway.api.rest.oauth import REFRESHING, TOKEN
from gateway.api.rest.oauth_metadata import AUTHORIZE
from gateway.api.rest.route import Route
from gateway.api.rest.versions import API_VERSION, Lifecycle
from gateway.core.catalogue import CATALOGUE

_TAGS: Mapping[str, str] = {
    "agent": "agents on the LAN, and messages between them",
    "alarm": "standing alarms on tags and devices",
    "alert": "what somebody should see to",
    "api_key": "for programs that cannot ask for tokens",
    "auth": "tokens, and who is who",
    "capability": "what the gateway or an agent can do, done",
    "client": "programs that get tokens",
    "deliveries": "what webhooks receive",
    "discovery": "services that are announced",
    "event": "what happened",
    "governor": "the five loops, and what they found",
    "message": "messages between agents",
    "plugin": "the registry of plugins, and their packages",
    "review": "what people think of plugins",
    "instance": "installed plugins: configured, started, stopped, and how they do",
    "rpc": "every method of the agent API",
    "security": "addresses and cards, checked",
    "server": "the gateway itself",
    "tools": "this description",
    "update": "another system for a board that was flashed",
    "user": "people",
    "webhook": "deliveries to others",
}
_DESCRIPTION = (
    "`/v1` is the plugin API: REST with JSON, errors as problem documents (RFC 9457). `/api/v1` is the agent API: "
    "JSON-RPC 2.0. What no reference names is marked with `x-origin: addition`."
)


def described(
    routes: Sequence[Route],
    methods: Mapping[str, Method],
    results: Mapping[str, type[msgspec.Struct]],
    lifecycle: Lifecycle,
) -> Schema:
    """Describe both APIs.

    Args:
        routes: of the plugin API.
        methods: of the agent API, by name.
        results: what they answer.
        lifecycle: what of them ends.
    """
    rest = Schemas(rest_paths.models_of(routes))
    rpc = rpc_paths.RpcSchemas(methods, results)
    told = Schemas(events.models_of(CATALOGUE.values()), events.PREFIX)
    paths = {**rest_paths.rest_paths(routes, rest, lifecycle), **rpc_paths.rpc_paths(methods, results, rpc)}
    answers = _led_to({**errors.problems(), **rpc_paths.errors()}, "responses", paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ferrule",
            "version": API_VERSION.decode(),
            "summary": "An edge gateway for serial and Modbus devices",
            "description": _DESCRIPTION,
        },
        "servers": [
            {"url": "/", "description": "the gateway this came from"},
            {
                "url": "https://{host}:{port}",
                "description": "another one",
                "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "3500"}},
            },
        ],
        "tags": [
            {"name": name, "description": _TAGS.get(name, name)} for name in sorted(_used(paths) | {"deliveries"})
        ],
        "paths": paths,
        "webhooks": events.webhooks(CATALOGUE.values(), told),
        "components": {
            "schemas": {
                **rest_paths.SCHEMAS,
                **rpc_paths.SCHEMAS,
                **errors.SCHEMAS,
                **rest.components,
                **rpc.components,
                **told.components,
            },
            "responses": answers,
            "headers": _led_to({**errors.HEADERS}, "headers", paths, answers),
            "parameters": rest_paths.PARAMETERS,
            "securitySchemes": _schemes(),
        },
    }


def _used(paths: Mapping[str, Mapping[str, Schema]]) -> set[str]:
    return {tag for verbs in paths.values() for operation in verbs.values() for tag in operation["tags"]}


def _led_to(parts: Mapping[str, Schema], kind: str, *users: object) -> Mapping[str, Schema]:
    """Those parts that something leads to: what no operation answers at present is not described."""
    led = set(_references(users))
    return {name: part for name, part in parts.items() if f"#/components/{kind}/{name}" in led}


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name == "$ref" and isinstance(member, str):
                yield member
            else:
                yield from _references(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _references(member)


def _schemes() -> Mapping[str, Any]:
    scopes = dict(SCOPES)
    return {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "a token of OAuth 2, or of `ferrule token`; at /api/v1 one of an agent",
        },
        "oauth2": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {"tokenUrl": TOKEN, "refreshUrl": REFRESHING, "scopes": scopes},
                "authorizationCode": {
                    "authorizationUrl": AUTHORIZE,
                    "tokenUrl": TOKEN,
                    "refreshUrl": REFRESHING,
                    "scopes": scopes,
                },
            },
        },
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "ApiKey ID:KEY",
        },
        "apiKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "ID:KEY"},
    }
