"""What the host needs of the gateway to serve its plugins.

Whoever is behind these doors does not ask what an instance may do: the host has done that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.ports import Json, SerialAnswer, TagRow, WriteResult
from gateway.core.reading import Reading, Value


@dataclass(frozen=True, slots=True)
class Caller:
    """Which instance asks.

    Attributes:
        instance: its id.
        plugin: id of its plugin.
    """

    instance: str
    plugin: str


@dataclass(frozen=True, slots=True)
class DerivedReading:
    """What a plugin says of a tag of its own.

    Attributes:
        tag: its name, as the plugin gives it: the permission decides which names it may have.
        value: None only where quality is bad.
        quality: ``good``, ``uncertain`` or ``bad``.
        units: engineering units; None: not said.
        time: Unix seconds of when it was measured; None: now.
        stale_after: seconds for which it is good; None: as long as the gateway finds right.
    """

    tag: str
    value: Value | None
    quality: str
    units: str | None
    time: float | None
    stale_after: float | None = None


@dataclass(frozen=True, slots=True)
class MessageOut:
    """What a plugin writes to another one.

    Attributes:
        to: id of the other plugin.
        type: a word of the sender's.
        payload: whatever the two agree on.
        priority: ``low``, ``normal``, ``high`` or ``urgent``.
        correlation_id: of an earlier message this one belongs to; None: the gateway makes one.
        timeout: seconds an answer is waited for; None: none is.
    """

    to: str
    type: str
    payload: Json
    priority: str
    correlation_id: str | None
    timeout: float | None


class Tags(Protocol):
    """Tags, by their full names. All raise GatewayError."""

    def list(self) -> Sequence[TagRow]:
        """Every tag."""
        ...

    async def read(self, names: Sequence[str], max_age: float | None) -> Sequence[Reading]:
        """Readings of tags; with ``max_age`` (seconds), older ones are fetched first."""
        ...

    async def write(self, caller: Caller, name: str, value: Value, lease: float | None) -> WriteResult:
        """Write one tag."""
        ...

    def publish(self, caller: Caller, reading: DerivedReading) -> None:
        """Take a reading of a tag that has no device."""
        ...

    def ended(self, caller: Caller) -> None:
        """A process of an instance is gone: what it made of tags is not true any more. Never raises."""
        ...

    def forget(self, caller: Caller) -> None:
        """An instance is gone, and its tags are. Never raises."""
        ...


class Serial(Protocol):
    """Raw serial lines. All raise GatewayError."""

    async def read(self, line: str, max_age: float | None) -> SerialAnswer:
        """The last message of a line."""
        ...

    async def write(self, caller: Caller, line: str, data: bytes) -> WriteResult:
        """Send bytes on a line."""
        ...


class Events(Protocol):
    """Events of plugins."""

    async def publish(
        self, caller: Caller, type_: str, data: Mapping[str, Json], routing_key: str | None, *, persistent: bool
    ) -> str:
        """Publish an event whose type is not reserved; returns its id.

        Raises:
            GatewayError: it cannot be kept now.
        """
        ...


class Messages(Protocol):
    """Messages between plugins."""

    async def send(self, caller: Caller, message: MessageOut) -> Mapping[str, Json]:
        """Send a message; returns at least ``message_id``, ``correlation_id``, ``status``, and ``answer`` where waited.

        Raises:
            GatewayError: NOT_FOUND, CONFLICT (not active) or UNAVAILABLE (its queue is full) (D-115).
        """
        ...


class Storage(Protocol):
    """A few bytes each instance keeps. All raise NotKept for a disk in trouble."""

    async def get(self, instance: str, key: str) -> str | None:
        """A value, as JSON text."""
        ...

    async def put(self, instance: str, key: str, value: str) -> None:
        """Keep a value, as JSON text; it is on the disk when this returns."""
        ...

    async def delete(self, instance: str, key: str) -> bool:
        """Forget a value; whether there was one."""
        ...

    async def sizes(self, instance: str) -> Mapping[str, int]:
        """Bytes of every value and its key, by key."""
        ...

    async def forget(self, instance: str) -> None:
        """Forget all values of an instance."""
        ...


@dataclass(frozen=True, slots=True)
class HostServices:
    """All of them."""

    tags: Tags
    serial: Serial
    events: Events
    messages: Messages
    storage: Storage
