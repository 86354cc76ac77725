"""What a plugin may ask of the host: every method with its parameters. Unknown members are refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Age = Annotated[float, Meta(ge=0, le=86_400)]
Value = bool | int | float | str


class Params(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Parameters of a method."""


class TagList(Params, frozen=True):
    """Every tag the instance may read."""


class TagRead(Params, frozen=True):
    """Readings of tags."""

    tags: Annotated[list[Name], Meta(min_length=1, max_length=200)]
    max_age: Age | None = None


class TagWrite(Params, frozen=True):
    """Write one tag; with ``lease`` (seconds) it goes back to its safe value unless written again."""

    tag: Name
    value: Value
    lease: Annotated[float, Meta(gt=0, le=86_400)] | None = None


class ReadingPublish(Params, frozen=True):
    """Say the value of a tag of one's own."""

    tag: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*\Z", max_length=200)]
    value: Value | None
    quality: Literal["good", "uncertain", "bad"] = "good"
    units: Annotated[str, Meta(max_length=32)] | None = None
    timestamp: Annotated[str, Meta(max_length=40)] | None = None
    # Below that every tag would be looked at more often than it is worth.
    stale_after: Annotated[float, Meta(ge=5, le=86_400)] | None = None


class EventPublish(Params, frozen=True):
    """Publish an event."""

    type: Annotated[str, Meta(pattern=r"\A[a-z0-9_-]+(?::[a-z0-9_-]+)+\Z", max_length=128)]
    data: dict[str, Any]
    routing_key: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\Z", max_length=128)] | None = None
    persistent: bool = False


class EventSubscribe(Params, frozen=True):
    """Have events, as long as this process runs; ``name`` comes with each of them."""

    name: Name
    patterns: Annotated[list[str], Meta(min_length=1, max_length=50)]
    filter: dict[str, Any] = {}


class EventUnsubscribe(Params, frozen=True):
    """Have them no more."""

    name: Name


class MessageSend(Params, frozen=True):
    """Write to another plugin; with ``timeout`` (seconds) its answer is waited for."""

    to: Name
    type: Name
    payload: Any = None
    # ``regular`` is normal (D-117).
    priority: Literal["low", "normal", "regular", "high", "urgent"] = "normal"
    correlation_id: Name | None = None
    timeout: Annotated[float, Meta(gt=0, le=300)] | None = None


class StorageGet(Params, frozen=True):
    """A value that was kept."""

    key: Name


class StoragePut(Params, frozen=True):
    """Keep a value."""

    key: Name
    value: Any


class StorageDelete(Params, frozen=True):
    """Forget a value."""

    key: Name


class StorageList(Params, frozen=True):
    """Keys of what was kept, and how much room there is."""

    prefix: Annotated[str, Meta(max_length=200)] = ""


class Log(Params, frozen=True):
    """Say something in the log of the instance."""

    message: Annotated[str, Meta(max_length=10_000)]
    level: Literal["debug", "info", "warning", "error"] = "info"


class SerialRead(Params, frozen=True):
    """The last message of a raw serial line."""

    line: Name
    max_age: Age | None = None


class SerialWrite(Params, frozen=True):
    """Send bytes on a raw serial line: ``text`` (ASCII), or ``data`` in hex."""

    line: Name
    text: Annotated[str, Meta(min_length=1, max_length=1000, pattern=r"\A[\x00-\x7f]*\Z")] | UnsetType = UNSET
    data: Annotated[str, Meta(min_length=2, max_length=2000, pattern=r"\A(?:[0-9a-fA-F]{2})+\Z")] | UnsetType = UNSET


METHODS: Mapping[str, type[Params]] = MappingProxyType(
    {
        "tag.list": TagList,
        "tag.read": TagRead,
        "tag.write": TagWrite,
        "reading.publish": ReadingPublish,
        "event.publish": EventPublish,
        "event.subscribe": EventSubscribe,
        "event.unsubscribe": EventUnsubscribe,
        "message.send": MessageSend,
        "storage.get": StorageGet,
        "storage.put": StoragePut,
        "storage.delete": StorageDelete,
        "storage.list": StorageList,
        "log": Log,
        "serial.read": SerialRead,
        "serial.write": SerialWrite,
    }
)
