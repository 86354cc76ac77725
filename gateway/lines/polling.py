"""The blocks of a line: which of them is read how, and what becomes of the answers.

Used by the one task that owns the line. Readings go to the store, what was learned of addresses to the facts.
"""

from __future__ import annotations

import trio

from drivers.modbus.pdu import Data, Request
from gateway.core.ports import FactStore
from gateway.core.reading import Reason
from gateway.core.tags import TagStore
from gateway.lines.exchange import Lost, Talk
from gateway.lines.fence import shape, stretched
from gateway.lines.health import Presence
from gateway.lines.refusals import BUSY_CODES, GATEWAY_CODES, Refusals
from gateway.lines.unit import REFUSED_RETRY_S, BlockPoll, Unit
from gateway.lines.units import BROKEN_RETRIES, Announce, Returned, Units, count_missed
from gateway.settings.line_model import LineSettings


class Polling(Units):
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
        super().__init__(settings, numbered=numbered, store=store, announce=announce, returned=returned)
        self._undecoded: tuple[BlockPoll, bytes, float, bool] | None = None
        self.stretched = 1.0
        # Units whose blocks are to be planned anew, and whether what was learned of them is to be forgotten.
        self.told: dict[int, bool] = {}
        self._refusals = Refusals(settings, self.wire, store, facts, self.schedule)
        self._refusals.recall(self.units.values())

    # The link

    def link_up(self, talk: Talk) -> None:
        """The port is open: everything is due, and nobody has proved to be there yet."""
        now = trio.current_time()
        self.link_renewed(talk)
        self.absent.clear()
        for unit in self.units.values():
            unit.health.reset()
            if unit.health.presence is Presence.SILENT:
                if unit.device is not None:
                    self.absent.add(unit)
            else:
                self.schedule.add(unit.polls, now)

    def link_renewed(self, talk: Talk) -> None:
        """The same peer is reached by another connection: what is known of the units stands."""
        self._talk = talk
        self.answered = False
        talk.late = self.backlog.late
        self.backlog.forget()

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
                    count_missed(poll, self.schedule.resume(poll, now))

    # What it is told

    def stretch(self, factor: float) -> None:
        """Read tags of low priority so much less often, from the next exchanges on."""
        if factor == self.stretched:
            return
        self.stretched = factor
        for unit in self.units.values():
            unit.stretch = factor
            if unit.device is not None and any(tag.priority == "low" for tag in unit.device.tags):
                self.told.setdefault(unit.number, False)

    def relearn(self) -> None:
        """Forget which addresses were refused, before the next exchanges."""
        self.told.update({unit.number: True for unit in self.units.values() if unit.device is not None})

    def obey(self, now: float) -> bool:
        """Do what it was told, for one unit: planning for many would keep all lines waiting.

        Returns whether more is left. Called between two exchanges, when no poll is under way and the polls do not rest.
        """
        if self.told:
            number, forget = self.told.popitem()
            unit = self.units[number]
            if forget:
                self._refusals.forget(unit, now)
            else:
                self._refusals.adapt(unit, now)
        return bool(self.told)

    # Polling

    def hurry(self, poll: BlockPoll, *, awaited: bool = True) -> None:
        """Read a block before all others, unless it can only be read in doubt: that would keep the doubt alive.

        Args:
            poll: the block.
            awaited: somebody waits for it; else it costs no other one its deadline.
        """
        if self._request(poll)[2]:
            poll.release()
        elif awaited:
            self.schedule.hurry(poll, trio.current_time())
        else:
            self.schedule.advance(poll, trio.current_time())

    def _request(self, poll: BlockPoll) -> tuple[Request, int, bool]:
        """What to ask for a block now, by how much longer than the block it is, and whether its answer is in doubt."""
        if not poll.unit.health.open:
            return poll.request, 0, False
        open_shapes = poll.unit.health.open_shapes(trio.current_time())
        if shape(poll.request) not in open_shapes:
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
        if isinstance(result, Lost):
            if result.answered:
                self._broken(unit, poll, trio.current_time())
            else:
                if stretch > poll.reached:
                    # Perhaps it is mute to more than it has: the next one asks for less, or as it is and in doubt.
                    poll.most_stretch = stretch - 1
                poll.patience = min(2 * patience, unit.health.bound)
                poll.release()
        elif isinstance(result.answer, Data):
            poll.refusals = 0
            poll.retry = REFUSED_RETRY_S
            poll.proven = True
            poll.vain = 0
            unit.busy = 0
            poll.took(result.turnaround)
            if stretch:
                poll.reached = max(poll.reached, stretch)
            self._undecoded = (poll, result.answer.payload[: poll.size], result.at, doubtful)
            if missed := self.schedule.done(poll, result.at):
                count_missed(poll, missed)
            if doubtful:
                self._wait_out(unit, poll, trio.current_time() + unit.health.quarantine)
        elif stretch and result.answer.code not in GATEWAY_CODES | BUSY_CODES:
            # The device has nothing there behind this block, whatever it calls that: it is asked for less, or as it is
            # and in doubt.
            poll.most_stretch = stretch - 1
            self.schedule.again(poll)
        else:
            self._refusals.take(poll, result.answer, trio.current_time())

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
        if poll.finished is not None:
            poll.release()

    def _broken(self, unit: Unit, poll: BlockPoll, now: float) -> None:
        if unit.broken <= BROKEN_RETRIES:
            self.schedule.again(poll)
            return
        self._store.fail(poll.cells, Reason.BROKEN_ANSWER)
        self.schedule.done(poll, now)
        poll.release()
