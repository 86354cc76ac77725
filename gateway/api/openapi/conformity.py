"""Whether an answer is what the description says it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from gateway.api.replies import Reply

Document = Mapping[str, Any]
T = TypeVar("T")

_VARIABLE = re.compile(r"\\{\w+\\}")
_MODELS = "#/components/schemas/"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Parts(msgspec.Struct, frozen=True):
    schemas: dict[str, msgspec.Raw] = {}
    responses: dict[str, msgspec.Raw] = {}


class _Description(msgspec.Struct, frozen=True):
    """A description of which only what is looked at is decoded: the whole is megabytes of objects."""

    paths: dict[str, dict[str, msgspec.Raw]]
    components: _Parts


def conforms(described: bytes, method: str, path: str, reply: Reply) -> bool | None:
    """Hold an answer against the description. It takes tens of milliseconds: call it in a thread.

    Args:
        described: the description.
        method: of the request.
        path: of the request.
        reply: the answer; it has no stream.

    Returns:
        None where nothing is said of such an answer: the path is in no description, or what it gives is no JSON.
    """
    description = msgspec.json.decode(described, type=_Description)
    found = operation_of(description.paths, method, path)
    if found is None:
        return None
    answers = _read(found)["responses"]
    response = response_of(answers.get(str(reply.status)), lambda name: _read(description.components.responses[name]))
    if response is None:
        return False
    content = response.get("content", {})
    content_type = reply.content_type.decode("latin-1").partition(";")[0].strip().lower()
    media = content.get(content_type)
    if media is None:
        return not content and not reply.body
    if "schema" not in media:
        return None
    # Most gateways are never asked for this, and it is some megabytes of code.
    import jsonschema_rs  # noqa: PLC0415

    schema = by_itself(media["schema"], lambda name: _read(description.components.schemas[name]))
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=False)
    return validator.is_valid(msgspec.json.decode(reply.body))


def operation_of(paths: Mapping[str, Mapping[str, T]], method: str, path: str) -> T | None:
    """The operation a request leads to: paths without variables go first (OpenAPI 3.1, 4.8.8.2)."""
    verb = "get" if method == "HEAD" else method.lower()
    fitting = [template for template in paths if re.fullmatch(_VARIABLE.sub("[^/]+", re.escape(template)), path)]
    found = min(fitting, key=lambda template: template.count("{"), default=None)
    return None if found is None else paths[found].get(verb)


def response_of(response: Document | None, elsewhere: Callable[[str], Document]) -> Document | None:
    """A response, where another part of the document has it: ``elsewhere`` gives that by its name."""
    if response is None or "$ref" not in response:
        return response
    return elsewhere(response["$ref"].rpartition("/")[2])


def by_itself(schema: Document, model: Callable[[str], Document]) -> dict[str, Any]:
    """A schema with the models it leads to, and no others: a validator of all there are takes megabytes.

    Args:
        schema: of a body.
        model: gives one by its name.
    """
    models: dict[str, Document] = {}
    waiting: list[object] = [schema]
    while waiting:
        for name in _led_to(waiting.pop()):
            if name not in models:
                models[name] = model(name)
                waiting.append(models[name])
    return {"$schema": _DIALECT, "allOf": [schema], "components": {"schemas": models}}


def _led_to(value: object) -> Iterator[str]:
    """Names of the models that a schema leads to."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name == "$ref" and isinstance(member, str):
                yield member.removeprefix(_MODELS)
            else:
                yield from _led_to(member)
    elif isinstance(value, list):
        for member in value:
            yield from _led_to(member)


def _read(raw: msgspec.Raw) -> Document:
    document: Document = msgspec.json.decode(raw)
    return document
