"""A gateway and processes that are not there: services in memory, and plugins as coroutines on memory streams."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
from trio.testing import MemoryReceiveStream, MemorySendStream, memory_stream_one_way_pair

from gateway.core.errors import Code, GatewayError
from gateway.core.eventlog import NotKept
from gateway.core.events import Event
from gateway.core.ports import Json, Outcome, SerialAnswer, TagRow, WriteResult
from gateway.core.reading import Quality, Reading, Sample, Value
from gateway.core.timeline import Era
from gateway.plugins.host.process import Running
from gateway.plugins.host.sandbox import Bounds, Protection, Runtime, Sandbox
from gateway.plugins.host.services import Caller, DerivedReading, HostServices, MessageOut
from gateway.plugins.host.states import Spec
from gateway.plugins.host.usage import Usage

WALL = 1_800_000_000.0


@dataclass
class FakeGateway:
    """Every service at once; what was asked of it stands in its attributes."""

    values: dict[str, Value] = field(default_factory=lambda: {"boiler/plc/temp": 21.5, "boiler/plc/set": 60})
    written: list[tuple[str, str, Value, float | None]] = field(default_factory=list)
    published: list[tuple[str, DerivedReading]] = field(default_factory=list)
    events: list[tuple[str, str, Mapping[str, Json]]] = field(default_factory=list)
    sent: list[MessageOut] = field(default_factory=list)
    kept: dict[tuple[str, str], str] = field(default_factory=dict)
    serial: dict[str, str] = field(default_factory=dict)
    told: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    trouble: NotKept | None = None
    ended: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    @property
    def services(self) -> HostServices:
        return HostServices(_Tags(self), _Serial(self), _Events(self), _Messages(self), _Storage(self))

    def tell(self, type_: str, data: Mapping[str, object]) -> None:
        self.told.append((type_, data))

    def types(self) -> list[str]:
        return [type_ for type_, _ in self.told]


@dataclass
class _Tags:
    of: FakeGateway

    def list(self) -> Sequence[TagRow]:
        return [TagRow(name, "float64", "C", True, 1.0, "", 0) for name in self.of.values]

    async def read(self, names: Sequence[str], max_age: float | None) -> Sequence[Reading]:
        await trio.lowlevel.checkpoint()
        sample = Sample(1.0, Era(WALL, synchronised=True), 7)
        for name in names:
            if name not in self.of.values:
                raise GatewayError(Code.INVALID, f"there is no tag {name}", field="tags")
        return [Reading(name, self.of.values[name], Quality.GOOD, None, sample, None) for name in names]

    async def write(self, caller: Caller, name: str, value: Value, lease: float | None) -> WriteResult:
        await trio.lowlevel.checkpoint()
        self.of.written.append((caller.instance, name, value, lease))
        return WriteResult(Outcome.CONFIRMED)

    def publish(self, caller: Caller, reading: DerivedReading) -> None:
        self.of.published.append((caller.plugin, reading))

    def ended(self, caller: Caller) -> None:
        self.of.ended.append(caller.instance)

    def forget(self, caller: Caller) -> None:
        self.of.forgotten.append(caller.instance)


@dataclass
class _Serial:
    of: FakeGateway

    async def read(self, line: str, max_age: float | None) -> SerialAnswer:
        await trio.lowlevel.checkpoint()
        text = self.of.serial.get(line)
        if text is None:
            return SerialAnswer(None, None, None, None, "no_answer", "nothing came yet")
        return SerialAnswer(text.encode(), text, WALL, "synchronised")

    async def write(self, caller: Caller, line: str, data: bytes) -> WriteResult:
        await trio.lowlevel.checkpoint()
        self.of.serial[line] = data.decode()
        return WriteResult(Outcome.CONFIRMED)


@dataclass
class _Events:
    of: FakeGateway

    async def publish(
        self, caller: Caller, type_: str, data: Mapping[str, Json], routing_key: str | None, *, persistent: bool
    ) -> str:
        await trio.lowlevel.checkpoint()
        self.of.events.append((caller.instance, type_, data))
        return f"event-{len(self.of.events)}"


@dataclass
class _Messages:
    of: FakeGateway

    async def send(self, caller: Caller, message: MessageOut) -> Mapping[str, Json]:
        await trio.lowlevel.checkpoint()
        self.of.sent.append(message)
        return {"message_id": "m1", "correlation_id": "c1", "status": "delivered", "answer": {"echo": message.payload}}


@dataclass
class _Storage:
    of: FakeGateway

    async def get(self, instance: str, key: str) -> str | None:
        await trio.lowlevel.checkpoint()
        return self.of.kept.get((instance, key))

    async def put(self, instance: str, key: str, value: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.of.trouble is not None:
            raise self.of.trouble
        self.of.kept[instance, key] = value

    async def delete(self, instance: str, key: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self.of.kept.pop((instance, key), None) is not None

    async def sizes(self, instance: str) -> Mapping[str, int]:
        await trio.lowlevel.checkpoint()
        return {
            key: len(key.encode()) + len(value.encode())
            for (one, key), value in self.of.kept.items()
            if one == instance
        }

    async def forget(self, instance: str) -> None:
        await trio.lowlevel.checkpoint()
        if self.of.trouble is not None:
            raise self.of.trouble
        for one, key in list(self.of.kept):
            if one == instance:
                del self.of.kept[one, key]


class FakeProcess:
    """A process whose program is a coroutine."""

    def __init__(self) -> None:
        self._in_send, self.reads = memory_stream_one_way_pair()
        self.writes, self._out_receive = memory_stream_one_way_pair()
        self.complains, self._err_receive = memory_stream_one_way_pair()
        self.code: int | None = None
        self.ended = trio.Event()
        self.terminated = trio.Event()
        self.destroyed = 0
        self.taken: Usage | None = Usage(0.1, 10_000_000, 1)
        self.kept = (0, 0)
        self._heard = b""

    @property
    def stdin(self) -> MemorySendStream:
        return self._in_send

    @property
    def stdout(self) -> MemoryReceiveStream:
        return self._out_receive

    @property
    def stderr(self) -> MemoryReceiveStream:
        return self._err_receive

    async def wait(self) -> int:
        await self.ended.wait()
        return self.code or 0

    def terminate(self) -> None:
        self.terminated.set()

    async def destroy(self) -> None:
        await trio.lowlevel.checkpoint()
        self.destroyed += 1
        self.end(-9)

    def usage(self) -> Usage | None:
        return None if self.ended.is_set() else self.taken

    async def data_size(self) -> tuple[int, int]:
        await trio.lowlevel.checkpoint()
        return self.kept

    # What the program does

    def end(self, code: int) -> None:
        if not self.ended.is_set():
            self.code = code
            self.ended.set()
            self.writes.close()
            self.complains.close()
            self.reads.close()

    async def say(self, message: Mapping[str, Any] | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
        await self.writes.send_all(line + b"\n")

    async def hear(self) -> dict[str, Any] | None:
        """The next message; None: there will be no more."""
        while b"\n" not in self._heard:
            more = await self.reads.receive_some(4096)
            if not more:
                return None
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        heard: dict[str, Any] = json.loads(line)
        return heard

    async def behave(self, answers: Mapping[str, Any] | None = None) -> None:
        """Answer everything, as a good plugin does; an answer may be an error (``{"code": ..}``)."""
        answers = {"initialize": {}, "health": {"status": "healthy"}, "config": {}, "shutdown": {}, **(answers or {})}
        while (heard := await self.hear()) is not None:
            if "method" not in heard or "id" not in heard:
                continue
            answer = answers.get(heard["method"], {"code": -32601, "message": "no such method"})
            wrong = isinstance(answer, dict) and "code" in answer
            await self.say({"id": heard["id"], "error" if wrong else "result": answer})
        self.end(0)


Program = Callable[[FakeProcess], Awaitable[None]]


class FakeRunner:
    """Starts coroutines; the first program for the first process and so on, the last one for all further."""

    def __init__(self, nursery: trio.Nursery, *programs: Program | OSError) -> None:
        self._nursery, self._programs = nursery, list(programs)
        self.processes: list[FakeProcess] = []
        self.started_at: list[float] = []
        self.sandboxes: list[Sandbox] = []

    async def look(self) -> None:
        await trio.lowlevel.checkpoint()

    def missing(self, sandbox: Sandbox) -> tuple[Protection, ...]:
        return (Protection.CPU,)

    async def start(self, sandbox: Sandbox) -> Running:
        await trio.lowlevel.checkpoint()
        self.started_at.append(trio.current_time())
        self.sandboxes.append(sandbox)
        program = self._programs[0] if len(self._programs) == 1 else self._programs.pop(0)
        if isinstance(program, OSError):
            raise program
        process = FakeProcess()
        self.processes.append(process)
        self._nursery.start_soon(self._run, program, process)
        return process

    @staticmethod
    async def _run(program: Program, process: FakeProcess) -> None:
        try:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_cancel_after, process.ended, scope)
                    await program(process)
                    scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass


async def _cancel_after(ended: trio.Event, scope: trio.CancelScope) -> None:
    await ended.wait()
    scope.cancel()


def spec(**changes: Any) -> Spec:
    """An instance."""
    members: dict[str, Any] = {
        "instance": "scale-1",
        "plugin": "scale",
        "version": "1.0.0",
        "package": Path("/nowhere"),
        "runtime": Runtime.PYTHON,
        "command": ("main.py",),
        "bounds": Bounds(),
    }
    return Spec(**{**members, **changes})


def event(type_: str, data: Mapping[str, object], sequence: int = 1) -> Event:
    """An event of the gateway."""
    return Event(f"id-{sequence}", "gw", sequence, type_, WALL, "synchronised", data)
