"""A gateway whose events the test makes, behind the real server, over connections in memory."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked
from wsproto.events import CloseConnection, Ping, Pong, TextMessage

from gateway.access.tokens import PLUGIN_API
from gateway.api.live.live import Live
from gateway.api.server.websocket import BATCH
from gateway.core.bus import Bus
from gateway.core.eventlog import Entry, NotKept
from gateway.core.events import Event
from gateway.core.turns import Turns
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig
from tests.gateway.api.wire import Socket, Wire

EVENTS = f"{PLUGIN_API}/events"
WANTED = "alarm:raised"


class MemoryLog:
    """An event log in memory, that can be made to fail and to forget.

    Attributes:
        page: events of a page; a log gives fewer than it is asked for where they are large.
        cost: seconds that reading one takes.
    """

    def __init__(self) -> None:
        self.page = 1000
        self.cost = 0.0
        self.dropping: list[Callable[[Sequence[Event]], None]] = []
        self.events: list[Event] = []
        self.first = 0
        self.broken = False
        self.reads = 0

    @property
    def last(self) -> int:
        return max((event.sequence for event in self.events), default=0)

    async def append(self, entries: Sequence[Entry]) -> None:
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise NotKept("the disk is away")
        self.keep(*(entry.event for entry in entries))

    def keep(self, *events: Event) -> None:
        self.events = sorted([*self.events, *events], key=lambda event: event.sequence)

    def forget(self, upto: int) -> None:
        self.events = [event for event in self.events if event.sequence > upto]
        self.first = upto + 1

    async def after(self, sequence: int, limit: int) -> list[Event]:
        self.reads += 1
        # What is there is looked at in a thread; by the time it is seen here, more has happened.
        found = [event for event in self.events if event.sequence > sequence][: min(limit, self.page)]
        if self.cost:
            await trio.sleep(self.cost)
        await trio.lowlevel.checkpoint()
        if self.broken:
            raise NotKept("the disk is away")
        return found

    async def between(self, start: float, end: float, after: int, limit: int) -> list[Event]:
        raise NotImplementedError

    async def find(self, sequence: int) -> Event | None:
        raise NotImplementedError


class Peer:
    """A client that is told what the test wants to see, frame by frame."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket

    async def say(self, type_: str, **members: object) -> None:
        await self.text(json.dumps({"type": type_, **members}))

    async def text(self, text: str) -> None:
        await self.socket.send(TextMessage(data=text))

    async def hear(self) -> Any:
        """The next frame as JSON; a close code and reason where the connection is closed instead."""
        text = ""
        while True:
            event = await self.socket.receive()
            if isinstance(event, TextMessage):
                text += event.data
                if event.message_finished:
                    return json.loads(text)
            elif isinstance(event, CloseConnection):
                return int(event.code), event.reason
            elif event is None:
                return None
            else:
                assert isinstance(event, Ping | Pong)

    async def ask(self, type_: str, **members: object) -> Any:
        await self.say(type_, **members)
        return await self.hear()

    async def closed(self) -> Any:
        """The close code, after whatever else is still said."""
        while isinstance(said := await self.hear(), dict):
            pass
        return said


class Stage:
    """Everything together.

    Attributes:
        limits: of clients; a test may put others in their place.
        lazy: events that were published and are not in the log yet.
    """

    def __init__(self, rig: Rig, nursery: trio.Nursery) -> None:
        self.rig = rig
        self.log = MemoryLog()
        self.bus = Bus[Event]()
        self.limits = LimitSettings()
        self.lazy: list[Event] = []
        self.number = self.told = 0
        self.nursery = nursery
        self.server_limits = LimitSettings(requests_per_minute=10_000, burst=1000, anonymous_burst=1000)
        self.rig.rates.follow(self.server_limits)
        self.live = Live(
            verify=rig.agents.bearer.verify,
            bus=self.bus,
            log=self.log,
            unlogged=lambda after: [event for event in self.lazy if event.sequence > after],
            published=lambda: self.told,
            rates=rig.rates,
            limits=lambda: self.limits,
            wall=rig.board.timeline.now,
            turns=Turns(),
        )
        self.live.keys = rig.access.keys
        rig.agents.revocations.changed.append(self.live.recheck)
        self.wire = Wire(rig, nursery, self.server_limits, self.live)

    def make(
        self, type_: str = "alarm:raised", data: Mapping[str, object] | None = None, key: str | None = None
    ) -> Event:
        self.number += 1
        given = {"alarm_id": f"a{self.number}"} if data is None else data
        return Event(f"id-{self.number}", "gw", self.number, type_, 1_800_000_000.5, "synchronised", given, key)

    def announce(
        self,
        type_: str = "alarm:raised",
        data: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        kept: bool = True,
    ) -> Event:
        """An event happens: it is in the log, and then everybody is told."""
        event = self.make(type_, data, key)
        if kept:
            self.log.keep(event)
        self.told = event.sequence
        self.bus.publish(event)
        return event

    def token(self, *scopes: str, ttl: int = 3600) -> str:
        return self.rig.tokens.issue(scopes or ("devices:read",), ttl)

    async def open(self, path: str = EVENTS, *, lockstep: bool = False) -> Peer:
        """A client that has shown no token."""
        return Peer(await self.wire.websocket(path, lockstep=lockstep))

    async def peer(self, *scopes: str, path: str = EVENTS, lockstep: bool = False) -> Peer:
        """A client with a token for these."""
        peer = await self.open(path, lockstep=lockstep)
        answer = await peer.ask("auth", token=self.token(*scopes))
        assert answer["type"] == "auth_ok", answer
        return peer


