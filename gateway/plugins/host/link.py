"""Speaks with one process over its standard streams, for as long as it lives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import trio

from gateway.core.ports import Json
from gateway.plugins.host.conversation import Conversation, Limits, Refused
from gateway.plugins.host.frames import TooLong
from gateway.plugins.host.messages import (
    INTERNAL_ERROR,
    Answer,
    Fault,
    Request,
    TooLargeError,
)
from gateway.plugins.host.pace import Pace, Rate

_CHUNK = 64 * 1024
# Lines that wait to be taken by the process; beyond that, whoever has one waits.
_WAITING_LINES = 8


class RefusedError(Exception):
    """The other side answered with an error.

    Attributes:
        fault: as it came.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.message} ({fault.code})")
        self.fault = fault


class GoneError(Exception):
    """The other side is gone, or was told to go: no answer will come."""


@dataclass(slots=True)
class _Waiting:
    done: trio.Event
    answer: Answer | None = None


class Link:
    """One conversation over two streams.

    Args:
        into: the process's standard input.
        out: its standard output.
        serve: does what it asks for.
        overheard: told what it printed that was no message.
        limits: of the conversation.
        rate: at which it is read.
    """

    def __init__(  # noqa: PLR0917 - the two streams, and what to do with them
        self,
        into: trio.abc.SendStream,
        out: trio.abc.ReceiveStream,
        serve: Callable[[str, Mapping[str, Json]], Awaitable[Json | Fault]],
        overheard: Callable[[str], None],
        limits: Limits | None = None,
        rate: Rate | None = None,
    ) -> None:
        self.conversation: Final = Conversation(limits or Limits())
        self._into, self._out, self._serve, self._overheard = into, out, serve, overheard
        self._pace = Pace(rate or Rate())
        self._waiting: dict[int, _Waiting] = {}
        self._gone = False
        self._outbox, self._unsent = trio.open_memory_channel[bytes](_WAITING_LINES)

    async def run(self) -> None:
        """Speak, until the process closes its output or takes no more input."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, nursery.cancel_scope)
                await self._read(nursery)
                nursery.cancel_scope.cancel()
        finally:
            self._gone = True
            for waiting in self._waiting.values():
                waiting.done.set()

    async def call(self, method: str, params: Mapping[str, Json], seconds: float) -> Json:
        """Ask, and wait for the answer.

        Raises:
            RefusedError: it answered with an error.
            TooSlowError: of trio: no answer in time.
            GoneError: no answer will come.
            AskedTooMuchError, TooLargeError: it was not asked.
        """
        if self._gone:
            raise GoneError("the process is gone")
        id_, line = self.conversation.ask(method, params)
        waiting = self._waiting[id_] = _Waiting(trio.Event())
        try:
            with trio.fail_after(seconds):
                await self._send(line)
                await waiting.done.wait()
        finally:
            del self._waiting[id_]
            self.conversation.give_up(id_)
        if waiting.answer is None:
            raise GoneError("the process ended before it answered")
        if waiting.answer.fault is not None:
            raise RefusedError(waiting.answer.fault)
        return waiting.answer.result

    async def tell(self, method: str, params: Mapping[str, Json]) -> None:
        """Say something that is not answered; waits until there is room for it.

        Raises:
            GoneError: nobody is there.
            TooLargeError: it does not fit into a line.
        """
        await self._send(self.conversation.tell(method, params))

    async def _send(self, line: bytes) -> None:
        try:
            await self._outbox.send(line)
        except trio.BrokenResourceError:
            raise GoneError("the process is gone") from None

    async def _write(self, all_: trio.CancelScope) -> None:
        with self._unsent:
            async for line in self._unsent:
                try:
                    await self._into.send_all(line)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    all_.cancel()
                    return

    async def _read(self, nursery: trio.Nursery) -> None:
        while True:
            try:
                data = await self._out.receive_some(_CHUNK)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return
            if not data:
                return
            lines = self.conversation.feed(bytes(data))
            for line in lines:
                await self._take(line, nursery)
                await trio.sleep(self._pace.wait(trio.current_time(), 1, len(line) if isinstance(line, bytes) else 0))
            if not lines:
                # Of a line that is still coming, or never ends.
                await trio.sleep(self._pace.wait(trio.current_time(), 0, len(data)))

    async def _take(self, line: bytes | TooLong, nursery: trio.Nursery) -> None:
        incoming = self.conversation.receive(line)
        match incoming:
            case Request(id=None):
                # Served here: whoever only tells is read no faster than what it tells is done.
                await self._serve(incoming.method, incoming.params)
            case Request():
                nursery.start_soon(self._answer, incoming)
            case Answer(id=int() as id_) if id_ in self._waiting:
                self._waiting[id_].answer = incoming
                self._waiting[id_].done.set()
            case Refused():
                if incoming.shown:
                    self._overheard(incoming.shown.decode(errors="replace"))
                if incoming.reply is not None:
                    await self._outbox.send(incoming.reply)
            case _:
                pass

    async def _answer(self, request: Request) -> None:
        if request.id is None:
            raise AssertionError("nobody waits for the answer to a notification")
        answer = await self._serve(request.method, request.params)
        if isinstance(answer, Fault):
            line = self.conversation.refuse(request.id, answer)
        else:
            try:
                line = self.conversation.answer(request.id, answer)
            except TooLargeError as error:
                line = self.conversation.refuse(request.id, Fault(INTERNAL_ERROR, str(error)))
        await self._outbox.send(line)
