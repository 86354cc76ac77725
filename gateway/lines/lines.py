"""All lines: started, supervised, reloaded, and restarted alone where one hangs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog
import trio

from gateway.core.ports import FactStore
from gateway.core.steering import Arbiter
from gateway.core.supervise import Lives, supervise
from gateway.core.tags import TagStore
from gateway.lines.door import Spot, WriteDoor
from gateway.lines.line import Line, Opener
from gateway.lines.opener import numbered, open_port, opener
from gateway.lines.polling import Polling
from gateway.lines.raw_line import RawLine
from gateway.lines.report import AnyLine
from gateway.lines.state import REMOVED, REPLACED
from gateway.lines.unit import tag_of
from gateway.lines.units import Announce
from gateway.lines.wakeups import Wakeups
from gateway.settings.line_model import LineSettings

log = structlog.stdlib.get_logger(__name__)

# A line that shows no sign of life for so long hangs by a fault of ours: it is restarted alone (ruling 21).
HUNG_AFTER_S = 60.0
WATCH_EVERY_S = 5.0
STOP_PATIENCE_S = 3.0

MakeOpener = Callable[[LineSettings], Opener]


class Hung(Exception):  # noqa: N818 - what happened to the line
    """A line's task made no progress."""


@dataclass(slots=True, eq=False)
class Running:
    """A line and what its task runs in.

    Attributes:
        scope: of its present life.
        supervision: of all its lives, and of the pauses between them.
        ended: set when there will be no other life.
        hung: its present life is being ended because it made no progress.
        lives: it is in a life, not in the pause between two.
        again: its present life is being ended for another to begin at once; that is no fall.
        ending: there will be no other life, whatever ends this one.
        falls: how often it fell by a fault of ours.
    """

    line: AnyLine
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    supervision: trio.CancelScope = field(default_factory=trio.CancelScope)
    ended: trio.Event = field(default_factory=trio.Event)
    hung: bool = False
    lives: bool = False
    again: bool = False
    ending: bool = False
    falls: int = 0


