"""The units of a line: what is asked of them, and what becomes of their answers.

Used by the one task that owns the line. Readings go to the store, news of units to ``announce``, what was learned of
their addresses to the facts.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
import trio

from drivers.modbus.pdu import Data, Refusal, Request
from drivers.ports.port import LinkDown
from gateway.core.ports import FactStore
from gateway.core.reading import Reason
from gateway.core.tags import TagStore
from gateway.lines.absence import Absence, Stillness
from gateway.lines.exchange import Answer, Lost, Pace, Talk
from gateway.lines.fence import shape, stretched
from gateway.lines.health import Cause, Health, Presence, SilenceBudget
from gateway.lines.refusals import BUSY_CODES, GATEWAY_CODES, Refusals
from gateway.lines.schedule import Schedule
from gateway.lines.share import Share
from gateway.lines.unit import REFUSED_RETRY_S, BlockPoll, Unit, tag_of
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings

log = structlog.stdlib.get_logger(__name__)

Announce = Callable[[str, dict[str, object]], None]
Returned = Callable[[Unit], None]

# A damaged answer is asked for again at once, so often; then it waits for its next slot.
BROKEN_RETRIES = 2


class Polling:
    """Polls the units of one line.

    Args:
        settings: of the line.
        numbered: whether replies carry the number of their request (Modbus TCP), so that none can be mistaken.
        store: takes the readings.
        facts: keeps what was learned over restarts.
        announce: told of ``device:up`` and ``device:down``.
        returned: told of a unit that answers for the first time since it fell silent or the port was opened.
    """

    def __init__(
        self,
        settings: LineSettings,
        *,
        numbered: bool,
        store: TagStore,
        facts: FactStore,
        announce: Announce,
        returned: Returned = lambda _: None,
    ) -> None:
        now = trio.current_time()
        self.settings = settings
        self.numbered = numbered
        self.wire = Wire.of(settings)
        self.busy = Share(now)
        self.budget = SilenceBudget(settings.silent_share, max(1.0, settings.timeout), now)
        self.units: dict[int, Unit] = {}
        self.schedule: Schedule[BlockPoll] = Schedule()
        self.absent = Absence(self.wire, self.budget, self.schedule, len(settings.devices))
        self._store = store
        self._announce = announce
        self._returned = returned
        self._talk: Talk | None = None
        self._stillness = Stillness()
        self._undecoded: tuple[BlockPoll, bytes, float, bool] | None = None
        self.stretched = 1.0
        # Units whose blocks are to be planned anew, and whether what was learned of them is to be forgotten.
        self._told: dict[int, bool] = {}
        for device in settings.devices:
            unit = Unit(device.unit, device, Health(device.timeout or settings.timeout, now), settings.turnaround)
            tags = [tag_of(settings, device, tag) for tag in device.tags]
            for tag, cell in zip(device.tags, store.add(tags), strict=True):
                unit.cells[tag.name] = cell
            self.units[device.unit] = unit
        self._refusals = Refusals(settings, self.wire, store, facts, self.schedule)
        self._refusals.recall(self.units.values())

    def unit(self, number: int) -> Unit:
        """A unit of this line, configured or not."""
        unit = self.units.get(number)
        if unit is None:
            health = Health(self.settings.timeout, trio.current_time())
            unit = self.units[number] = Unit(number, None, health, self.settings.turnaround)
        return unit

    def inherit(self, before: Polling) -> None:
        """Take over what may still be answered on this wire, from what was asked under an earlier configuration."""
        for number, unit in before.units.items():
            if unit.health.open_shapes(trio.current_time()):
                self.unit(number).health.inherit(unit.health)

    # The link

    def link_up(self, talk: Talk) -> None:
        """The port is open: everything is due, and nobody has proved to be there yet."""
        now = trio.current_time()
        self._talk = talk
        self.absent.clear()
        for unit in self.units.values():
            unit.health.reset()
            if unit.health.presence is Presence.SILENT:
                if unit.device is not None:
                    self.absent.add(unit)
            else:
                self.schedule.add(unit.polls, now)

    def link_down(self, reason: Reason) -> None:
        """The port is gone, or may not be used: no value of this line is current."""
        self.finish()
        self._talk = None
        for unit in self.units.values():
            self.schedule.hold(unit.polls)
            self._store.fail(unit.cells.values(), reason)
            for poll in unit.polls:
                poll.release()

    def rest(self) -> None:
        """Poll nothing: the line is lent. What was read grows old."""
        self.finish()
        for unit in self.units.values():
            self.schedule.hold(unit.polls)
            for poll in unit.polls:
                poll.release()

    def take_up(self) -> None:
        """Go on after ``rest``; the deadlines that passed meanwhile were missed."""
        now = trio.current_time()
        for unit in self.units.values():
            if unit.health.usable:
                for poll in unit.polls:
                    _count_missed(poll, self.schedule.resume(poll, now))

    # What it is told

    def stretch(self, factor: float) -> None:
        """Read tags of low priority so much less often, from the next exchanges on."""
        if factor == self.stretched:
            return
        self.stretched = factor
        for unit in self.units.values():
            unit.stretch = factor
            if unit.device is not None and any(tag.priority == "low" for tag in unit.device.tags):
                self._told.setdefault(unit.number, False)

    def relearn(self) -> None:
        """Forget which addresses were refused, before the next exchanges."""
        self._told.update({unit.number: True for unit in self.units.values() if unit.device is not None})

    def obey(self, now: float) -> bool:
        """Do what it was told, for one unit: planning for many would keep all lines waiting.

        Returns whether more is left. Called between two exchanges, when no poll is under way and the polls do not rest.
        """
        if self._told:
            number, forget = self._told.popitem()
            unit = self.units[number]
            if forget:
                self._refusals.forget(unit, now)
            else:
                self._refusals.adapt(unit, now)
        return bool(self._told)

    # Exchanging

    async def exchange(
        self, unit: Unit, request: Request, patience: float | None = None, pace: Pace | None = None
    ) -> Answer | Lost:
        """One exchange, with all that follows from it for the unit's health and the line's budget.

        Args:
            unit: whom to ask.
            request: what to ask.
            patience: seconds to wait for the answer; None: as the unit's latency suggests.
            pace: the request's own prediction; None: the unit's.

        Raises:
            LinkDown: the wire is gone.
        """
        health = unit.health
        health.counters.requests += 1
        started = trio.current_time()
        talk = self._talk
        if talk is None:
            raise LinkDown("closed", "the line is not open")
        before = health.presence
        outstanding = set(health.open_shapes(started))
        try:
            result = await talk.exchange(
                request, patience or health.timeout, health.noticed, pace or unit.pace, self.finish
            )
        except BaseException:
            # Broken off: the reply may still come, on the port that is opened next.
            if not self.numbered:
                health.lost(shape(request), trio.current_time())
            raise
        now = trio.current_time()
        self.busy.add(now - started, now)
        if isinstance(result, Answer):
            # Somebody is there, if only a gateway: the port does what it should.
            self._stillness.ends()
            behind_gateway = isinstance(result.answer, Refusal) and result.answer.code in GATEWAY_CODES
            if not behind_gateway:
                unit.broken = 0
                self.absent.heard()
                # What may be an earlier request's answer says nothing of the time this one takes, nor does a refusal.
                telling = isinstance(result.answer, Data) and shape(request) not in outstanding
                if health.answered(result.at, result.turnaround if telling else None):
                    self._appeared(unit, before, now)
                if isinstance(result.answer, Refusal):
                    health.counters.refused(result.answer.name)
                    if outstanding:
                        # A refusal has no shape: it may be an earlier request's, and the reply to this one on its way.
                        health.lost(shape(request), now)
                elif shape(request) in outstanding:
                    # If it was the late one, the reply to this request is still to come.
                    health.lost(shape(request), now)
                return result
            health.counters.refused("gateway_path")
            self._missed(unit, now - started, now, Reason.GATEWAY_PATH)
            return result
        if result.answered:
            unit.broken += 1
            if outstanding:
                # What was damaged may have been an earlier request's.
                health.lost(shape(request), now)
            if not health.usable and unit.broken > BROKEN_RETRIES:
                # Probes that bring nothing but damage cost the line what silence costs.
                self._missed(unit, result.cost, now, Reason.BROKEN_ANSWER)
            return result
        if not self.numbered:
            health.lost(shape(request), now)
        self._missed(unit, result.cost, now, Reason.NO_ANSWER)
        return result

    def overheard(self, unit: Unit, answer: Data | Refusal) -> None:
        """A tool had an answer of a unit: where nobody knew that it is there, what waits for that is tried."""
        behind_gateway = isinstance(answer, Refusal) and answer.code in GATEWAY_CODES
        if not unit.health.usable and not behind_gateway:
            self._returned(unit)

    def echoed(self, request: Request) -> bool:
        """Whether what looks like the answer to this request may be its echo, on a line that was not said to have one.

        The reply to some writes is the request itself. That the adapter echoes is seen at the first read.
        """
        return (
            request.echo == request.pdu
            and not self.settings.echo
            and any(Cause.ECHO in unit.health.counters.errors for unit in self.units.values())
        )

    def _missed(self, unit: Unit, cost: float, now: float, reason: Reason) -> None:
        silent = unit.health.missed(now)
        self.schedule.hold(unit.polls)
        self.absent.lost(unit, cost, now)
        if unit.health.presence is Presence.SILENT:
            self._store.fail(unit.cells.values(), reason)
        if silent:
            log.warning("device silent", line=self.settings.name, device=unit.name, unit=unit.number)
            self._announce("device:down", self._device_event(unit, reason))

    def _appeared(self, unit: Unit, before: Presence, now: float) -> None:
        if unit in self.absent:
            self.absent.remove(unit, before, now)
            if before is Presence.DOUBTFUL:
                # One lost answer is no excuse: what was due meanwhile keeps its deadline.
                for poll in unit.polls:
                    _count_missed(poll, self.schedule.resume(poll, now))
            else:
                self.schedule.add(unit.polls, now)
        if unit.device is not None and before is not Presence.DOUBTFUL:
            if before is Presence.SILENT:
                log.info("device answers again", line=self.settings.name, device=unit.name, unit=unit.number)
            self._announce("device:up", self._device_event(unit, None))
            self._returned(unit)

    def _device_event(self, unit: Unit, reason: Reason | None) -> dict[str, object]:
        return {"line": self.settings.name, "device": unit.name, "unit": unit.number, "reason": reason}

    async def probe(self, unit: Unit, patience: float | None = None) -> bool:
        """Ask an absent unit once. Returns whether it is there."""
        request = unit.sign_of_life() if self.numbered else unit.fence(trio.current_time())
        await self.exchange(unit, request, patience)
        return unit.health.presence is Presence.ONLINE

    # Polling

    def hurry(self, poll: BlockPoll) -> None:
        """Read a block before all others, unless it can only be read in doubt: that would keep the doubt alive."""
        if self._request(poll)[2]:
            poll.release()
        else:
            self.schedule.hurry(poll, trio.current_time())

    def _request(self, poll: BlockPoll) -> tuple[Request, int, bool]:
        """What to ask for a block now, by how much longer than the block it is, and whether its answer is in doubt."""
        open_shapes = poll.unit.health.open_shapes(trio.current_time())
        if not open_shapes or shape(poll.request) not in open_shapes:
            return poll.request, 0, False
        longer = stretched(poll.request, open_shapes, poll.most_stretch)
        return (*longer, False) if longer is not None else (poll.request, 0, True)

    async def poll(self, poll: BlockPoll) -> None:
        """Do one poll and all that follows from its outcome; the answer is decoded by ``finish``."""
        unit = poll.unit
        request, stretch, doubtful = self._request(poll)
        if doubtful and self._soon_certain(poll):
            return
        patience = max(unit.health.timeout, poll.patience)
        result = await self.exchange(unit, request, patience, poll.pace)
        now = trio.current_time()
        if isinstance(result, Lost):
            if result.answered:
                self._broken(unit, poll, now)
            else:
                poll.patience = min(2 * patience, unit.health.bound)
                poll.release()
        elif isinstance(result.answer, Data):
            poll.refusals = 0
            poll.retry = REFUSED_RETRY_S
            poll.proven = True
            unit.busy = 0
            poll.took(result.turnaround)
            self._undecoded = (poll, result.answer.payload[: poll.size], result.at, doubtful)
            _count_missed(poll, self.schedule.done(poll, result.at))
            if doubtful:
                self._wait_out(unit, poll, now + unit.health.quarantine)
        elif stretch and result.answer.code not in GATEWAY_CODES | BUSY_CODES:
            # The device has nothing there behind this block, whatever it calls that: it is asked for less, or as it is
            # and in doubt.
            poll.most_stretch = stretch - 1
            self.schedule.again(poll)
        else:
            self._refusals.take(poll, result.answer, now)

    def _soon_certain(self, poll: BlockPoll) -> bool:
        """Put a block off whose doubt is nearly over: to read it in doubt would begin a whole quarantine anew."""
        health, now = poll.unit.health, trio.current_time()
        until = health.open_until(shape(poll.request))
        if until - now > health.quarantine / 2:
            return False
        self.schedule.postpone(poll, until)
        poll.release()
        return True

    def _wait_out(self, unit: Unit, poll: BlockPoll, until: float) -> None:
        """A block was read in doubt: it, and those that would be, wait until no late answer can come.

        Asked at their own pace they would keep each other's doubt alive.
        """
        for other in unit.polls:
            alike = other.most_stretch == 0 and shape(other.request) == shape(poll.request)
            if other is poll or (alike and not other.held):
                self.schedule.postpone(other, max(other.due, until))

    def finish(self) -> None:
        """Decode and publish the last answer. Done while the next request is on the wire, or when the line rests."""
        if self._undecoded is None:
            return
        poll, payload, at, doubtful = self._undecoded
        self._undecoded = None
        values = poll.values(payload)
        if doubtful:
            self._store.doubt(poll.cells, values, at, Reason.LATE_POSSIBLE)
        else:
            self._store.apply(poll.cells, values, at)
        poll.release()

    def _broken(self, unit: Unit, poll: BlockPoll, now: float) -> None:
        if unit.broken <= BROKEN_RETRIES:
            self.schedule.again(poll)
            return
        self._store.fail(poll.cells, Reason.BROKEN_ANSWER)
        self.schedule.done(poll, now)
        poll.release()

    # The adapter

    def hanging(self, now: float) -> bool:
        """Whether the port should be opened anew: nobody has answered for long, so perhaps it is the adapter."""
        if any(unit.health.presence is not Presence.SILENT for unit in self.units.values() if unit.device):
            self._stillness = Stillness()
            return False
        return self._stillness.lasts(now)


def _count_missed(poll: BlockPoll, missed: int) -> None:
    if missed:
        for cell in poll.cells:
            cell.missed += missed
