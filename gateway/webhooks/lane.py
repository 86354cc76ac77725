"""Delivers to one webhook, for as long as it is registered.

The log is the queue: a cursor says how far the webhook has come, and so many deliveries at most are at hand. What was
done is on the disk soon after; a crash in between repeats an attempt with the same id, and loses none.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import structlog
import trio

from gateway.core.eventlog import Attempt, Delivery, KeptWebhook, NotKept
from gateway.core.events import Event
from gateway.core.sifting import Sifting
from gateway.webhooks.attempts import Attempts
from gateway.webhooks.replaying import Replaying
from gateway.webhooks.schedule import JITTER, LONGEST, pause_after
from gateway.webhooks.sender import never_reached
from gateway.webhooks.standing import Standing
from gateway.webhooks.webhook import State, Webhook, to_document
from gateway.webhooks.window import Waiting, Window
from gateway.webhooks.works import Works

log = structlog.stdlib.get_logger(__name__)

# What was done waits for company on its way to the disk: until the next multiple of so many seconds, so that all
# webhooks share one write. Whoever is killed meanwhile delivers the same again, with the same ids. Of 2 s, at an event
# a second, three times as much is written for each delivery.
GROUPED_S = 10.0
# Deliveries that do not wait any longer.
GROUP = 50
# Seconds until the disk is asked again.
RETRY_S = 5.0
# Seconds after which a cursor that only passed what nobody wanted is written.
CURSOR_S = 600.0
# Seconds between two writes of what may wait for company.
STALE_S = 60.0
# Seconds the end of the process waits for the disk.
FAREWELL_S = 2.0
_UNAVAILABLE = 503


class Lane:
    """Delivers to one webhook.

    Args:
        webhook: as it was kept.
        cursor: as it was kept.
        works: what all share.

    Attributes:
        webhook: as it is now; change it by ``change`` or ``put``.
        window: the deliveries at hand.
    """

    def __init__(self, webhook: Webhook, cursor: int, works: Works) -> None:
        self.webhook = webhook
        self._works = works
        self._cursor = self._read = cursor
        self.window = Window()
        self._ahead: deque[Event] = deque()
        self._begun: set[int] = set()
        self._sending = 0
        self._more = trio.Event()
        self._saving = trio.Lock()
        self._unsaved = self._stale = False
        self._flush_at = math.inf
        self._cursor_at = math.inf
        self._stale_at = -math.inf
        self._standing = Standing(self, works)
        self._attempts = Attempts(self, self._standing, works)
        self._replaying = Replaying(self, works, partial(self._attempts.begin, redelivery=True))

    @property
    def active(self) -> bool:
        """Whether it gets anything now."""
        return self.webhook.state is State.ACTIVE

    @property
    def cursor(self) -> int:
        """Up to where in the log nothing more has to be looked at, should this process end now."""
        return self._cursor

    @property
    def read(self) -> int:
        """The number of the last event that was looked at."""
        return self._read

    @property
    def failing_for(self) -> float:
        """Seconds without a success since the first failure; 0 where the last one succeeded."""
        return self._standing.failing_for() if self.active else self.webhook.failing

    @property
    def delivered(self) -> int:
        """Attempts that succeeded since the start."""
        return self._attempts.delivered

    @property
    def failed(self) -> int:
        """Attempts that did not."""
        return self._attempts.failed

    @property
    def room(self) -> bool:
        """Whether another delivery may be at hand."""
        return len(self.window) < self._works.settings().max_waiting

    def wake(self) -> None:
        """Look again: something changed."""
        self._more.set()

    # Changing the webhook

    def change(self, change: Callable[[Webhook], Webhook], *, soon: bool = True) -> None:
        """Change the webhook now; the disk hears of it soon, or with whatever it hears of next."""
        self.webhook = change(self.webhook)
        self._stale = True
        if soon:
            self._unsaved = True
            self.wake()

    async def put(self, change: Callable[[Webhook], Webhook]) -> None:
        """Change the webhook once the disk has it.

        Raises:
            NotKept: nothing is changed.
        """
        async with self._saving:
            changed = change(self.webhook)
            await self._works.outbox.save(KeptWebhook(changed.id, to_document(changed, self._works.seal), self._cursor))
            # What the deliveries changed meanwhile stays.
            self.webhook = change(self.webhook)
        self.wake()

    def begin_again(self) -> None:
        """Somebody saw to it: what waits is due now."""
        self._standing.begin_again()
        now = trio.current_time()
        for waiting in self.window:
            self.window.hurry(waiting, now)
        self.wake()

    def receiver_takes(self) -> None:
        """Something else arrived at the same receiver: perhaps what waits for it need not wait any longer."""
        if self.active and self._standing.receiver_takes():
            self.wake()

    def gone(self) -> None:
        """The webhook was removed."""
        self._standing.resolve("the webhook was removed")

    def judge(self) -> None:
        """See whether its owner still counts (D-149)."""
        why = self._works.owners.barred(self.webhook.owner, self.webhook.mark)
        if why is not None:
            self._standing.bar(why)

    def order(self, delivery: Delivery) -> None:
        """Deliver something again that the disk knows of."""
        self.window.add(Waiting(delivery, trio.current_time(), recorded=True))
        self.wake()

    def note_dropped(self, events: Sequence[Event]) -> None:
        """Count what left the log before it was looked at."""
        if self.webhook.state is not State.DISABLED:
            at_hand = {event.sequence for event in self._ahead}
            lost = [
                event.sequence
                for event in events
                if event.sequence > self._read and event.sequence not in at_hand and self.wants(event)
            ]
            self._standing.lose(lost)

    def wants(self, event: Event) -> bool:
        """Whether the webhook asked for an event, and its owner may see it (D-149)."""
        return self.webhook.takes(event) and self._works.may_receive(self.webhook.owner, event)

    # Running

    async def run(self) -> None:
        """Deliver, until cancelled."""
        await self._load()
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    self._more = trio.Event()
                    retry_at = math.inf
                    try:
                        await self._fill()
                        self._look()
                        self._start(nursery)
                        await self._flush()
                    except NotKept as error:
                        log.info("webhook waits for the disk", webhook=self.webhook.id, reason=str(error))
                        self._start(nursery)
                        retry_at = trio.current_time() + RETRY_S
                    with trio.move_on_at(self._wake_at(retry_at)):
                        await self._more.wait()
        finally:
            with trio.move_on_after(FAREWELL_S, shield=True):
                await self._farewell()

    async def _load(self) -> None:
        """Take up what the disk knows."""
        id_, outbox = self.webhook.id, self._works.outbox
        self.window, self._ahead, self._read = Window(), deque(), self._cursor
        self._sending = 0
        waiting: list[Waiting] | None = None
        while waiting is None:
            try:
                self._begun = await outbox.begun(id_, self._cursor)
                found, tried = await outbox.waiting(id_), await outbox.last_attempts(id_)
                waiting = [self._recalled(delivery, tried.get(delivery.id)) for delivery in found]
            except NotKept:
                await trio.sleep(RETRY_S)
        now = trio.current_time()
        for each in waiting:
            self.window.add(each)
        self._replaying.load()
        self._cursor_at = now + CURSOR_S

    def _recalled(self, delivery: Delivery, last: Attempt | None) -> Waiting:
        """A delivery that waits, due when it was meant to be by a clock which may have been set since."""
        now, wall = trio.current_time(), self._works.wall()
        next_at = wall if delivery.next_at is None else delivery.next_at
        left = max(0.0, next_at - wall)
        pause = pause_after(self.webhook.spec.retry_policy, max(1, delivery.attempts)) or 0.0
        meant = pause if last is None else next_at - last.at - last.seconds
        asked = pause * (1 + JITTER) < meant <= LONGEST * (1 + JITTER)
        if left > pause * (1 + JITTER):
            # The receiver asked for more, or the clock went back: the attempt before says which.
            left = min(left, meant if 0.0 <= meant <= LONGEST * (1 + JITTER) else pause)
        due = now + left
        return Waiting(
            delivery,
            due,
            recorded=True,
            unreached=last is not None and never_reached(last.status),
            # What it asked for is not kept; one that is unavailable for a while may have.
            not_before=due if asked or (last is not None and last.status == _UNAVAILABLE) else -math.inf,
        )

    def _wake_at(self, retry_at: float) -> float:
        if retry_at < math.inf:
            # The disk is in trouble: deliveries at hand go on, the rest waits for it.
            return min(retry_at, self._next_due())
        saving = trio.current_time() if self._unsaved else math.inf
        probing = math.inf if self.room or not self.active else self._standing.probe_at()
        looking = self._standing.wake_at() if self.active else math.inf
        return min(self._next_due(), self._flush_at, saving, self._cursor_at, looking, probing)

    def _look(self) -> None:
        if self.active:
            self._standing.look()
            if not self.room:
                self._standing.probe()

    def _next_due(self) -> float:
        free = self.active and self._sending < self._works.settings().per_host
        return self.window.next_due() if free else math.inf

    async def _fill(self) -> None:
        """Read the log as far as there is room."""
        if not self.active:
            return
        await self._replaying.fill()
        sifting = Sifting()
        while self.room:
            if not self._ahead:
                self._ahead.extend(await self._works.pages.after(self._read))
                if not self._ahead:
                    self._standing.caught_up()
                    return
            while self._ahead and self.room:
                event = self._ahead.popleft()
                self._read = event.sequence
                if event.sequence in self._begun:
                    self._begun.discard(event.sequence)
                elif self.wants(event):
                    self.window.add(self._attempts.begin(event))
                await sifting.step()

    def _start(self, nursery: trio.Nursery) -> None:
        """Send what is due, so many at once."""
        while self._next_due() <= trio.current_time():
            self._sending += 1
            # It takes the first one here, so that no more tasks are started than there are deliveries due.
            waiting = self.window.take(trio.current_time())
            if waiting is None:
                raise AssertionError("one was due")
            nursery.start_soon(self._send, waiting)

    async def _send(self, waiting: Waiting | None) -> None:
        """Send one after the other for as long as some are due."""
        try:
            while waiting is not None:
                await self._attempts.make(waiting)
                self._note()
                waiting = self.window.take(trio.current_time()) if self.active else None
        finally:
            self._sending -= 1
            self.wake()

    def _note(self) -> None:
        """What was done has to be written, soon or now."""
        now, unsaved = trio.current_time(), self.window.unsaved
        full = unsaved >= min(GROUP, max(1, self._works.settings().max_waiting // 2))
        self._flush_at = now if full else min(self._flush_at, (now // GROUPED_S + 1.0) * GROUPED_S)
        if full or unsaved == 1:
            self.wake()

    async def _flush(self, *, now: bool = False) -> None:
        """Write what was done, when it is time."""
        due = trio.current_time()
        if now or due >= min(self._flush_at, self._cursor_at):
            await self._record()
        self._replaying.move()
        if self._unsaved or (self._stale and (now or due >= self._stale_at)):
            self._unsaved = self._stale = False
            self._stale_at = due + STALE_S
            try:
                await self.put(lambda webhook: webhook)
            except (NotKept, trio.Cancelled):
                self._unsaved = self._stale = True
                raise

    async def _record(self) -> None:
        batch = self.window.changes()
        cursor = max(self._cursor, self.window.reached(self._read))
        self._flush_at, self._cursor_at = math.inf, trio.current_time() + CURSOR_S
        if not batch.changed and cursor == self._cursor:
            return
        deliveries = [waiting.delivery for waiting in batch.changed]
        try:
            await self._works.outbox.record(self.webhook.id, cursor, deliveries, batch.attempts)
        except NotKept:
            self.window.put_back(batch)
            self._flush_at = trio.current_time() + RETRY_S
            raise
        except trio.Cancelled:
            # The end has come while it waited for company. Where the disk has it all the same, it is told it again.
            self.window.put_back(batch)
            raise
        self.window.written()
        self._cursor = cursor
        if batch.changed:
            # There may be room again.
            self.wake()

    async def _farewell(self) -> None:
        try:
            await self._flush(now=True)
        except NotKept as error:
            log.info("what was delivered last is not noted, and will be repeated", reason=str(error))
