"""The task that owns a line: it opens the port, picks what is most urgent, and does one exchange at a time.

Nothing else touches the port. Callers leave orders; the store gets readings; everybody else learns by events.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable
from enum import StrEnum

import structlog
import trio

from drivers.modbus.pdu import Data, Refusal, Request
from drivers.ports.port import LinkDown, Port
from gateway.core.reading import Reason
from gateway.lines.borrow import Loan
from gateway.lines.exchange import Answer, Lost, Talk
from gateway.lines.health import Cause, Presence
from gateway.lines.orders import MOST_ORDERS, Order, Writing
from gateway.lines.polling import Announce, Polling
from gateway.lines.refusals import FUNCTION_CODE, GATEWAY_CODES
from gateway.lines.tap import Tap, TappedPort
from gateway.lines.unit import BlockPoll, Unit
from gateway.lines.wakeups import Wakeups
from gateway.settings.line_model import LineSettings

log = structlog.stdlib.get_logger(__name__)

Opener = Callable[[], Awaitable[tuple[Port, Talk]]]

# Orders in a row before a poll that is due gets its turn: writes go first, but polls must not starve.
ORDERS_IN_A_ROW = 4
# Why a line has closed its port by itself.
DESERTED = "nobody on this line has answered for long: its port was closed, and is being opened anew"
# The longest a line with nothing to do sleeps: its sign of life must move all the same (see ``Lines``).
LONGEST_SLEEP_S = 10.0


class State(StrEnum):
    """What a line is doing."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    PARKED = "parked"
    STOPPED = "stopped"


