"""What the gateway sends by itself: the body of a delivery for each type of events (OpenAPI 3.1, ``webhooks``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

import msgspec

from gateway.api.openapi.schemas import Schema, Schemas, an_object
from gateway.core.catalogue_type import Clock, EventType

PREFIX = "Event"

_TEXT: Schema = {"type": "string"}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_SIGNED: Mapping[str, str] = {
    "webhook-id": "of the event, the same over all attempts (Standard Webhooks)",
    "webhook-timestamp": "Unix seconds of the attempt",
    "webhook-signature": "v1,BASE64 over id.timestamp.body, one for each secret that counts",
    "X-Hub-Signature-256": "sha256=HEX over the body",
}


def models_of(types: Iterable[EventType]) -> list[type[msgspec.Struct]]:
    """What the data of events is made of."""
    return [type_.data for type_ in types if type_.data is not None]


def webhooks(types: Iterable[EventType], schemas: Schemas) -> Mapping[str, Schema]:
    """A delivery for each type."""
    return {type_.name: {"post": _delivery(type_, schemas)} for type_ in types}


def _delivery(type_: EventType, schemas: Schemas) -> Schema:
    body = an_object(
        {
            "webhook_id": {**_TEXT, "description": "of the webhook, not of the event"},
            "event_id": _TEXT,
            "event_type": {"const": type_.name},
            "timestamp": _MOMENT,
            "signature": {**_TEXT, "description": "sha256=HEX over the RFC 8785 form of the body without this member"},
            "data": {"type": "object"} if type_.data is None else schemas.of(type_.data),
            "clock": {"enum": list(get_args(Clock))},
            "gateway": {**_TEXT, "description": "of the gateway it happened at"},
            "attempt": {"type": "integer", "minimum": 1},
            "delivered_at": {**_MOMENT, "description": "of this attempt"},
        },
        {
            "seq": {"type": "integer", "minimum": 1, "description": "of events that are kept"},
            "routing_key": _TEXT,
        },
    )
    return {
        "operationId": f"event_{type_.name.replace(':', '_')}",
        "summary": type_.summary,
        "tags": ["deliveries"],
        "security": [],
        "x-scope": type_.scope,
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": words, "schema": _TEXT}
            for name, words in _SIGNED.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"2XX": {"description": "it has arrived"}, "410": {"description": "send nothing more, ever"}},
    }
