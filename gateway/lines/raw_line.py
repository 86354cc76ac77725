"""A line that speaks no protocol: a scale, a reader. Messages come by themselves, tags are cut out of them."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable

import structlog
import trio

from drivers.ports.port import LinkDown, Port
from drivers.ports.raw import FixedSplitter, GapSplitter, OversizeMessage, Splitter, TerminatorSplitter, read_message
from gateway.core.ports import Outcome, WriteResult
from gateway.core.reading import WORDS, Reason, Sample, Value
from gateway.core.tags import Cell, Tag, TagStore
from gateway.lines.raw_search import Effort, Search, TooSlow
from gateway.lines.raw_value import value_in
from gateway.lines.state import LineState
from gateway.lines.units import Announce
from gateway.settings.line_model import LineSettings, RawSettings, RawTagSettings

log = structlog.stdlib.get_logger(__name__)

OpenPort = Callable[[LineSettings], Awaitable[Port]]
# How long a read waits before the line shows its sign of life again.
LOOK_S = 10.0


class RawLine(LineState):
    """One raw serial line. Its last message is kept; its tags are good as long as messages come."""

    def __init__(self, settings: LineSettings, open_port: OpenPort, store: TagStore, announce: Announce) -> None:
        super().__init__(settings, announce)
        self.raw = settings.raw or RawSettings()
        self.messages = 0
        self.errors: dict[str, int] = {}
        self.last: tuple[bytes, Sample] | None = None
        self.arrived = trio.Event()
        self._open_port = open_port
        self._store = store
        self._scope: trio.CancelScope | None = None
        self._stopping = False
        # Bytes of two callers must not be mixed.
        self._sending = trio.Lock()
        self._cells: list[Cell] = store.add([_tag(settings, tag) for tag in settings.tags])
        effort = Effort()
        self._searches = [Search(tag.pattern, effort) if tag.pattern is not None else None for tag in settings.tags]

    def stop(self) -> None:
        """Close the port and return from ``run``."""
        self._stopping = True
        if self._scope is not None:
            self._scope.cancel()

    def begin_again(self) -> None:
        """What ``stop`` said is over: ``run`` is called once more."""
        self._stopping = False

    def park(self, words: str) -> None:
        """A fault of ours took the last life."""
        self._store.fail(self._cells, Reason.FAULT)
        self._is_parked(words)

    async def run(self) -> None:
        """Read messages until ``stop`` or cancellation; open the port again whenever it is gone."""
        self._is_starting()
        try:
            with trio.CancelScope() as self._scope:
                await self._lives()
        finally:
            self._is_stopped()

    async def _lives(self) -> None:
        pause = self.settings.reconnect_min
        while not self._stopping:
            self.alive_at = opened = trio.current_time()
            try:
                await self._session()
            except LinkDown as down:
                self._store.fail(self._cells, Reason.LINK_DOWN)
                self._is_down(down.reason, down.words)
            if trio.current_time() - opened > self.settings.reconnect_max:
                pause = self.settings.reconnect_min
            await self._rest(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects, guards nothing
            pause = min(pause * 2, self.settings.reconnect_max)

    async def _rest(self, seconds: float) -> None:
        end = trio.current_time() + seconds
        while (now := trio.current_time()) < end:
            self.alive_at = now
            await trio.sleep(min(end - now, LOOK_S))

    async def _session(self) -> None:
        port = await self._open_port(self.settings)
        try:
            self._is_up(port)
            splitter = _splitter(self.raw)
            dropped = 0
            while True:
                self.alive_at = trio.current_time()
                message = None
                try:
                    message = await read_message(port, splitter, self.alive_at + LOOK_S)
                except OversizeMessage:
                    self._count("oversize")
                if splitter.dropped > dropped:
                    self._count("unfinished", splitter.dropped - dropped)
                    dropped = splitter.dropped
                if message is not None:
                    self._take(message)
        finally:
            self.port = None
            with trio.CancelScope(shield=True):
                await port.aclose()

    def _count(self, cause: str, number: int = 1) -> None:
        self.errors[cause] = self.errors.get(cause, 0) + number

    def _take(self, message: bytes) -> None:
        now = trio.current_time()
        self.messages += 1
        self.last = (message, self._store.sample(now))
        arrived, self.arrived = self.arrived, trio.Event()
        arrived.set()
        try:
            text = message.decode(self.raw.encoding)
        except UnicodeDecodeError:
            self._count("encoding")
            self._store.fail(self._cells, Reason.BAD_TEXT)
            return
        tags = zip(self._cells, self.settings.tags, self._searches, strict=True)
        found = [(cell, self._value(text, tag, search, now)) for cell, tag, search in tags]
        # A message that does not speak of a tag leaves it alone: scales send more than one kind.
        spoken = [(cell, value) for cell, value in found if value is not None]
        if spoken:
            self._store.apply([cell for cell, _ in spoken], [value for _, value in spoken], now)

    def _value(self, text: str, tag: RawTagSettings, search: Search | None, now: float) -> Value | Reason | None:
        """What a message says of a tag; None where it does not speak of it."""
        part: str | None = text
        if search is not None:
            try:
                part = search.find(text, now)
            except TooSlow as slow:
                self._count("pattern")
                if slow.news:
                    words = WORDS[Reason.PATTERN_TOO_SLOW]
                    log.warning("pattern too slow", line=self.settings.name, tag=tag.name, words=words)
                return Reason.PATTERN_TOO_SLOW
        elif tag.columns is not None:
            part = text[tag.columns[0] - 1 : tag.columns[1]]
        return None if part is None else value_in(part, tag)

    async def write(self, data: bytes) -> WriteResult:
        """Send bytes. The device does not acknowledge anything, so the best outcome is that they have left."""
        port = self.port
        if port is None:
            return WriteResult(
                Outcome.NOT_SENT, Reason.LINK_DOWN, f"line {self.settings.name} is {self.state}: {self.words or ''}"
            )
        try:
            async with self._sending:
                await port.send(data)
        except LinkDown as down:
            outcome = Outcome.NOT_SENT if down.unsent else Outcome.UNKNOWN
            return WriteResult(outcome, Reason.LINK_DOWN, down.words)
        return WriteResult(Outcome.UNKNOWN, "unacknowledged", "sent; a raw serial line acknowledges nothing")


def _tag(line: LineSettings, tag: RawTagSettings) -> Tag:
    return Tag(
        name=f"{line.name}/{tag.name}",
        type=tag.type,
        units=tag.units or None,
        poll=None,
        stale_after=math.inf if tag.stale_after is None else tag.stale_after,
        deadband=tag.deadband,
        description=tag.description,
    )


def _splitter(raw: RawSettings) -> Splitter:
    if raw.mode == "fixed":
        return FixedSplitter(raw.length or 1, raw.idle)
    if raw.mode == "idle":
        return GapSplitter(raw.idle or 0.0, raw.max_length)
    return TerminatorSplitter(raw.terminator, raw.max_length, raw.idle)
