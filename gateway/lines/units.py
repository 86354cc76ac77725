"""The units of a line: one exchange with one of them, and what follows from it for who is there.

Used by the one task that owns the line. News of units go to ``announce``; an absent unit's tags are bad in the store,
and its polls rest until it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import structlog
import trio

from drivers.modbus.pdu import Data, Refusal, Request
from drivers.ports.port import LinkDown
from drivers.ports.timer import loop_clock
from gateway.core.reading import Reason
from gateway.core.tags import TagStore
from gateway.lines.absence import Absence, Stillness
from gateway.lines.backlog import MARGIN, Backlog
from gateway.lines.exchange import Answer, Lost, Pace, Talk
from gateway.lines.fence import Shape, shape
from gateway.lines.health import Cause, Health, Presence, SilenceBudget
from gateway.lines.orders import reason_of
from gateway.lines.refusals import GATEWAY_CODES
from gateway.lines.schedule import Schedule
from gateway.lines.share import Share
from gateway.lines.unit import BlockPoll, Unit, tag_of
from gateway.lines.wire import READ_REPLY_PDU, SMALL_REPLY, Wire
from gateway.settings.line_model import LineSettings

log = structlog.stdlib.get_logger(__name__)

Announce = Callable[[str, dict[str, object]], None]
Returned = Callable[[Unit], None]

# A damaged answer is asked for again at once, so often; then it waits for its next slot.
BROKEN_RETRIES = 2
NOTHING: frozenset[Shape] = frozenset()


class Units:
    """Who is there on one line.

    Args:
        settings: of the line.
        numbered: whether replies carry the number of their request (Modbus TCP), so that none can be mistaken.
        store: is told whose tags are bad.
        announce: told of ``device:up`` and ``device:down``.
        returned: told of a unit that answers for the first time since it fell silent or the port was opened.

    Attributes:
        busy: the share of time in which somebody was asked.
        budget: what lost requests may cost.
        schedule: the polls of all units.
        absent: the units that are probed and not polled.
        backlog: whose answers may still come, on Modbus TCP.
        answered: whether anybody did since the port was opened.
        progressing: told when an exchange begins: a write may take several, and each is a sign of life.
    """

    def __init__(
        self, settings: LineSettings, *, numbered: bool, store: TagStore, announce: Announce, returned: Returned
    ) -> None:
        self._time = loop_clock()
        now = self._time()
        self.settings = settings
        self.numbered = numbered
        self.wire = Wire.of(settings)
        self.busy = Share(now)
        self.budget = SilenceBudget(settings.silent_share, max(1.0, settings.timeout), now)
        self.units: dict[int, Unit] = {}
        self.schedule: Schedule[BlockPoll] = Schedule()
        self.absent = Absence(self.wire, self.budget, self.schedule, len(settings.devices))
        self.backlog = Backlog(
            self.units, self.absent, self.budget, self.schedule, settings.timeout, self._missed, self._heard_late
        )
        self._store = store
        self._announce = announce
        self._returned = returned
        self._talk: Talk | None = None
        self._stillness = Stillness()
        self.progressing: Callable[[float], None] = lambda _: None
        self.answered = False
        for device in settings.devices:
            unit = Unit(device.unit, device, Health(device.timeout or settings.timeout, now), settings.turnaround)
            tags = [tag_of(settings, device, tag) for tag in device.tags]
            for tag, cell in zip(device.tags, store.add(tags), strict=True):
                unit.cells[tag.name] = cell
            self.units[device.unit] = unit

    def unit(self, number: int) -> Unit:
        """A unit of this line, configured or not."""
        unit = self.units.get(number)
        if unit is None:
            health = Health(self.settings.timeout, trio.current_time())
            unit = self.units[number] = Unit(number, None, health, self.settings.turnaround)
        return unit

    def inherit(self, before: Units) -> None:
        """Take over what may still be answered on this wire, from what was asked under an earlier configuration."""
        for number, unit in before.units.items():
            if unit.health.open_shapes(trio.current_time()):
                self.unit(number).health.inherit(unit.health)

    @property
    def left(self) -> bool:
        """Whether anything of the last request may have left."""
        return self._talk is not None and self._talk.left

    def finish(self) -> None:
        """Do what can be done while a request is on the wire."""

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
        started = self._time()
        self.progressing(started)
        talk = self._talk
        if talk is None:
            raise LinkDown("closed", "the line is not open")
        outstanding = frozenset(health.open_shapes(started)) if health.open else NOTHING
        usual = longest = patience or health.timeout
        if self.backlog.units:
            longest = self.backlog.patience(unit, usual, started)
        try:
            result = await talk.exchange(request, longest, health.noticed, pace or unit.pace, self.finish)
        except BaseException:
            # The reply may still come, on the port that is opened next.
            if not self.numbered and talk.left:
                health.lost(shape(request), trio.current_time())
            raise
        now = result.at if isinstance(result, Answer) else self._time()
        self.busy.add(now - started, now)
        if isinstance(result, Answer):
            # Somebody is there, if only a gateway: the port does what it should.
            self.answered = True
            self._stillness.ends()
            if self.backlog.units:
                self.backlog.answered(unit, now - started, usual, now)
            if isinstance(result.answer, Refusal) and result.answer.code in GATEWAY_CODES:
                health.counters.refused(result.answer.name)
                if _may_answer(outstanding, request, result.answer):
                    health.lost(shape(request), now)
                health.holds = MARGIN * (now - started) if self.numbered else 0.0
                self._missed(unit, now - started, now, reason_of(result.answer))
            else:
                self._heard(unit, request, result, outstanding, now)
        elif result.answered:
            unit.broken += 1
            if outstanding:
                # What was damaged may have been an earlier request's.
                health.lost(shape(request), now)
            if not health.usable and unit.broken > BROKEN_RETRIES:
                # Probes that bring nothing but damage cost the line what silence costs.
                self._missed(unit, result.cost, now, Reason.BROKEN_ANSWER)
        elif self.numbered:
            self.backlog.lost(unit, result.cost, now)
        else:
            health.lost(shape(request), now)
            self._missed(unit, result.cost, now, Reason.NO_ANSWER)
        return result

    def _heard(self, unit: Unit, request: Request, result: Answer, outstanding: AbstractSet[Shape], now: float) -> None:
        """The unit itself answered, to this request or to one of those that were outstanding."""
        health, before = unit.health, unit.health.presence
        unit.broken = 0
        self.absent.heard()
        refusal = result.answer if isinstance(result.answer, Refusal) else None
        earlier = bool(outstanding) and _may_answer(outstanding, request, result.answer)
        # What may be an earlier request's answer says nothing of the time this one takes, nor does a refusal.
        telling = refusal is None and not earlier
        if health.answered(result.at, result.turnaround if telling else None):
            self._appeared(unit, before, now)
        if refusal is not None:
            health.counters.refused(refusal.name)
        if earlier:
            # If it was the late one, the reply to this request is still to come.
            health.lost(shape(request), now)

    def _heard_late(self, unit: Unit, now: float) -> None:
        """The unit answered a request that was given up, because another one had held it up."""
        before = unit.health.presence
        self.absent.heard()
        if unit.health.answered(now, None):
            self._appeared(unit, before, now)

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
                    count_missed(poll, self.schedule.resume(poll, now))
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
        sign = request = unit.sign_of_life()
        patience = unit.health.timeout if patience is None else patience
        if not self.numbered:
            now = trio.current_time()
            request = unit.fence(sign, now)
            # Its time was reckoned with a small reply: deadlines do not pay for a longer one.
            rest = patience - max(0.0, self.wire.carry(sign.reply_size) - self.wire.carry(READ_REPLY_PDU + SMALL_REPLY))
            if rest >= unit.health.shortest and unit.whole(sign, request, now):
                request, patience = sign, rest
        await self.exchange(unit, request, patience)
        return unit.health.presence is Presence.ONLINE

    def hanging(self, now: float) -> bool:
        """Whether the port should be opened anew: nobody has answered for long, so perhaps it is the adapter."""
        if any(unit.health.presence is not Presence.SILENT for unit in self.units.values() if unit.device):
            self._stillness = Stillness()
            return False
        return self._stillness.lasts(now)


def _may_answer(outstanding: AbstractSet[Shape], request: Request, answer: Data | Refusal) -> bool:
    """Whether what came for a request may be the answer to an earlier one.

    A refusal has no size, and names its function alone: it may be the answer to any request of that.
    """
    if isinstance(answer, Refusal):
        return any(function == request.function for function, *_ in outstanding)
    return shape(request) in outstanding


def count_missed(poll: BlockPoll, missed: int) -> None:
    """A poll missed so many deadlines: so did each of its tags."""
    if missed:
        for cell in poll.cells:
            cell.missed += missed
