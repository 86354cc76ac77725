"""Delivers the events of some time again: page by page beside the new ones, so that their number costs no memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from gateway.core.errors import invalid
from gateway.core.eventlog import EventLog
from gateway.core.events import Event
from gateway.core.sifting import Sifting
from gateway.core.turns import Charge
from gateway.webhooks.course import Course
from gateway.webhooks.webhook import Replay
from gateway.webhooks.window import Waiting
from gateway.webhooks.works import Works

# Events that are delivered again by one order.
MOST_REPLAYED = 10_000
_PAGE = 32
Turn = Callable[[], AbstractAsyncContextManager[Charge]]
_COUNTED = 500
# Events after which its place is kept: what a crash repeats at most.
_KEPT_EVERY = 100


class Replaying:
    """What is delivered again to one webhook.

    Args:
        course: its delivery.
        works: what all share.
        begin: makes a delivery of an event.
    """

    def __init__(self, course: Course, works: Works, begin: Callable[[Event], Waiting]) -> None:
        self._course = course
        self._works = works
        self._begin = begin
        self._read = 0
        self._since_kept = 0
        self._ended = True
        self._ahead: deque[Event] = deque()
        self._of: tuple[float, float, int] | None = None

    def load(self) -> None:
        """Begin where the disk says."""
        self._of = None

    async def fill(self) -> None:
        """Take up as many as there is room for: half of what may be at hand, so that new events go on.

        Raises:
            NotKept: the log cannot be read now.
        """
        replay = self._course.webhook.replay
        if replay is None:
            return
        self._follow(replay)
        room = max(1, self._works.settings().max_waiting // 2)
        sifting = Sifting()
        while not self._ended and len(self._course.window) < room:
            if not self._ahead:
                self._ahead.extend(await self._works.log.between(replay.start, replay.end, self._read, _PAGE))
            if not self._ahead or self._ahead[0].sequence > replay.until:
                self._ended = True
                return
            event = self._ahead.popleft()
            self._read = event.sequence
            if self._course.wants(event):
                self._course.window.add(self._begin(event))
                self._since_kept += 1
            await sifting.step()

    def move(self) -> None:
        """Keep its place, now and then; call it when what was done is about to be written."""
        replay = self._course.webhook.replay
        if replay is None or self._of is None:
            return
        reached = self._course.window.reached(self._read, redelivery=True)
        if self._ended and reached == self._read and not self._ahead:
            self._course.change(lambda webhook: replace(webhook, replay=None))
        elif self._since_kept >= _KEPT_EVERY:
            self._since_kept = 0
            self._course.change(lambda webhook: replace(webhook, replay=replace(replay, after=reached)))

    def _follow(self, replay: Replay) -> None:
        if self._of != (replay.start, replay.end, replay.until):
            self._of = (replay.start, replay.end, replay.until)
            self._read, self._ended, self._since_kept = replay.after, False, 0
            self._ahead.clear()


async def count_replayed(
    log: EventLog, start: float, end: float, read: int, wants: Callable[[Event], bool], *, turn: Turn
) -> tuple[int, int]:
    """How many events of a time a webhook had, and the number of the last one.

    Args:
        log: of events.
        start: Unix seconds.
        end: Unix seconds.
        read: number of the last event it had; what came later it gets anyway.
        wants: whether it wants an event.
        turn: at reading the log.

    Raises:
        GatewayError: INVALID, more than 10 000.
        NotKept: the log cannot be read now.
    """
    count = after = 0
    while True:
        async with turn() as charge:
            page = await log.between(start, end, after, _COUNTED)
        sifting = Sifting()
        for event in page:
            if event.sequence > read:
                return count, after
            after = event.sequence
            count += wants(event)
            await sifting.step()
        charge(sifting.spent())
        if count > MOST_REPLAYED:
            raise invalid("end", f"more than {MOST_REPLAYED} events: name a shorter time")
        if not page:
            return count, after
