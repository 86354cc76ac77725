"""Blocks that a device refuses to read: asked again, divided, or given up for a while; what is learned is remembered.

Used by the one task that owns the line.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from drivers.modbus.pdu import Refusal
from gateway.core.ports import FactStore
from gateway.core.reading import Reason
from gateway.core.tags import TagStore
from gateway.lines.orders import reason_of
from gateway.lines.plan import divide, longest_block
from gateway.lines.schedule import Schedule
from gateway.lines.unit import REFUSED_RETRY_S, BlockPoll, Unit
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings

log = structlog.stdlib.get_logger(__name__)

REFUSED_RETRY_MAX_S = 600.0
# A block that was answered once is not divided before its refusals have lasted: its holes cannot be what is refused.
DIVIDE_AFTER_S = 80.0
# Codes 10 and 11: a gateway on the way says that it has no path to the unit behind it, or had no answer from it.
GATEWAY_CODES = frozenset({10, 11})
BUSY_CODES = frozenset({5, 6})
ADDRESS_CODES = frozenset({2, 3})
FUNCTION_CODE = 1
BUSY_BEFORE_BAD = 3
# A gateway that has lost one request says the same: so many in a row of a block, whose unit answers others between
# them, mean the block.
NO_PATH_BEFORE_BAD = 3
SPLITS = "splits"


class Refusals:
    """What becomes of the refused polls of one line.

    Args:
        settings: of the line.
        wire: says how its blocks are divided.
        store: takes the reasons.
        facts: keeps what was learned over restarts.
        schedule: the polls are given back to it.
    """

    def __init__(
        self, settings: LineSettings, wire: Wire, store: TagStore, facts: FactStore, schedule: Schedule[BlockPoll]
    ) -> None:
        self._line = settings.name
        self._wire = wire
        self._longest = longest_block(settings, wire)
        self._store = store
        self._facts = facts
        self._schedule = schedule

    def _fact_key(self, unit: Unit) -> str:
        return f"{self._line}/{unit.number}"

    def recall(self, units: Iterable[Unit]) -> None:
        """Plan the blocks of units with what an earlier run learned of them."""
        learned = self._facts.recall(SPLITS)
        for unit in units:
            unit.recall(learned.get(self._fact_key(unit)))
            unit.replan(self._wire, self._longest)

    def take(self, poll: BlockPoll, refusal: Refusal, now: float) -> None:
        """A poll was refused: give it back to the schedule, with the reason to its tags where it is to be believed."""
        code, unit = refusal.code, poll.unit
        if code in GATEWAY_CODES:
            # The unit is in doubt and its polls are held. Where it was only this one's registers, it answers its probe.
            poll.refusals += 1
            if poll.refusals >= NO_PATH_BEFORE_BAD:
                self._give_up(poll, refusal, now)
            poll.release()
            return
        if code in BUSY_CODES:
            unit.busy += 1
            if unit.busy >= BUSY_BEFORE_BAD:
                self._store.fail(poll.cells, Reason.DEVICE_BUSY)
            self._schedule.done(poll, now)
            poll.release()
            return
        poll.refusals += 1
        if poll.refusals == 1:
            # Believed only when given twice in a row: an exception could have been an earlier request's.
            self._schedule.again(poll)
            return
        lasting = not poll.proven or poll.retry >= DIVIDE_AFTER_S
        cuts = divide(poll.block) if code in ADDRESS_CODES and lasting else []
        if cuts:
            self._learn(unit, poll, cuts, now)
            return
        if code in ADDRESS_CODES or code == FUNCTION_CODE:
            self._give_up(poll, refusal, now)
        else:
            self._store.fail(poll.cells, reason_of(refusal))
            self._schedule.done(poll, now)
        poll.release()

    def _give_up(self, poll: BlockPoll, refusal: Refusal, now: float) -> None:
        """Ask a block again after a while only, each time a longer one."""
        self._store.fail(poll.cells, reason_of(refusal))
        self._schedule.postpone(poll, now + poll.retry)
        poll.retry = min(2 * poll.retry, REFUSED_RETRY_MAX_S)

    def adapt(self, unit: Unit, now: float) -> None:
        """Plan a unit's blocks anew: what comes out as it was keeps its rhythm, the rest takes over from that."""
        heirs = unit.adapt(self._wire, self._longest)
        for poll, parts in heirs:
            self._schedule.succeed(poll, parts, now)
        gone = [old for _, parts in heirs for old in parts]
        self._schedule.hold(gone)
        for old in gone:
            old.release()

    def forget(self, unit: Unit, now: float) -> None:
        """Forget what was learned of a unit, here and on disk; what it refuses is asked again at once."""
        unit.splits = {}
        unit.no_mask_write = False
        self._facts.remember(SPLITS, self._fact_key(unit), None)
        for poll in unit.polls:
            poll.most_stretch = unit.spare(poll.request)
            if poll.refusals and not poll.held:
                poll.refusals = 0
                poll.retry = REFUSED_RETRY_S
                self._schedule.add([poll], now)
        self.adapt(unit, now)

    def _learn(self, unit: Unit, poll: BlockPoll, cuts: list[int], now: float) -> None:
        """A joined block was refused: divide it, and remember that over restarts."""
        unit.split(poll.block.table, cuts)
        self._facts.remember(SPLITS, self._fact_key(unit), unit.learned())
        log.info(
            "block divided",
            line=self._line,
            device=unit.name,
            table=poll.block.table,
            address=poll.block.address,
            count=poll.block.count,
            at=cuts,
        )
        self.adapt(unit, now)
