"""A process whose conversation with the gateway is listened to, both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import trio

from gateway.plugins.host.frames import LineReader, TooLong
from gateway.plugins.host.messages import Answer, Garbage, Message, Request, decode
from gateway.plugins.host.process import Runner, Running
from gateway.plugins.host.sandbox import Protection, Sandbox
from gateway.plugins.host.usage import Usage


class Side(StrEnum):
    """Who speaks."""

    GATEWAY = "gateway"
    PLUGIN = "plugin"
    # What it prints, on standard error or among its messages.
    PRINTED = "printed"


@dataclass(frozen=True, slots=True)
class Said:
    """One message.

    Attributes:
        side: whose it is.
        what: ``request``, ``notification``, ``answer``, ``error`` or ``text``.
        method: of a request, or of that which is answered; of a text nothing.
        body: parameters, result, error object or text.
    """

    side: Side
    what: str
    method: str
    body: Any


Listener = Callable[[Said], None]
Cover = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Overhearing:
    """Starts processes by another runner, and listens to them.

    Args:
        runner: starts them.
        listener: told of every message.
        cover: makes of a configuration what may be told of it.
    """

    def __init__(self, runner: Runner, listener: Listener, cover: Cover) -> None:
        self._runner, self._listener, self._cover = runner, listener, cover

    async def look(self) -> None:
        """Find out what there is to start them with."""
        await self._runner.look()

    def missing(self, sandbox: Sandbox) -> tuple[Protection, ...]:
        """What an instance will not be protected from."""
        return self._runner.missing(sandbox)

    async def start(self, sandbox: Sandbox) -> Running:
        """Start an instance."""
        return Overheard(await self._runner.start(sandbox), _Ear(self._listener, self._cover))


class _Ear:
    """Makes messages of bytes, and knows which answer is to what."""

    def __init__(self, listener: Listener, cover: Cover) -> None:
        self._listener, self._cover = listener, cover
        self._readers = {side: LineReader() for side in Side}
        self._open: dict[tuple[Side, object], str] = {}

    def take(self, side: Side, data: bytes) -> None:
        for line in self._readers[side].feed(data):
            if isinstance(line, TooLong):
                self._listener(Said(side, "text", "", f"(a line of {line.size} bytes)"))
            elif side is Side.PRINTED:
                self._listener(Said(side, "text", "", line.decode(errors="replace")))
            else:
                self._message(side, decode(line), line)

    def _message(self, side: Side, message: Message, line: bytes) -> None:
        other = Side.PLUGIN if side is Side.GATEWAY else Side.GATEWAY
        match message:
            case Request(id=None):
                self._listener(Said(side, "notification", message.method, message.params))
            case Request():
                self._open[side, message.id] = message.method
                self._listener(Said(side, "request", message.method, self._covered(message.params)))
            case Answer():
                method = self._open.pop((other, message.id), "?")
                fault = message.fault
                if fault is None:
                    self._listener(Said(side, "answer", method, message.result))
                else:
                    said = {"code": fault.code, "message": fault.message, "data": fault.data}
                    self._listener(Said(side, "error", method, said))
            case Garbage():
                self._listener(Said(Side.PRINTED, "text", "", line.decode(errors="replace")))

    def _covered(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        config = params.get("config")
        return {**params, "config": self._cover(config)} if isinstance(config, dict) else params


class Overheard:
    """A running process.

    Args:
        running: the process.
        ear: is told of all bytes.
    """

    def __init__(self, running: Running, ear: _Ear) -> None:
        self._running = running
        self._stdin = _Into(running.stdin, ear)
        self._stdout = _OutOf(running.stdout, ear, Side.PLUGIN)
        self._stderr = _OutOf(running.stderr, ear, Side.PRINTED)

    @property
    def stdin(self) -> trio.abc.SendStream:
        """Takes what is said to it."""
        return self._stdin

    @property
    def stdout(self) -> trio.abc.ReceiveStream:
        """Gives what it says."""
        return self._stdout

    @property
    def stderr(self) -> trio.abc.ReceiveStream:
        """Gives what it complains of."""
        return self._stderr

    async def wait(self) -> int:
        """Its exit code."""
        return await self._running.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._running.terminate()

    async def destroy(self) -> None:
        """End it and all it started."""
        await self._running.destroy()

    def usage(self) -> Usage | None:
        """What it takes."""
        return self._running.usage()

    async def data_size(self) -> tuple[int, int]:
        """Bytes and number of the files it keeps."""
        return await self._running.data_size()


class _Into(trio.abc.SendStream):
    def __init__(self, stream: trio.abc.SendStream, ear: _Ear) -> None:
        self._stream, self._ear = stream, ear

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._ear.take(Side.GATEWAY, bytes(data))
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


class _OutOf(trio.abc.ReceiveStream):
    def __init__(self, stream: trio.abc.ReceiveStream, ear: _Ear, side: Side) -> None:
        self._stream, self._ear, self._side = stream, ear, side

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        self._ear.take(self._side, bytes(data))
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()
