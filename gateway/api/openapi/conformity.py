"""Whether an answer is what the description says it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.api.replies import Reply

Document = Mapping[str, Any]

_VARIABLE = re.compile(r"\\{\w+\\}")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


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
    document: Document = msgspec.json.decode(described)
    operation = operation_of(document, method, path)
    if operation is None:
        return None
    response = response_of(document, operation["responses"].get(str(reply.status)))
    if response is None:
        return False
    content = response.get("content", {})
    content_type = reply.content_type.decode("latin-1").partition(";")[0].strip().lower()
    media = content.get(content_type)
    if media is None:
        return not content and not reply.body
    if "schema" not in media:
        return None
    # Most gateways are never asked for this, and it is a megabyte of code.
    import jsonschema_rs  # noqa: PLC0415

    schema = {"$schema": DIALECT, "allOf": [media["schema"]], "components": document["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=False)
    return validator.is_valid(msgspec.json.decode(reply.body))


def operation_of(document: Document, method: str, path: str) -> Document | None:
    """The operation a request leads to: paths without variables go first (OpenAPI 3.1, 4.8.8.2)."""
    paths: Mapping[str, Mapping[str, Document]] = document["paths"]
    verb = "get" if method == "HEAD" else method.lower()
    fitting = [template for template in paths if re.fullmatch(_VARIABLE.sub("[^/]+", re.escape(template)), path)]
    found = min(fitting, key=lambda template: template.count("{"), default=None)
    return None if found is None else paths[found].get(verb)


def response_of(document: Document, response: Document | None) -> Document | None:
    """A response, where another part of the document has it."""
    if response is None or "$ref" not in response:
        return response
    found: Document = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
    return found
