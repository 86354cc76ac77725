"""Answers of the plugin API held against the description that the gateway gives of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import msgspec
import trio

from gateway.api.asgi import Application, Event, Scope
from gateway.api.openapi.conformity import by_itself, operation_of, response_of
from gateway.api.rest.tools import OPENAPI

Document = Mapping[str, Any]


class Described:
    """The description, and what judges answers by it.

    Args:
        app: the API, which gives it.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._reading = trio.Lock()
        self._document: Document | None = None
        self._validators: dict[tuple[str, str], jsonschema_rs.Validator] = {}

    async def wrong(self, scope: Scope, status: int, content_type: str, body: bytes) -> str | None:
        """What is wrong with an answer, in words; None where it is as described, or nothing is said of it.

        Args:
            scope: of the request.
            status: of the answer.
            content_type: of the answer, "" where it has none.
            body: of the answer.
        """
        if scope["path"] == OPENAPI:
            return None
        document = await self._read(scope)
        operation = operation_of(document["paths"], scope["method"], scope["path"])
        if operation is None:
            return None
        answer = operation["responses"].get(str(status))
        response = response_of(answer, lambda name: document["components"]["responses"][name])
        if response is None:
            return f"{operation['operationId']}: the status {status} is not described"
        content = response.get("content", {})
        if scope["method"] == "HEAD" or (not content and not body):
            return None
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in content:
            return f"{operation['operationId']}: {status} as {media_type or 'nothing'} is not described"
        if not media_type.endswith("json") or "schema" not in content[media_type]:
            return None
        judge = self._validator(document, f"{operation['operationId']} {status}", media_type, content[media_type])
        error = next(judge.iter_errors(msgspec.json.decode(body)), None)
        return None if error is None else f"{operation['operationId']}: {status}: {error.message[:300]}"

    def _validator(self, document: Document, what: str, media_type: str, media: Document) -> jsonschema_rs.Validator:
        key = (what, media_type)
        if key not in self._validators:
            schema = by_itself(media["schema"], lambda name: document["components"]["schemas"][name])
            self._validators[key] = jsonschema_rs.Draft202012Validator(schema, validate_formats=False)
        return self._validators[key]

    async def _read(self, scope: Scope) -> Document:
        async with self._reading:
            if self._document is None:
                self._document = await self._asked(scope)
        return self._document

    async def _asked(self, scope: Scope) -> Document:
        parts: list[bytes] = []

        async def receive() -> Event:
            await trio.lowlevel.checkpoint()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event: Event) -> None:
            await trio.lowlevel.checkpoint()
            parts.append(event.get("body", b""))

        asking = {
            **scope,
            "method": "GET",
            "path": OPENAPI,
            "raw_path": OPENAPI.encode(),
            "query_string": b"",
            "headers": [(name, value) for name, value in scope["headers"] if name == b"host"],
        }
        await self._app(asking, receive, send)
        document: Document = msgspec.json.decode(b"".join(parts))
        return document
