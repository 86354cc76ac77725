"""The alarms of this gateway: raised, acknowledged and cleared by what tags say, told as events, kept over restarts."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace

import structlog
import trio

from gateway.alarms.dues import Dues
from gateway.alarms.point import Point, Turn
from gateway.alarms.rows import AlarmRow, about, happened, row_of
from gateway.alarms.standing import AlarmState, Moment, Standing, recalled
from gateway.alarms.words import cleared_of, mark_of
from gateway.alarms.words import over as ended
from gateway.core.bus import Cut, Subscription
from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.events import uuid7
from gateway.core.ports import FactStore, Json
from gateway.core.reading import Reading
from gateway.core.tags import Changes, TagStore
from gateway.core.timeline import Timeline
from gateway.settings.alarm_model import AlarmSeverity
from gateway.settings.alarm_tags import AlarmPoint, alarm_points
from gateway.settings.model import Settings

log = structlog.stdlib.get_logger(__name__)

FACTS = "alarm"
LONGEST_COMMENT = 500
# Changes that wait to be judged; one that falls further behind reads all its tags anew.
QUEUE = 8192
# Changes of so many seconds are judged together: waking up costs more than judging.
PAUSE_S = 0.02
# Tags with a deadband are looked at so often: a limit may lie within what they do not tell.
LOOK_S = 1.0
# A disk that takes nothing holds up no acknowledgement: what is kept follows when it can, as the events do.
LOGGED_WITHIN_S = 2.0
_CLEARED = "alarm:cleared"
_WORST_FIRST = {"critical": 0, "warning": 1, "info": 2}
STANDING = frozenset(AlarmState) - {AlarmState.NORMAL}

_Key = tuple[str, str]
Announce = Callable[[str, dict[str, object]], None]


class Alarms:
    """All alarms, and what stands of them.

    Args:
        settings: with the alarms.
        tags: what the tags say.
        facts: keeps what stands.
        timeline: the time of what happens.
        announce: told of ``alarm:raised``, ``alarm:acknowledged`` and ``alarm:cleared``; it returns at once.
        logged: waits until what was announced is on the disk. What stands is kept after that: whoever is cut off
            between the two raises an alarm once more, and never not at all.
        monotonic: the timeline's clock, in seconds.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        tags: TagStore,
        facts: FactStore,
        timeline: Timeline,
        announce: Announce,
        logged: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
        monotonic: Callable[[], float] = trio.current_time,
    ) -> None:
        self._tags = tags
        self._facts = facts
        self._timeline = timeline
        self._announce = announce
        self._logged = logged
        self._monotonic = monotonic
        self._points: dict[_Key, Point] = {}
        self._standing: dict[_Key, Standing] = {}
        self._by_tag: dict[str, list[Point]] = {}
        self._damped: list[Point] = []
        self._dues = Dues()
        self._look_at = math.inf
        self._running = False
        self._changed = trio.Event()
        self._patience = trio.CancelScope()
        self._unkept: dict[str, Json] = {}
        self._to_keep = trio.Event()
        self._keeping = trio.Lock()
        self._doubtful: set[_Key] = set()
        self._orphans: list[tuple[str, Mapping[str, Json]]] = []
        self._adopt(settings)

    def _adopt(self, settings: Settings) -> None:
        """Take up what stood when the last run ended."""
        points = {_key(point): point for point in alarm_points(settings)}
        kept = self._facts.recall(FACTS)
        for key, point in points.items():
            fact = kept.pop(" ".join(key), None)
            standing = None
            if isinstance(fact, Mapping):
                standing = recalled(fact) if fact.get("mark") == mark_of(point.alarm) else None
                if standing is None:
                    self._orphans.append((" ".join(key), fact))
                else:
                    self._standing[key] = standing
            self._points[key] = Point(point, active=standing is not None and standing.cleared is None)
        self._orphans += [(name, fact) for name, fact in kept.items() if isinstance(fact, Mapping)]
        self._index()

    def follow(self, settings: Settings) -> None:
        """Take over changed alarms; what stands of those whose condition has not changed goes on to stand."""
        points = {_key(point): point for point in alarm_points(settings)}
        for key, point in list(self._points.items()):
            if key not in points or mark_of(points[key].alarm) != mark_of(point.point.alarm):
                self._forget(key)
        for key, new in points.items():
            old = self._points.pop(key, None)
            if old is None or old.point.tags != new.tags:
                old = Point(new, active=key in self._standing and self._standing[key].cleared is None)
            before, old.point = old.point, new
            # In the order of the file, where a kept one may have moved.
            self._points[key] = old
            if before != new and key in self._standing:
                self._keep(key)
        self._index()
        if self._running:
            self._look_at_all()
        self._changed.set()
        self._patience.cancel()

    def _forget(self, key: _Key) -> None:
        point, standing = self._points.pop(key), self._standing.pop(key, None)
        if standing is not None:
            self._end(" ".join(key), about(point.point), standing)

    def _end(self, name: str, said: Mapping[str, Json], standing: Standing) -> None:
        """Nobody watches any more what stands; who was told that it stands must be told so."""
        if standing.cleared is None:
            over = replace(standing, cleared=self._moment(), value=None)
            words = ended("no longer watched: the configuration has changed", said.get("message"))
            self._announce(_CLEARED, {**said, **happened(over), "message": words})
        self._note(name, None)

    def _index(self) -> None:
        self._by_tag, self._dues = {}, Dues()
        for point in self._points.values():
            for tag in point.point.tags:
                self._by_tag.setdefault(tag, []).append(point)
        self._doubtful &= self._points.keys()

    # What callers ask

    def list(
        self,
        *,
        states: Collection[AlarmState] = STANDING,
        severity: AlarmSeverity | None = None,
        alarm: str | None = None,
        tag: str | None = None,
    ) -> list[AlarmRow]:
        """Alarms as they are now, the worst first, of equal ones what was raised first; normal ones last.

        Args:
            states: only those in one of these; by default all that are not normal.
            severity: only those of this one.
            alarm: only those of this name.
            tag: only those on this tag, or this device.
        """
        rows = [
            row
            for key, point in self._points.items()
            if (alarm is None or key[0] == alarm) and (tag is None or key[1] == tag)
            for row in (row_of(point, self._standing.get(key)),)
            if row.state in states and severity in {None, row.severity}
        ]
        return sorted(rows, key=lambda row: (row.raised_at is None, _WORST_FIRST[row.severity], row.raised_at or 0.0))

    async def acknowledge(self, alarm_id: str, by: str, comment: str | None = None) -> AlarmRow:
        """Note that somebody has seen an alarm; on the disk when this returns. One that is over is normal then.

        What is acknowledged already stays as it is: the first one counts.

        Args:
            alarm_id: of what stands.
            by: who says so (``Principal.known_as``).
            comment: what they say to it.

        Raises:
            GatewayError: NOT_FOUND; INVALID for a comment that is too long.
        """
        if comment is not None and len(comment) > LONGEST_COMMENT:
            raise invalid("comment", f"a comment has at most {LONGEST_COMMENT} characters", comment)
        key = next((key for key, standing in self._standing.items() if standing.alarm_id == alarm_id), None)
        if key is None:
            raise GatewayError(
                Code.NOT_FOUND,
                "no alarm with this id stands; alarm.list names those that do",
                field="alarmId",
                provided=alarm_id,
            )
        standing, point = self._standing[key], self._points[key]
        if standing.acknowledged is None:
            standing = replace(standing, acknowledged=self._moment(), acknowledged_by=by, comment=comment or None)
            self._settle(key, standing)
            self._tell("alarm:acknowledged", point, standing)
        row = row_of(point, standing)
        await self._keep_all()
        await self._facts.settle()
        return row

    # What tags say

    async def run(self) -> None:
        """Judge what tags say, for ever. Begin it when the tags are in the store."""
        for name, fact in self._orphans:
            standing, said = recalled(fact), fact.get("about")
            if standing is not None and isinstance(said, Mapping):
                self._end(name, said, standing)
            else:
                self._note(name, None)
        self._orphans.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_what_changes)
            try:
                while True:
                    self._changed = trio.Event()
                    if self._by_tag:
                        await self._listen()
                    else:
                        await self._changed.wait()
            finally:
                # Who ends in order writes all events and facts after this.
                self._remember(self._unkept)

    async def _listen(self) -> None:
        """Until nothing is left to watch, or too much was missed."""
        with self._tags.changes.subscribe(QUEUE) as heard:
            self._running = True
            self._look_at_all()
            try:
                while self._by_tag:
                    await self._round(heard)
            except Cut:
                log.warning("alarms fell behind what tags say, and read them all anew", queue=QUEUE)
                for point in self._points.values():
                    point.doubt()
            finally:
                self._running = False

    async def _round(self, heard: Subscription[Changes]) -> None:
        changes = None
        with trio.move_on_at(min(self._dues.next, self._look_at)) as self._patience:
            changes = await heard.receive()
        while changes is not None:
            self._judge(changes.readings, self._monotonic())
            changes = heard.receive_nowait()
        self._look_again(self._monotonic())
        if self._doubtful and self._timeline.era.synchronised:
            self._keep_corrected()
        await trio.sleep(PAUSE_S)

    def _judge(self, readings: Collection[Reading], now: float) -> None:
        by_tag, note = self._by_tag, self._dues.note
        for reading in readings:
            for point in by_tag.get(reading.tag, ()):
                turn = point.feed(reading, now)
                if point.due != math.inf:
                    note(point)
                if turn is not None:
                    self._turn(point, turn)

    def _look_again(self, now: float) -> None:
        for point in self._dues.take(now):
            self._look_at_point(point, now)
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            for point in self._damped:
                self._look_at_point(point, now)

    def _look_at_all(self) -> None:
        now = self._monotonic()
        self._damped = [point for point in self._points.values() if self._is_damped(point)]
        self._look_at = now + LOOK_S if self._damped else math.inf
        for point in self._points.values():
            self._look_at_point(point, now)

    def _is_damped(self, point: Point) -> bool:
        cells = (self._tags.cell(tag) for tag in point.point.tags)
        return point.point.alarm.device_down is None and any(cell is not None and cell.tag.deadband for cell in cells)

    def _look_at_point(self, point: Point, now: float) -> None:
        readings = [reading for tag in point.point.tags if (reading := self._tags.read(tag)) is not None]
        turn = point.feed_all(readings, now)
        if point.due != math.inf:
            self._dues.note(point)
        if turn is not None:
            self._turn(point, turn)

    def _turn(self, point: Point, turn: Turn) -> None:
        key, now = _key(point.point), self._moment()
        standing = self._standing.get(key)
        if turn is Turn.RAISED and standing is None:
            standing = Standing(f"alarm-{uuid7(now.wall)}", now, point.seen)
        elif turn is Turn.RAISED and standing is not None:
            standing = replace(standing, raised=now, cleared=None, value=point.seen, times=standing.times + 1)
        elif standing is not None:
            standing = replace(standing, cleared=now, value=point.seen)
        else:
            return
        self._settle(key, standing)
        self._tell(f"alarm:{turn}", point, standing)

    def _settle(self, key: _Key, standing: Standing) -> None:
        if standing.state is AlarmState.NORMAL:
            del self._standing[key]
        else:
            self._standing[key] = standing
        self._keep(key)

    def _tell(self, type_: str, point: Point, standing: Standing) -> None:
        words = {"message": cleared_of(point.point, standing.value)} if type_ == _CLEARED else {}
        self._announce(type_, {**about(point.point), **happened(standing), **words})

    def _moment(self) -> Moment:
        return Moment(self._monotonic(), self._timeline.era)

    # What is kept

    def _keep(self, key: _Key) -> None:
        standing = self._standing.get(key)
        self._doubtful.discard(key)
        if standing is None:
            self._note(" ".join(key), None)
            return
        if not standing.synchronised:
            self._doubtful.add(key)
        point = self._points[key].point
        self._note(" ".join(key), {**standing.fact(), "mark": mark_of(point.alarm), "about": about(point)})

    def _keep_corrected(self) -> None:
        """The clock synchronised: times that were kept as doubtful are known now, but for those of earlier runs."""
        doubtful, self._doubtful = self._doubtful, set()
        for key in doubtful:
            if key in self._standing and self._standing[key].synchronised:
                self._keep(key)

    def _note(self, name: str, fact: Json) -> None:
        self._unkept[name] = fact
        self._to_keep.set()

    async def _keep_what_changes(self) -> None:
        while True:
            await self._to_keep.wait()
            self._to_keep = trio.Event()
            await self._keep_all()

    async def _keep_all(self) -> None:
        async with self._keeping:
            changed = dict(self._unkept)
            with trio.move_on_after(LOGGED_WITHIN_S):
                await self._logged()
            self._remember(changed)

    def _remember(self, changed: Mapping[str, Json]) -> None:
        for name, fact in list(changed.items()):
            self._facts.remember(FACTS, name, fact, urgent=True)
            if self._unkept.get(name) is fact:
                self._unkept.pop(name, None)


def _key(point: AlarmPoint) -> _Key:
    return point.alarm.name, point.source