class Lines:
    """The lines of this gateway.

    Args:
        store: takes the readings.
        facts: keeps what was learned and promised.
        announce: told of events.
        lives: how often a line may fall by a fault of ours.
        make_opener: how a line gets its port; the default opens the real one.
        arbiter: judges between callers who write the same thing; by default all are let through.
        released: told of each tag whose lease is over.
    """

    def __init__(
        self,
        store: TagStore,
        facts: FactStore,
        announce: Announce,
        *,
        lives: Lives | None = None,
        make_opener: MakeOpener | None = None,
        arbiter: Arbiter | None = None,
        released: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._facts = facts
        self._announce = announce
        self._lives = lives
        self._wakeups = Wakeups()
        self._make_opener = make_opener or partial(opener, alarm=self._wakeups.alarm)
        self._running: dict[str, Running] = {}
        self.spots: dict[str, Spot] = {}
        self.door = WriteDoor(self.spots.get, facts, arbiter, released)

    def __iter__(self) -> Iterator[AnyLine]:
        return iter([running.line for running in self._running.values()])

    def get(self, name: str) -> AnyLine | None:
        """A line by its name."""
        running = self._running.get(name)
        return running.line if running is not None else None

    # Life

    async def run(
        self, lines: Sequence[LineSettings], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run lines until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for settings in lines:
                self._start(settings)
            nursery.start_soon(self.door.run)
            nursery.start_soon(self._watch)
            nursery.start_soon(self._wakeups.run)
            task_status.started()

    def _start(self, settings: LineSettings, before: Iterable[Polling] = (), namesake: Running | None = None) -> None:
        line: AnyLine
        if settings.transport == "serial":
            line = RawLine(settings, partial(open_port, alarm=self._wakeups.alarm), self._store, self._announce)
        else:
            polling = Polling(
                settings,
                numbered=numbered(settings),
                store=self._store,
                facts=self._facts,
                announce=self._announce,
                returned=self.door.returned,
            )
            for old in before:
                polling.inherit(old)
            line = Line(self._make_opener(settings), polling, self._announce, self._wakeups)
            for unit in polling.units.values():
                if unit.device is not None:
                    for tag in unit.device.tags:
                        name = f"{settings.name}/{unit.device.name}/{tag.name}"
                        self.spots[name] = Spot(name, line, unit, tag)
        running = Running(line)
        if namesake is not None:
            running.falls = namesake.falls
            if isinstance(line, Line) and isinstance(namesake.line, Line):
                line.take_over(namesake.line)
        self._running[settings.name] = running
        self._nursery.start_soon(self._supervised, running)

    async def _supervised(self, running: Running) -> None:
        line = running.line

        async def life() -> None:
            running.lives = True
            try:
                while True:
                    if not running.ending:
                        # A life that fell while it was to end for another leaves that word behind.
                        line.begin_again()
                    with trio.CancelScope() as running.scope:
                        await line.run()
                    if running.hung:
                        running.hung = False
                        raise Hung(f"line {line.settings.name} made no progress for {HUNG_AFTER_S:g} s")
                    if not running.again or running.ending:
                        return
                    running.again = False
            finally:
                running.lives = running.again = False

        def fell(_: Exception) -> None:
            running.falls += 1

        try:
            with running.supervision:
                await supervise(
                    f"line {line.settings.name}",
                    life,
                    lives=self._lives,
                    on_fall=fell,
                    on_park=lambda fault: line.park(f"stopped by a fault of the gateway: {fault!r}"),
                )
        finally:
            running.ended.set()

    async def _watch(self) -> None:
        """Restart a line alone when its task makes no progress, and have stale values told."""
        while True:
            await trio.sleep(WATCH_EVERY_S)
            self._store.sweep()
            now = trio.current_time()
            for running in self._running.values():
                line = running.line
                if line.state in {"up", "down"} and now - line.alive_at > _patience(line) and not running.hung:
                    running.hung = True
                    running.scope.cancel()

    def falls(self, name: str) -> int:
        """How often a line fell by a fault of ours."""
        running = self._running.get(name)
        return running.falls if running is not None else 0

    def restart(self, name: str) -> bool:
        """End a line's task and start it again at once; that costs it none of its lives, and readings stay.

        Returns whether it will: a line that is lent goes on working for the tool, and one that is parked or between
        two lives is started by its supervision anyway.
        """
        running = self._running.get(name)
        if (
            running is None
            or not running.lives
            or running.hung
            or (isinstance(running.line, Line) and running.line.lent)
        ):
            return False
        log.info("line restarted", line=name)
        running.again = True
        running.line.stop()
        # What is broken off leaves a reply behind that nobody may take for another: only a line that hangs pays that.
        self._wakeups.at(trio.current_time() + STOP_PATIENCE_S, running.scope.cancel)
        return True

    def alive(self, now: float) -> bool:
        """Whether at least one line makes progress, or there is none: what the watchdog is fed by."""
        if not self._running:
            return True
        # A parked line does not stall: it waits for its next try, and to kill the gateway would not bring that nearer.
        return any(
            running.line.state == "parked" or now - running.line.alive_at <= _patience(running.line)
            for running in self._running.values()
        )

    async def reload(self, removed: Sequence[str], started: Sequence[LineSettings], order: Sequence[str] = ()) -> None:
        """Stop the lines named and start the settings given; every other line goes on untouched.

        A changed line is in both. Tags that both configurations have keep their readings; those with a lease that only
        the old one has get their safe values first.

        Args:
            removed: names of lines.
            started: settings of lines.
            order: names of all lines, as the configuration has them and people expect to see them.
        """
        leaving = self._leaving(removed, started)
        self.door.leaving = frozenset(leaving)
        try:
            await self.door.settle(leaving)
            await self._exchange(removed, started, order)
        finally:
            self.door.leaving = frozenset()

    async def _exchange(self, removed: Sequence[str], started: Sequence[LineSettings], order: Sequence[str]) -> None:
        stopped = [self._running.pop(name) for name in removed]
        async with trio.open_nursery() as nursery:
            for running in stopped:
                nursery.start_soon(self._end, running)
        replaced = {settings.name for settings in started}
        for running in stopped:
            running.line.leave(REPLACED if running.line.settings.name in replaced else REMOVED)
        # From here on nothing waits: a tag that both configurations have is never missed by a caller or a lease.
        gone = [running.line for running in stopped if isinstance(running.line, Line)]
        for tag in [tag for tag, spot in self.spots.items() if spot.line in gone]:
            del self.spots[tag]
        before = {tag for name in removed for tag in self._store.names() if tag.startswith(f"{name}/")}
        for settings in started:
            # What was asked before may still be answered: the wire knows nothing of configurations.
            self._start(
                settings,
                [line.polling for line in gone if _wire(line.settings) == _wire(settings)],
                next((running for running in stopped if running.line.settings.name == settings.name), None),
            )
        place = {name: number for number, name in enumerate(order)}
        self._running = dict(sorted(self._running.items(), key=lambda item: place.get(item[0], len(place))))
        raw = {
            f"{running.line.settings.name}/{tag.name}"
            for running in self._running.values()
            for tag in running.line.settings.tags
        }
        self._store.remove(before - self.spots.keys() - raw)

    def _leaving(self, removed: Sequence[str], started: Sequence[LineSettings]) -> list[str]:
        """Tags whose safe value the new configuration cannot write: they are gone, or are read from elsewhere."""
        kept = {
            told.name: told.origin
            for line in started
            for device in line.devices
            for tag in device.tags
            if tag.safe is not None
            for told in [tag_of(line, device, tag)]
        }
        return [
            name
            for name, spot in self.spots.items()
            if spot.line.settings.name in removed
            and spot.unit.device is not None
            and kept.get(name) != tag_of(spot.line.settings, spot.unit.device, spot.tag).origin
        ]

    @staticmethod
    async def _end(running: Running) -> None:
        """End a line and its supervision: after the exchange that is under way, or without it where that lasts."""
        running.ending = True
        running.line.stop()
        with trio.move_on_after(STOP_PATIENCE_S):
            await running.ended.wait()
        running.supervision.cancel()
        await running.ended.wait()


def _patience(line: AnyLine) -> float:
    """Seconds without a sign of life after which a line hangs: longer than any exchange and any pause may last."""
    settings = line.settings
    longest = max([settings.timeout, *(device.timeout or 0.0 for device in settings.devices)])
    return HUNG_AFTER_S + settings.reconnect_max + longest


def _wire(line: LineSettings) -> tuple[str | None, str | None, int]:
    """What a line is connected to, whatever it is called and however it is set."""
    return line.port, line.host, line.tcp_port