class Line:
    """A connection without server and sockets, that can be cut at any moment and takes as much as it likes.

    Attributes:
        took: what the client has got, as JSON.
        takes_at_once: whether what is sent is taken without waiting.
        closed: close code, once the gateway has closed it.
    """

    def __init__(self, live: Live, nursery: trio.Nursery, token: str) -> None:
        self.took: list[Any] = []
        self.takes_at_once = True
        self.closed: int | None = None
        self._live = live
        self._to_app, self._from_peer = trio.open_memory_channel[dict[str, object]](1000)
        self._cut = False
        self._stuck = trio.Event()
        self._stuck.set()
        direct = {"offer": self._offer, "held_up": lambda: False, "gone": lambda: self._cut}
        headers = [(b"authorization", f"Bearer {token}".encode())]
        self._scope: dict[str, object] = {
            "type": "websocket",
            "path": EVENTS,
            "query_string": b"",
            "headers": headers,
            "client": None,
        }
        self._scope["extensions"] = {BATCH: direct}
        self._to_app.send_nowait({"type": "websocket.connect"})
        nursery.start_soon(self._run)

    async def _run(self) -> None:
        await self._live(self._scope, self._from_peer.receive, self._send)

    def say(self, type_: str, **members: object) -> None:
        text = json.dumps({"type": type_, **members})
        self._to_app.send_nowait({"type": "websocket.receive", "text": text, "bytes": None})

    def cut(self) -> None:
        """The connection is lost: what comes from now on is never seen."""
        self._cut = True
        self._stuck.set()
        self._to_app.send_nowait({"type": "websocket.disconnect", "code": 1006})

    def block(self) -> None:
        """Take nothing more until ``take``."""
        self.takes_at_once, self._stuck = False, trio.Event()

    def take(self) -> None:
        """Take what was sent meanwhile."""
        self._stuck.set()

    @property
    def events(self) -> list[int]:
        """The numbers of the events it has got."""
        return [said["seq"] for said in self.took if "id" in said]

    def _offer(self, frames: bytes) -> bool:
        if self.takes_at_once:
            self._take(frames)
        return self.takes_at_once

    async def _send(self, event: MutableMapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        await self._stuck.wait()
        if event["type"] == BATCH:
            self._take(event["frames"])
        elif event["type"] == "websocket.close":
            self.closed = event["code"]

    def _take(self, frames: bytes) -> None:
        while frames and not self._cut:
            assert frames[0] == 0x81
            length, begin = frames[1], 2
            if length == 126:
                length, begin = int.from_bytes(frames[2:4]), 4
            elif length == 127:
                length, begin = int.from_bytes(frames[2:10]), 10
            self.took.append(json.loads(frames[begin : begin + length]))
            frames = frames[begin + length :]


class Listener:
    """A client that comes again each time its connection is cut.

    Attributes:
        complete: whether it was never told that something is missing.
        missing_to: the number up to which it was told so.
    """

    def __init__(self, stage: Stage, token: str, pattern: str = WANTED) -> None:
        self._pattern = pattern
        self._stage = stage
        self._token = token
        self.line: Line | None = None
        self.got: list[int] = []
        self.last = 0
        self.complete = True
        self.missing_to = 0

    def come(self, *, at_once: bool) -> None:
        if self.line is None:
            self.line = Line(self._stage.live, self._stage.nursery, self._token)
            self.line.takes_at_once = at_once
            self.line.say("subscribe", patterns=[self._pattern], resume_from=self.last)

    def go(self) -> None:
        if self.line is not None:
            self.line.cut()
            lacking = [s["seq"] for s in self.line.took if "resumed" in s and not s["resumed"]["complete"]]
            self.complete &= not lacking
            self.missing_to = max([self.missing_to, *lacking])
            self.got += self.line.events
            self.last = max([self.last, *self.line.events])
            self.line = None


def on_stage(play: Callable[[Stage], Awaitable[None]]) -> None:
    """Run something in virtual time, where every example has a gateway of its own."""

    async def main() -> None:
        with tempfile.TemporaryDirectory() as place:
            async with trio.open_nursery() as nursery:
                stage = Stage(Rig(Path(place)), nursery)
                nursery.start_soon(stage.live.run)
                await wait_all_tasks_blocked()
                await play(stage)
                nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
