"""The description as generators of clients read it best: the same calls and models, said in fewer ways.

What is right in OpenAPI 3.1 is not what every generator follows. Nothing is added here that the gateway does not do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

_RPC = "/api/v1/rpc"
_JSON = "application/json"
_DOCUMENT = "application/vnd.api+json"
_PACKAGE = "application/gzip"
_BYTES = "application/octet-stream"
_VERBS = frozenset({"get", "put", "post", "patch", "delete"})
_AT = "#/components/schemas/"
_FAULT = "RpcFault"
_TO_FAULT = {"$ref": _AT + _FAULT}
# A header that says nothing in a client of this very version.
_VERSION = {"$ref": "#/components/parameters/X-API-Version"}
# The first of them that is there is the one a client sends, or is told of.
_PREFERRED = (_JSON, "application/problem+json", _PACKAGE, _BYTES, "text/plain")
# Media types of answers that programs read.
_READ = (*_PREFERRED, _DOCUMENT)


def narrowed(document: Document) -> Document:
    """The description for generators.

    Args:
        document: as the gateway gives it.
    """
    models: dict[str, Any] = dict(document["components"]["schemas"])
    fault = models["RpcError"]["properties"]
    models |= {_FAULT: fault["error"], "RpcError": {**models["RpcError"], "properties": {**fault, "error": _TO_FAULT}}}
    paths: dict[str, dict[str, Any]] = {}
    for path, verbs in document["paths"].items():
        if path == _RPC:
            continue
        kept = {verb: found for verb, found in verbs.items() if verb in _VERBS and not _for_people(found)}
        if kept:
            paths[path] = {verb: _operation(operation, models) for verb, operation in kept.items()}
    known = {operation["operationId"] for verbs in paths.values() for operation in verbs.values()}
    for name, call in _calls(document):
        if call["operationId"] not in known:
            # A client sends no fragment: all of these go to one path, and each has its own parameters and result.
            paths[f"{_RPC}#{name}"] = {"post": _operation(call, models)}
    responses = {name: _response(found, None, models) for name, found in document["components"]["responses"].items()}
    components = {**document["components"], "schemas": models, "responses": responses}
    whole: Document = _plain({**document, "servers": [{"url": "/"}], "paths": paths, "components": components})
    return whole


def _for_people(operation: Document) -> bool:
    """Pages for browsers, and what belongs to them: no client reads those."""
    given = [found.get("content", {}) for status, found in operation["responses"].items() if status.startswith("2")]
    return any(content and not content.keys() & set(_READ) for content in given)


def _operation(operation: Document, models: dict[str, Any]) -> dict[str, Any]:
    own = "".join(part.capitalize() for part in operation["operationId"].split("_"))
    changed = dict(operation)
    changed["parameters"] = [_parameter(found) for found in operation.get("parameters", ()) if found != _VERSION]
    # One way of showing who calls: clients send what they have for each of them, and two at once are refused.
    changed["security"] = operation["security"][:1]
    if "requestBody" in operation:
        content = _chosen(operation["requestBody"]["content"])
        changed["requestBody"] = {**operation["requestBody"], "content": _named(content, f"{own}Request", models)}
    changed["responses"] = {
        status: _response(found, f"{own}Answer" if status.startswith("2") else None, models)
        for status, found in operation["responses"].items()
    }
    return changed


def _parameter(parameter: Document) -> Document:
    """A parameter is there or not: in a query nothing is null."""
    schema = parameter.get("schema", {})
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return parameter
    rest = {name: member for name, member in schema.items() if name not in {"anyOf", "default"}}
    return {**parameter, "schema": {**rest, **kinds[0]}}


def _response(response: Document, name: str | None, models: dict[str, Any]) -> Document:
    if not response.get("content"):
        return response
    return {**response, "content": _named(_chosen(response["content"]), name, models)}


def _named(content: Mapping[str, Document], name: str | None, models: dict[str, Any]) -> Mapping[str, Document]:
    """The same with its model under a name of its own, for who reads the client."""
    [(media, found)] = content.items()
    schema = found.get("schema", {})
    if name is None or schema.get("type") != "object":
        return content
    if models.get(name, schema) != schema:
        raise ValueError(f"{name}: a model of the gateway is called that already; give it another name")
    models[name] = schema
    return {media: {"schema": {"$ref": _AT + name}}}


def _chosen(content: Mapping[str, Document]) -> Mapping[str, Document]:
    """One media type of those that carry the same."""
    for name in _PREFERRED:
        if name in content:
            if name in {_PACKAGE, _BYTES}:
                return {_BYTES: {"schema": {"type": "string", "format": "binary"}}}
            if "schema" not in content[name]:
                return {name: {"schema": {"type": "string"}}}
            return {name: content[name]}
    return content


def _calls(document: Document) -> Iterator[tuple[str, Document]]:
    """An operation for each method of the agent API, by its name."""
    rpc = document["paths"][_RPC]["post"]
    one, _ = rpc["requestBody"]["content"][_JSON]["schema"]["oneOf"]
    results: Mapping[str, Document] = rpc["x-results"]
    failures = {status: found for status, found in rpc["responses"].items() if not status.startswith("2")}
    for call in one["oneOf"]:
        name: str = call["properties"]["method"]["const"]
        # Errors come with status 200 here (D-025), so that an answer has the one member or the other.
        members = {
            "jsonrpc": {"const": "2.0"},
            "result": results.get(name, {}),
            "error": _TO_FAULT,
            "id": {"type": ["string", "integer", "null"]},
        }
        answer = {"type": "object", "properties": members, "required": ["jsonrpc", "id"], "additionalProperties": False}
        yield (
            name,
            {
                "operationId": name.replace(".", "_"),
                "summary": f"{name}, of the agent API",
                "tags": [name.partition(".")[0]],
                "security": rpc["security"],
                "requestBody": {"required": True, "content": {_JSON: {"schema": call}}},
                "responses": {
                    "200": {"description": "the result, or the error", "content": {_JSON: {"schema": answer}}},
                    **failures,
                },
            },
        )


def _plain(value: Any) -> Any:
    """The same with schemas said plainly."""
    if isinstance(value, list):
        return [_plain(member) for member in value]
    if not isinstance(value, Mapping):
        return value
    changed = {name: _plain(member) for name, member in value.items()}
    kinds = changed.get("type")
    if isinstance(kinds, list) and "object" in kinds and "array" in kinds:
        # Anything: generators take the array for one of nothing.
        return {name: member for name, member in changed.items() if name not in {"type", "items"}}
    choices = changed.get("enum")
    if isinstance(choices, list) and len(choices) == 1:
        changed.pop("enum")
        changed.pop("type", None)
        changed["const"] = choices[0]
    return changed
