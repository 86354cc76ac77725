"""What the gateway says, as plugins get it: the same members as over its API."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core import rfc3339
from gateway.core.events import Event
from gateway.core.ports import Json, SerialAnswer, TagRow, WriteResult
from gateway.core.reading import WORDS, Reading

Form = dict[str, Json]


def readings(items: Iterable[Reading]) -> list[Json]:
    """Readings of tags: ``value`` is null where quality is bad."""
    return [_reading(item) for item in items]


def tag_row(row: TagRow) -> Form:
    """A tag."""
    return {
        "tag": row.name,
        "type": row.type,
        "units": row.units,
        "writable": row.writable,
        "poll": row.poll,
        "description": row.description or None,
    }


def write_result(result: WriteResult) -> Form:
    """The honest outcome of a write."""
    return {
        "outcome": result.outcome.value,
        "reason": result.reason,
        "message": result.message,
        "readBack": result.read_back,
    }


def serial_answer(answer: SerialAnswer) -> Form:
    """What a raw serial line said: ``data`` in hex, ``text`` where it is text."""
    return {
        "data": None if answer.data is None else answer.data.hex(),
        "text": answer.text,
        "timestamp": None if answer.time is None else rfc3339.text(answer.time),
        "clock": answer.clock,
        "reason": answer.reason,
        "message": answer.message,
    }


def event(item: Event) -> Form:
    """An event."""
    return {
        "id": item.id,
        "type": item.type,
        "timestamp": rfc3339.text(item.time),
        "clock": item.clock,
        "sequence": item.sequence,
        "routingKey": item.routing_key,
        "data": _json(item.data),
    }


def _reading(item: Reading) -> Form:
    sample = item.sample
    return {
        "tag": item.tag,
        "value": item.value,
        "quality": item.quality.value,
        "reason": None if item.reason is None else item.reason.value,
        "message": None if item.reason is None else WORDS[item.reason],
        "timestamp": None if sample is None else rfc3339.text(sample.wall),
        "clock": None if sample is None else sample.era.clock,
        "sequence": None if sample is None else sample.sequence,
    }


def _json(value: object) -> Json:
    """The data of an event is what JSON can carry; its type does not say so."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(name): _json(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_json(member) for member in value]
    raise TypeError(f"{type(value).__name__} in the data of an event")
