"""The task that owns a line: it opens the port, picks what is most urgent, and does one exchange at a time.

Nothing else touches the port. Callers leave orders; the store gets readings; everybody else learns by events.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
import trio

from drivers.ports.port import LinkDown, Port
from drivers.ports.timer import loop_clock
from gateway.core.reading import Reason
from gateway.core.steering import MOST_STRETCH
from gateway.lines.borrow import Loan
from gateway.lines.exchange import Talk
from gateway.lines.fulfilment import Fulfilment
from gateway.lines.on_demand import OnDemand, Refresh, Wanted
from gateway.lines.orders import MOST_ORDERS, Order, Writing
from gateway.lines.polling import Polling
from gateway.lines.state import LineState, State
from gateway.lines.tap import Tap, TappedPort
from gateway.lines.unit import BlockPoll
from gateway.lines.units import Announce
from gateway.lines.wakeups import Wakeups

log = structlog.stdlib.get_logger(__name__)

Opener = Callable[[], Awaitable[tuple[Port, Talk]]]

# Orders in a row before a poll that is due gets its turn: writes go first, but polls must not starve.
ORDERS_IN_A_ROW = 4
# How long a caller who wants a fresh value waits for it; then it gets what there is, with its age and quality.
FRESH_PATIENCE_S = 5.0
REOPENED = "its port is being closed and opened anew, as it was told to"
# The longest a line with nothing to do sleeps: its sign of life must move all the same (see ``Lines``).
LONGEST_SLEEP_S = 10.0
# Seconds without use after which it is looked whether the connection is still there.
IDLE_S = 1.0
# How a connection ends that the other side has closed.
LEFT = frozenset({"closed", "reset", "hung_up"})


class Line(LineState):
    """One line.

    Args:
        opener: opens the port and says how to talk on it.
        polling: the units and what is polled on them.
        announce: told of ``line:up``, ``line:down`` and ``line:parked``.
        wakeups: wakes the line when something is due.

    Attributes:
        on_demand: reads that callers ask for.
    """

    def __init__(self, opener: Opener, polling: Polling, announce: Announce, wakeups: Wakeups) -> None:
        super().__init__(polling.settings, announce)
        self.polling = polling
        polling.progressing = self._shows_life
        self.loan: Loan | None = None
        self.tap: Tap | None = None
        self._time = loop_clock()
        self.on_demand = OnDemand(polling, self._time())
        self._opener = opener
        self._fulfilment = Fulfilment(polling)
        self._wakeups = wakeups
        self._orders: deque[Order] = deque()
        self._talk: Talk | None = None
        self._wakeup = trio.Event()
        self._stopping = False
        self._reopening = False
        self._in_a_row = 0
        self._opened_at = 0.0
        # The port was left while nobody used it: orders wait until it has been opened anew.
        self._keeps_orders = False
        # It was not used for a while, in which the other side may have left.
        self._idled = False

    # What callers may do

    def submit(self, order: Order) -> None:
        """Leave an order; its ``done`` is set when its outcome is known."""
        if self.state is not State.UP:
            order.fail(Reason.LINK_DOWN, f"line {self.settings.name} is {self.state}: {self.words or 'not open yet'}")
        elif self.loan is not None and self.loan.lasts and not order.owed:
            order.fail("borrowed", self.loan.words)
        elif self.on_demand.full if (bounded := self._bounded(order)) else len(self._orders) >= MOST_ORDERS:
            order.fail("queue_full", f"{MOST_ORDERS} requests are waiting for line {self.settings.name} already")
        elif bounded:
            self.on_demand.add(order)
            self._wakeup.set()
        else:
            self._orders.append(order)
            self._wakeup.set()

    def _bounded(self, order: Order) -> bool:
        return self.on_demand.bound is not None and not isinstance(order, Writing)

    def hurry(self, poll: BlockPoll, *, asked: bool = False) -> None:
        """Read a block as soon as the line is free, if its unit answers and nothing late can be taken for that.

        Args:
            poll: the block.
            asked: a caller wants it read; otherwise it follows from a write.
        """
        now = trio.current_time()
        # One whose turn has come is read in any case; what has no turn of its own, or not yet, could wait for long.
        early = asked and (poll.due > now or poll.period is None or poll.beginning)
        if self.loan is not None:
            poll.release()
        elif early and self.on_demand.bound is not None:
            self.on_demand.add(Refresh(poll, now + FRESH_PATIENCE_S))
        elif not asked or early or self.on_demand.bound is None:
            poll.asked = poll.asked or early
            self.polling.hurry(poll, awaited=asked)
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

    @property
    def lent(self) -> bool:
        """Whether a tool has the line: the line itself sees a little later that a loan is over."""
        return self.loan is not None and self.loan.lasts

    def reopen(self) -> bool:
        """Close the port after the exchange that is running, and open it anew at once; not while a tool has the line.

        Returns whether it will: a line that is lent, parked or stopped will not.
        """
        if self.lent or self._stopping or self.state in {State.PARKED, State.STOPPED}:
            return False
        self._reopening = True
        self._wakeup.set()
        return True

    def stop(self) -> None:
        """Finish the exchange that is running, then return from ``run``."""
        self._stopping = True
        self._wakeup.set()

    def stretch(self, factor: float) -> float:
        """Poll tags of low priority so much less often; returns the factor that holds from the next poll on."""
        # What is no number is no reason to poll less.
        factor = min(factor, MOST_STRETCH) if factor >= 1.0 else 1.0
        self.polling.stretch(factor)
        self._wakeup.set()
        return factor

    def relearn(self) -> None:
        """Forget which addresses its devices refused, and plan their blocks anew."""
        self.polling.relearn()
        self._wakeup.set()

    def bound_on_demand(self, share: float | None) -> float | None:
        """Let reads on demand take so much of its time ahead of polls at most; None lifts that. Returns what holds."""
        bound = self.on_demand.limit(share, trio.current_time())
        if bound is not None:
            for order in [order for order in self._orders if not isinstance(order, Writing)]:
                self._orders.remove(order)
                self.on_demand.add(order)
        self._wakeup.set()
        return bound

    def take_over(self, before: Line) -> None:
        """This line is another one's under a new configuration: what governors set goes on to hold."""
        self.stretch(before.polling.stretched)
        self.bound_on_demand(before.on_demand.bound)

    def begin_again(self) -> None:
        """What ``stop`` said is over: ``run`` is called once more."""
        self._stopping = False

    def park(self, words: str) -> None:
        """A fault of ours took the last life: no value of this line can be trusted until it runs again."""
        self.polling.link_down(Reason.FAULT)
        self._is_parked(words)

    # Life

    async def run(self) -> None:
        """Poll until ``stop`` or cancellation. What the world does is dealt with here; only our own faults raise."""
        shortest, longest = self.settings.reconnect_min, self.settings.reconnect_max
        pause = shortest
        self._is_starting()
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
            self._is_stopped()

    async def _session(self) -> float:
        """Open the port and serve on it until it is gone. Returns how many seconds it was open."""
        self.alive_at = trio.current_time()
        try:
            port, talk = await self._opener()
        except LinkDown as down:
            self._went_down(down)
            return 0.0
        opened = self._opened_at = trio.current_time()
        try:
            self._came_up(port, talk)
            await self._serve(talk)
            self._is_deserted()
        except LinkDown as down:
            self._went_down(down)
        finally:
            with trio.CancelScope(shield=True):
                await self._close()
            self.port = self._talk = None
        return trio.current_time() - opened

    def _came_up(self, port: Port, talk: Talk) -> None:
        self.port, self._talk = port, talk
        self._reopening = False
        self.overhear(self.tap)
        self.polling.link_up(talk)
        self._is_up(port)

    async def _renewed(self) -> Talk:
        """Open another connection: nothing was wrong, values stand, and grow old as ever."""
        await self._close()
        port, talk = await self._opener()
        log.debug("connection opened anew: the other side had closed it while it was idle", line=self.settings.name)
        self.port, self._talk = port, talk
        self._opened_at = trio.current_time()
        self.opened += 1
        self.overhear(self.tap)
        self.polling.link_renewed(talk)
        return talk

    async def _close(self) -> None:
        if self.port is not None:
            await self.port.aclose()

    def _went_down(self, down: LinkDown) -> None:
        self.polling.link_down(Reason.LINK_DOWN)
        if not self._keeps_orders:
            self._give_back(Reason.LINK_DOWN, down.words)
        self._keeps_orders = False
        if self.loan is not None:
            self.loan.fail(Reason.LINK_DOWN, down.words)
        self._is_down(down.reason, down.words)

    def _give_back(self, reason: str, message: str) -> None:
        while self._orders:
            self._orders.popleft().fail(reason, message)
        for wanted in self.on_demand.clear():
            if isinstance(wanted, Order):
                wanted.fail(reason, message)
            else:
                wanted.poll.release()

    async def _rest(self, seconds: float) -> None:
        end = trio.current_time() + seconds
        while not self._stopping and not self._reopening:
            now = self.alive_at = trio.current_time()
            if now >= end:
                return
            self._wakeup = trio.Event()
            with trio.move_on_at(min(end, now + LONGEST_SLEEP_S)):
                await self._wakeup.wait()
        self._reopening = False

    def _shows_life(self, now: float) -> None:
        self.alive_at = now

    # Choosing

    async def _serve(self, talk: Talk) -> None:
        polling = self.polling
        schedule, absent = polling.schedule, polling.absent
        while not self._stopping:
            now = self.alive_at = self._time()
            if self._reopening:
                raise LinkDown("closed", REOPENED)
            asked = self._orders or self.on_demand.waiting
            if (asked or self._idled) and self._left(talk, now):
                talk = await self._renewed()
                continue
            if asked and self._in_a_row < ORDERS_IN_A_ROW and (wanted := self._next_wanted(now)) is not None:
                self._in_a_row += 1
                await self._read_or_write(wanted, talk, ahead=True)
                continue
            self._in_a_row = 0
            if self.loan is not None:
                await self._work_for(self.loan, talk, now)
                continue
            more = polling.told and polling.obey(now)
            probe = absent.due(now) if absent.units else None
            if probe is not None:
                try:
                    await polling.probe(*probe)
                except LinkDown as down:
                    talk = await self._instead(talk, down)
                if polling.hanging(now):
                    log.info("nobody answers, opening the port anew", line=self.settings.name)
                    return
                continue
            poll = schedule.take(now)
            if poll is not None:
                try:
                    await (self._poll_for_caller(poll, now, ahead=True) if poll.asked else polling.poll(poll))
                except LinkDown as down:
                    talk = await self._instead(talk, down)
                    await polling.poll(poll)
            elif self.on_demand.waiting and (wanted := self.on_demand.behind(now)) is not None:
                await self._read_or_write(wanted, talk, ahead=False)
            elif not self._orders:
                polling.finish()
                wake = now if more else schedule.wake(now)
                if self.on_demand.waiting:
                    wake = min(wake, self.on_demand.wake(now))
                if absent.units and wake > now:
                    wake = min(wake, absent.wake(now))
                await self._idle(wake, now)

    def _left(self, talk: Talk, now: float) -> bool:
        """Whether the other side has closed the connection while it was idle: many devices do, and it is no fault.

        Raises:
            LinkDown: the port is of no use for another reason.
        """
        idled, self._idled = self._idled, False
        try:
            talk.look()
        except LinkDown:
            if idled and self.polling.answered and self.settings.network:
                return True
            if not self._orders and not self.on_demand.waiting:
                raise
            self._reopening = self._keeps_orders = now - self._opened_at > self.settings.reconnect_max
            raise
        return False

    async def _instead(self, talk: Talk, down: LinkDown) -> Talk:
        """Another connection, where a read has met the end of one that worked: it was left while nobody used it.

        Looking before each read would cost them all. One on which nobody has answered yet is given up: who closes
        whatever is opened is called up with pauses.

        Raises:
            LinkDown: that was not the reason, or no other one is to be had.
        """
        if not (self.settings.network and self.polling.answered and down.reason in LEFT) or talk.begun:
            raise down
        return await self._renewed()

    def _next_wanted(self, now: float) -> Wanted | None:
        if self._orders:
            return self._orders.popleft()
        return self.on_demand.ahead(now) if self.on_demand.waiting else None

    async def _read_or_write(self, wanted: Wanted, talk: Talk, *, ahead: bool) -> None:
        started = trio.current_time()
        if isinstance(wanted, Order):
            await self._fulfilment.carry_out(wanted, talk)
            if not isinstance(wanted, Writing):
                now = trio.current_time()
                self.on_demand.spent(now - started, now, ahead=ahead)
            return
        self.polling.hurry(wanted.poll)
        poll = self.polling.schedule.take(started)
        if poll is not None:
            if poll.asked or poll is wanted.poll:
                await self._poll_for_caller(poll, started, ahead=ahead)
            else:
                await self.polling.poll(poll)

    async def _poll_for_caller(self, poll: BlockPoll, started: float, *, ahead: bool) -> None:
        poll.asked = False
        await self.polling.poll(poll)
        now = self._time()
        self.on_demand.spent(now - started, now, ahead=ahead)

    async def _idle(self, wake: float, now: float) -> None:
        self._wakeup = trio.Event()
        self._wakeups.at(min(wake, now + LONGEST_SLEEP_S), self._wakeup.set)
        await self._wakeup.wait()
        self._idled = self._time() - now >= IDLE_S

    async def _work_for(self, loan: Loan, talk: Talk, now: float) -> None:
        """One request of the borrower, or a wait for it; or the loan is over, and polling goes on."""
        if not loan.lasts:
            log.info("line is back", line=self.settings.name)
            loan.give_back()
            self.loan = None
            self.polling.take_up()
            return
        self.polling.rest()
        errand = loan.next()
        if errand is not None:
            await loan.carry_out(errand, talk, self.polling)
        elif not self._orders:
            await self._idle(loan.end, now)