class Line:
    """One line.

    Args:
        opener: opens the port and says how to talk on it.
        polling: the units and what is polled on them.
        announce: told of ``line:up``, ``line:down`` and ``line:parked``.
        wakeups: wakes the line when something is due.
    """

    def __init__(self, opener: Opener, polling: Polling, announce: Announce, wakeups: Wakeups) -> None:
        self.settings: LineSettings = polling.settings
        self.polling = polling
        self.state = State.STARTING
        self.reason: str | None = None
        self.words: str | None = None
        self.port: Port | None = None
        self.opened = 0
        self.loan: Loan | None = None
        self.tap: Tap | None = None
        self.alive_at = trio.current_time()
        self._opener = opener
        self._announce = announce
        self._wakeups = wakeups
        self._orders: deque[Order] = deque()
        self._talk: Talk | None = None
        self._wakeup = trio.Event()
        self._stopping = False
        self._in_a_row = 0

    # What callers may do

    def submit(self, order: Order) -> None:
        """Leave an order; its ``done`` is set when its outcome is known."""
        if self.state is not State.UP:
            order.fail(Reason.LINK_DOWN, f"line {self.settings.name} is {self.state}: {self.words or 'not open yet'}")
        elif self.loan is not None and self.loan.lasts and not order.owed:
            order.fail("borrowed", self.loan.words)
        elif len(self._orders) >= MOST_ORDERS:
            order.fail("queue_full", f"{MOST_ORDERS} requests are waiting for line {self.settings.name} already")
        else:
            self._orders.append(order)
            self._wakeup.set()

    def hurry(self, poll: BlockPoll) -> None:
        """Read a block as soon as the line is free, if its unit answers and nothing late can be taken for that."""
        if self.loan is None:
            self.polling.hurry(poll)
        else:
            poll.release()
        self._wakeup.set()

    def lend(self, loan: Loan) -> None:
        """Do what a tool asks, and write safe values that are owed, until the loan is over."""
        log.info("line lent", line=self.settings.name)
        self.loan = loan
        self._give_back("borrowed", loan.words)
        self._wakeup.set()

    def wake(self) -> None:
        """Look at the loan: something was asked, or it was given back."""
        self._wakeup.set()

    def overhear(self, tap: Tap | None) -> None:
        """Tell a tap what goes over the line from now on; None ends that."""
        self.tap = tap
        if self._talk is not None and self.port is not None:
            self._talk.through(TappedPort(self.port, tap) if tap is not None else self.port)

    def stop(self) -> None:
        """Finish the exchange that is running, then return from ``run``."""
        self._stopping = True
        self._wakeup.set()

    def park(self, words: str) -> None:
        """A fault of ours took the last life: no value of this line can be trusted until it runs again."""
        self.state, self.reason, self.words = State.PARKED, Reason.FAULT, words
        self.polling.link_down(Reason.FAULT)
        self._announce("line:parked", self._event())

    # Life

    async def run(self) -> None:
        """Poll until ``stop`` or cancellation. What the world does is dealt with here; only our own faults raise."""
        shortest, longest = self.settings.reconnect_min, self.settings.reconnect_max
        pause = shortest
        try:
            while not self._stopping:
                lasted = await self._session()
                if lasted > longest:
                    pause = shortest
                await self._rest(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects, guards nothing
                pause = min(pause * 2, longest)
        finally:
            self.polling.finish()
            self._give_back("stopping", "the gateway or this line is being stopped")
            if self.loan is not None:
                self.loan.give_back()
                self.loan = None
            if self.state is not State.PARKED:
                self.state = State.STOPPED

    async def _session(self) -> float:
        """Open the port and serve on it until it is gone. Returns how many seconds it was open."""
        self.alive_at = trio.current_time()
        try:
            port, talk = await self._opener()
        except LinkDown as down:
            self._went_down(down)
            return 0.0
        opened = trio.current_time()
        try:
            self._came_up(port, talk)
            await self._serve()
            self.state, self.reason, self.words = State.DOWN, Reason.NO_ANSWER, DESERTED
        except LinkDown as down:
            self._went_down(down)
        finally:
            self.port = self._talk = None
            with trio.CancelScope(shield=True):
                await port.aclose()
        return trio.current_time() - opened

    def _came_up(self, port: Port, talk: Talk) -> None:
        self.port, self._talk = port, talk
        self.state, self.reason, self.words = State.UP, None, None
        self.opened += 1
        self.overhear(self.tap)
        self.polling.link_up(talk)
        log.info("line up", line=self.settings.name, port=port.name)
        self._announce("line:up", self._event())

    def _went_down(self, down: LinkDown) -> None:
        news = (self.state, self.reason) != (State.DOWN, down.reason)
        self.state, self.reason, self.words = State.DOWN, down.reason, down.words
        self.polling.link_down(Reason.LINK_DOWN)
        self._give_back(Reason.LINK_DOWN, down.words)
        if self.loan is not None:
            self.loan.fail(Reason.LINK_DOWN, down.words)
        if news:
            log.warning("line down", line=self.settings.name, reason=down.reason, words=down.words)
            self._announce("line:down", self._event())

    def _give_back(self, reason: str, message: str) -> None:
        while self._orders:
            self._orders.popleft().fail(reason, message)

    def _event(self) -> dict[str, object]:
        return {"line": self.settings.name, "state": self.state, "reason": self.reason, "message": self.words}

    async def _rest(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            self.alive_at = trio.current_time()
            while not self._stopping:
                self._wakeup = trio.Event()
                await self._wakeup.wait()

    # Choosing

    async def _serve(self) -> None:
        polling = self.polling
        schedule = polling.schedule
        while not self._stopping:
            now = self.alive_at = trio.current_time()
            if self._orders and self._in_a_row < ORDERS_IN_A_ROW:
                self._in_a_row += 1
                await self._order(self._orders.popleft())
                continue
            self._in_a_row = 0
            if self.loan is not None:
                await self._work_for(self.loan, now)
                continue
            probe = polling.absent.due(now) if polling.absent else None
            if probe is not None:
                await polling.probe(*probe)
                if polling.hanging(now):
                    log.info("nobody answers, opening the port anew", line=self.settings.name)
                    return
                continue
            poll = schedule.take(now)
            if poll is not None:
                await polling.poll(poll)
            elif not self._orders:
                polling.finish()
                wake = schedule.wake(now)
                if polling.absent and wake > now:
                    wake = min(wake, polling.absent.wake(now))
                await self._idle(wake, now)

    async def _idle(self, wake: float, now: float) -> None:
        self._wakeup = trio.Event()
        self._wakeups.at(min(wake, now + LONGEST_SLEEP_S), self._wakeup.set)
        await self._wakeup.wait()

    async def _work_for(self, loan: Loan, now: float) -> None:
        """One request of the borrower, or a wait for it; or the loan is over, and polling goes on."""
        if not loan.lasts:
            log.info("line is back", line=self.settings.name)
            loan.give_back()
            self.loan = None
            self.polling.take_up()
            return
        self.polling.rest()
        errand = loan.next()
        if errand is not None and self._talk is not None:
            await loan.carry_out(errand, self._talk, self.polling)
        elif not self._orders:
            await self._idle(loan.end, now)

    # Orders

    async def _order(self, order: Order) -> None:
        if trio.current_time() > order.expires:
            order.fail("expired", "the line had no time for it before it expired")
            return
        unit = self.polling.unit(order.unit)
        try:
            if order.unit == 0 and not self.polling.numbered:
                await self._broadcast(order)
            elif await self._reachable(unit, order):
                await self._carry_out(unit, order)
        except LinkDown as down:
            order.fail(Reason.LINK_DOWN, down.words)
            raise
        finally:
            order.fail("stopping", "the gateway or this line is being stopped")

    async def _reachable(self, unit: Unit, order: Order) -> bool:
        """Whether the unit answers, asked by a fence first where it failed to: only then may an order follow.

        A unit in doubt has missed one answer and is most likely there; a second one makes it silent. So an order to it
        can cost one more loss at most, and is worth that whatever the budget says.
        """
        health, absent = unit.health, self.polling.absent
        if health.usable:
            return True
        now = trio.current_time()
        worth = health.presence is Presence.DOUBTFUL or absent.affordable(unit, now)
        if worth and await self.polling.probe(unit, absent.patience(unit, now)):
            return True
        order.fail(Reason.NO_ANSWER, f"{unit.name} does not answer; nothing was sent")
        return False

    async def _broadcast(self, order: Order) -> None:
        if self._talk is None:
            return
        order.sent = True
        await self._talk.broadcast(order.request, self.settings.broadcast_delay)
        order.fail("broadcast", "sent to all units; nobody answers a broadcast")

    async def _carry_out(self, unit: Unit, order: Order) -> None:
        modify = order.modify if isinstance(order, Writing) else None
        if modify is not None and unit.no_mask_write:
            if unit.outstanding(modify[0], trio.current_time()):
                order.fail(Reason.LATE_POSSIBLE, "the register cannot be read for certain now; nothing was sent")
                return
            read = await self._ask(unit, order, modify[0])
            if not isinstance(read, Data):
                if isinstance(read, Refusal):
                    order.answered(read)
                return
            order.request = modify[1](read.payload)
        ambiguous = unit.outstanding(order.request, trio.current_time())
        functions = {function for function, *_ in unit.health.open_shapes(trio.current_time())}
        order.sent = True
        answer = await self._ask(unit, order, order.request)
        if isinstance(answer, Refusal) and order.request.function in functions:
            order.fail(Reason.LATE_POSSIBLE, "the refusal may be the late one of an earlier request: ask again")
            return
        if (
            isinstance(answer, Refusal)
            and answer.code == FUNCTION_CODE
            and modify is not None
            and not unit.no_mask_write
        ):
            unit.no_mask_write = True
            order.sent = False
            await self._carry_out(unit, order)
            return
        if answer is None:
            return
        if isinstance(answer, Data) and self.polling.echoed(order.request):
            ambiguous = True
        if isinstance(order, Writing) and isinstance(answer, Data):
            await self._read_back(unit, order)
            ambiguous = ambiguous and order.checked is None
        if ambiguous and isinstance(answer, Data):
            if self.polling.echoed(order.request):
                order.fail(
                    "echo", "the adapter echoes, and this echo looks like an answer: set echo = true on the line"
                )
            else:
                order.fail(Reason.LATE_POSSIBLE, "the answer may be the late one to an earlier request: ask again")
            return
        order.answered(answer)

    async def _read_back(self, unit: Unit, order: Writing) -> None:
        """Read what was written, where the tag asks for that, and compare."""
        if order.read_back is None or order.check is None:
            return
        if unit.outstanding(order.read_back, trio.current_time()):
            order.unread = "but was not read after it: the answer could have been the late one to an earlier request"
            return
        result = await self.polling.exchange(unit, order.read_back, unit.health.bound)
        if isinstance(result, Lost):
            if result.cause is not Cause.TIMEOUT:
                order.unread = "but its answer to the read after it arrived damaged"
        elif isinstance(result.answer, Data):
            order.checked = order.check(result.answer.payload)
        elif result.answer.code in GATEWAY_CODES:
            order.unread = "but a gateway on the way had no path to it for the read after it"
        else:
            order.unread = f"but refused the read after it: {result.answer.name.replace('_', ' ')}"

    async def _ask(self, unit: Unit, order: Order, request: Request) -> Data | Refusal | None:
        """Exchange for an order; None when the order has failed by it."""
        # An order gets all the time the configuration allows: a write can take far longer than the reads that the
        # time-out follows (EEPROM), and to call it lost then would be a lie.
        whole = request.writes or unit.health.presence is Presence.ONLINE
        result = await self.polling.exchange(unit, request, unit.health.bound if whole else None)
        if isinstance(result, Answer):
            if isinstance(result.answer, Data) or result.answer.code not in GATEWAY_CODES:
                return result.answer
            order.fail(Reason.GATEWAY_PATH, "a gateway on the way has no path to the unit")
            return None
        if result.cause is Cause.TIMEOUT:
            order.fail(Reason.NO_ANSWER, f"{unit.name} did not answer in time")
        else:
            order.fail(Reason.BROKEN_ANSWER, f"the answer of {unit.name} arrived damaged")
        return None
