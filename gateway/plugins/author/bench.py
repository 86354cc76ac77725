"""A little gateway in memory, for plugins that are tried: tags, raw serial lines, events, messages, storage."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import trio

from gateway.core.errors import Code, GatewayError
from gateway.core.events import Event, uuid7
from gateway.core.ports import Json, Outcome, SerialAnswer, TagRow, WriteResult
from gateway.core.reading import Quality, Reading, Reason, Sample, Value
from gateway.core.timeline import Era
from gateway.plugins.host import forms
from gateway.plugins.host.services import Caller, DerivedReading, HostServices, MessageOut

GATEWAY = "bench"


@dataclass(frozen=True, slots=True)
class BenchTag:
    """A tag.

    Attributes:
        reading: what it says.
        units: engineering units.
        writable: whether plugins with the permission may write it.
    """

    reading: Reading
    units: str | None = None
    writable: bool = True


@dataclass(slots=True)
class Bench:
    """The gateway.

    Attributes:
        wall: Unix seconds.
        offer: brings an event to the plugin.
        tags: by name.
        serial: what raw serial lines said last, by name, with when.
        answers: what other plugins answer, by their ids.
        kept: values of the storage, as JSON text.
    """

    wall: Callable[[], float]
    offer: Callable[[Event], None]
    tags: dict[str, BenchTag] = field(default_factory=dict)
    serial: dict[str, tuple[str, float]] = field(default_factory=dict)
    answers: Mapping[str, Json] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    _sequence: int = 0

    @property
    def services(self) -> HostServices:
        """What the host asks."""
        return HostServices(_Tags(self), _Serial(self), _Events(self), _Messages(self), _Storage(self))

    def set_tag(
        self,
        name: str,
        value: Value | None,
        quality: str,
        units: str | None = None,
        why_bad: Reason = Reason.NO_ANSWER,
    ) -> None:
        """A tag says something else; whoever subscribed to it is told."""
        self._sequence += 1
        sample = Sample(trio.current_time(), Era(self.wall() - trio.current_time(), synchronised=True), self._sequence)
        reason = {"good": None, "uncertain": Reason.STALE, "bad": why_bad}[quality]
        reading = Reading(name, value, Quality(quality), reason, sample, value)
        before = self.tags.get(name) or BenchTag(reading)
        self.tags[name] = replace(before, reading=reading, units=units or before.units)
        [form] = forms.readings([reading])
        if isinstance(form, Mapping):
            data = {key: member for key, member in form.items() if key != "message"}
            self.emit("tag:changed", {**data, "units": self.tags[name].units})

    def emit(self, type_: str, data: Mapping[str, Json], routing_key: str | None = None) -> str:
        """Something happens; returns its id."""
        self._sequence += 1
        event = Event(
            uuid7(self.wall()), GATEWAY, self._sequence, type_, self.wall(), "synchronised", dict(data), routing_key
        )
        self.offer(event)
        return event.id

    def tag(self, name: str) -> BenchTag:
        """One of the tags.

        Raises:
            GatewayError: INVALID.
        """
        if name not in self.tags:
            raise GatewayError(Code.INVALID, f"there is no tag {name} here: give it one, --tag {name}=20", field="tags")
        return self.tags[name]


@dataclass(slots=True)
class _Tags:
    bench: Bench

    def list(self) -> Sequence[TagRow]:
        return [
            TagRow(name, _type(tag.reading.value), tag.units, tag.writable, 1.0, "", 0)
            for name, tag in sorted(self.bench.tags.items())
        ]

    async def read(self, names: Sequence[str], max_age: float | None) -> Sequence[Reading]:  # noqa: ARG002 - all is new
        await trio.lowlevel.checkpoint()
        return [self.bench.tag(name).reading for name in names]

    async def write(self, caller: Caller, name: str, value: Value, lease: float | None) -> WriteResult:  # noqa: ARG002 - nothing runs out here
        await trio.lowlevel.checkpoint()
        if not self.bench.tag(name).writable:
            return WriteResult(Outcome.REFUSED, "read_only", "this tag is not writable")
        self.bench.set_tag(name, value, "good")
        return WriteResult(Outcome.CONFIRMED)

    def publish(self, caller: Caller, reading: DerivedReading) -> None:  # noqa: ARG002 - there is one caller
        self.bench.set_tag(reading.tag, reading.value, reading.quality, reading.units, Reason.PLUGIN_SAYS)

    def ended(self, caller: Caller) -> None:
        """What it said stays to be looked at."""

    def forget(self, caller: Caller) -> None:
        """Nothing outlives a trial."""


@dataclass(slots=True)
class _Serial:
    bench: Bench

    async def read(self, line: str, max_age: float | None) -> SerialAnswer:  # noqa: ARG002 - nobody is asked anew
        await trio.lowlevel.checkpoint()
        if line not in self.bench.serial:
            words = f"nothing came yet: say something on it, --serial {line}=TEXT"
            return SerialAnswer(None, None, None, None, "no_answer", words)
        text, time = self.bench.serial[line]
        return SerialAnswer(text.encode(), text, time, "synchronised")

    async def write(self, caller: Caller, line: str, data: bytes) -> WriteResult:  # noqa: ARG002 - what is said shows in the conversation
        await trio.lowlevel.checkpoint()
        return WriteResult(Outcome.CONFIRMED)


@dataclass(slots=True)
class _Events:
    bench: Bench

    async def publish(
        self,
        caller: Caller,  # noqa: ARG002 - there is one
        type_: str,
        data: Mapping[str, Json],
        routing_key: str | None,
        *,
        persistent: bool,  # noqa: ARG002 - nothing is kept here
    ) -> str:
        await trio.lowlevel.checkpoint()
        return self.bench.emit(type_, data, routing_key)


@dataclass(slots=True)
class _Messages:
    bench: Bench

    async def send(self, caller: Caller, message: MessageOut) -> Mapping[str, Json]:  # noqa: ARG002 - there is one caller
        await trio.lowlevel.checkpoint()
        if message.to not in self.bench.answers:
            words = f"there is no plugin {message.to} here: say what it answers, --answer {message.to}=JSON"
            raise GatewayError(Code.NOT_FOUND, words)
        sent: dict[str, Json] = {
            "message_id": str(uuid.uuid4()),
            "correlation_id": message.correlation_id or str(uuid.uuid4()),
            "status": "delivered",
        }
        return sent if message.timeout is None else {**sent, "answer": self.bench.answers[message.to]}


@dataclass(slots=True)
class _Storage:
    bench: Bench

    async def get(self, instance: str, key: str) -> str | None:  # noqa: ARG002 - there is one instance
        await trio.lowlevel.checkpoint()
        return self.bench.kept.get(key)

    async def put(self, instance: str, key: str, value: str) -> None:  # noqa: ARG002 - the same
        await trio.lowlevel.checkpoint()
        self.bench.kept[key] = value

    async def delete(self, instance: str, key: str) -> bool:  # noqa: ARG002 - the same
        await trio.lowlevel.checkpoint()
        return self.bench.kept.pop(key, None) is not None

    async def sizes(self, instance: str) -> Mapping[str, int]:  # noqa: ARG002 - the same
        await trio.lowlevel.checkpoint()
        return {key: len(key.encode()) + len(value.encode()) for key, value in self.bench.kept.items()}

    async def forget(self, instance: str) -> None:  # noqa: ARG002 - the same
        await trio.lowlevel.checkpoint()
        self.bench.kept.clear()


def _type(value: Value | None) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case str():
            return "string"
    return "float64"
