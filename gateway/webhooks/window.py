"""The deliveries of one webhook that are at hand: which of them is due, and how far the webhook has come in the log."""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from gateway.core.eventlog import Attempt, Delivery
from gateway.core.events import Event


@dataclass(slots=True, eq=False)
class Waiting:
    """A delivery at hand.

    Attributes:
        delivery: as it is now.
        due: moment of the run loop's clock.
        event: None where it has to be read from the log again.
        recorded: whether the disk knows of the delivery.
        unreached: whether the last attempt failed on the way.
        not_before: moment up to which the receiver asked to wait.
        hurried: whether it was brought forward since it was last its turn, because this webhook's receiver was back.
        nudged: the same, because the receiver took something of another webhook.
        rests_until: when it would have been due, where it is tried before that.
        under_way: whether it is being sent.
        done: whether nothing more becomes of it.
    """

    delivery: Delivery
    due: float
    event: Event | None = None
    recorded: bool = False
    unreached: bool = False
    not_before: float = -math.inf
    hurried: bool = False
    nudged: bool = False
    rests_until: float | None = None
    under_way: bool = False
    done: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written together.

    Attributes:
        changed: deliveries at hand that changed.
        fresh: those of them that the disk has never seen.
        attempts: new ones.
    """

    changed: list[Waiting]
    fresh: list[Waiting]
    attempts: list[Attempt]


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What the disk does not know, or not for sure.

    Attributes:
        fresh: deliveries it has never seen, newest first.
        changed: others, by their ids, as they are now.
        attempts: that were made since.
    """

    fresh: list[Delivery]
    changed: Mapping[str, Delivery]
    attempts: list[Attempt]


_NONE = Batch([], [], [])


class Window:
    """Deliveries that wait, by when they are due; those of one key wait for each other."""

    def __init__(self) -> None:
        self._number = count()
        self._due: list[tuple[float, int, Waiting]] = []
        self._all: dict[str, Waiting] = {}
        self._keys: dict[str, deque[Waiting]] = {}
        # Of the log, and of what is delivered again: in order, until the disk knows of them.
        self._unrecorded: dict[bool, deque[Waiting]] = {False: deque(), True: deque()}
        self._changed: dict[str, Waiting] = {}
        self._attempts: list[Attempt] = []
        self._writing = _NONE

    def __len__(self) -> int:
        """How many there are, those included that are done and that the disk does not know of yet."""
        return len(self._all)

    def __iter__(self) -> Iterator[Waiting]:
        """All that wait, those of the disk first."""
        return (waiting for waiting in self._all.values() if not waiting.done)

    def add(self, waiting: Waiting) -> None:
        """Take one in, in the order of the events."""
        self._all[waiting.delivery.id] = waiting
        if not waiting.recorded:
            self._unrecorded[waiting.delivery.redelivery].append(waiting)
        key = waiting.delivery.key
        if key is not None:
            queue = self._keys.setdefault(key, deque())
            queue.append(waiting)
            if queue[0] is not waiting:
                return
        self._push(waiting)

    def next_due(self) -> float:
        """When the next one is due; infinity where none is."""
        while self._due and not self._counts(self._due[0]):
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else math.inf

    def take(self, now: float) -> Waiting | None:
        """The one that is due for the longest time, to be sent; give it back by ``settle``."""
        if self.next_due() > now:
            return None
        waiting = heapq.heappop(self._due)[2]
        waiting.under_way = True
        return waiting

    def settle(self, waiting: Waiting, delivery: Delivery, due: float, attempt: Attempt | None) -> None:
        """Say what became of one that was taken: it is due again at some moment, or done where that is infinity."""
        waiting.under_way = False
        waiting.delivery = delivery
        waiting.due = due
        waiting.event = None
        self._changed[delivery.id] = waiting
        if attempt is not None:
            self._attempts.append(attempt)
        if due == math.inf:
            waiting.done = True
            self._after(waiting)
        else:
            self._push(waiting)

    def give_back(self, waiting: Waiting, due: float) -> None:
        """Say that nothing became of one that was taken."""
        waiting.under_way = False
        waiting.due = due
        self._push(waiting)

    def resting(self, now: float) -> Iterator[Waiting]:
        """Those whose last attempt failed on the way, and that wait for their turn without having been asked to."""
        return (
            waiting
            for waiting in self._all.values()
            if waiting.unreached
            and not waiting.done
            and not waiting.under_way
            and waiting.due > now >= waiting.not_before
            and self._heads(waiting)
        )

    def hurry(self, waiting: Waiting, due: float) -> None:
        """Make one due sooner."""
        if not waiting.under_way and not waiting.done and due < waiting.due:
            waiting.due = due
            if self._heads(waiting):
                self._push(waiting)

    def changes(self) -> Batch:
        """What the disk does not know yet; it is taken for known until ``put_back``."""
        for queue in self._unrecorded.values():
            # Behind another one of its key it may wait for long, and must not hold up the cursor for as long.
            self._changed |= {waiting.delivery.id: waiting for waiting in queue if not self._heads(waiting)}
        changed = list(self._changed.values())
        batch = Batch(changed, [waiting for waiting in changed if not waiting.recorded], self._attempts)
        self._changed, self._attempts = {}, []
        for waiting in changed:
            waiting.recorded = True
            if waiting.done:
                del self._all[waiting.delivery.id]
        self._writing = batch
        return batch

    def written(self) -> None:
        """The disk took it."""
        self._writing = _NONE

    def unwritten(self) -> Unwritten:
        """What has to be told beside what the disk says, to who wants to know now."""
        fresh = {waiting.delivery.id: waiting.delivery for waiting in self._writing.fresh}
        fresh |= {id_: waiting.delivery for id_, waiting in self._all.items() if not waiting.recorded}
        changed = {
            waiting.delivery.id: waiting.delivery
            for waiting in (*self._writing.changed, *self._changed.values())
            if waiting.delivery.id not in fresh
        }
        newest_first = sorted(fresh.values(), key=lambda each: (each.created, each.sequence), reverse=True)
        return Unwritten(newest_first, changed, [*self._writing.attempts, *self._attempts])

    def known(self) -> Sequence[Delivery]:
        """All of which the disk does not know, or may not know yet, how they are."""
        news = self.unwritten()
        return [*news.fresh, *news.changed.values()]

    def put_back(self, batch: Batch) -> None:
        """The disk did not take it."""
        self._writing = _NONE
        self._all = {waiting.delivery.id: waiting for waiting in batch.changed} | self._all
        self._changed = {waiting.delivery.id: waiting for waiting in batch.changed} | self._changed
        self._attempts = batch.attempts + self._attempts
        for waiting in batch.fresh:
            waiting.recorded = False
        for redelivery in self._unrecorded:
            unrecorded = [
                waiting
                for waiting in self._all.values()
                if not waiting.recorded and waiting.delivery.redelivery is redelivery
            ]
            self._unrecorded[redelivery] = deque(sorted(unrecorded, key=lambda waiting: waiting.delivery.sequence))

    @property
    def unsaved(self) -> int:
        """How many the disk has to be told of."""
        return len(self._changed)

    def reached(self, read: int, *, redelivery: bool = False) -> int:
        """The number up to which the disk knows of all that is wanted, where ``read`` was the last one looked at."""
        queue = self._unrecorded[redelivery]
        while queue and queue[0].recorded:
            queue.popleft()
        return queue[0].delivery.sequence - 1 if queue else read

    def _push(self, waiting: Waiting) -> None:
        heapq.heappush(self._due, (waiting.due, next(self._number), waiting))

    def _counts(self, entry: tuple[float, int, Waiting]) -> bool:
        due, _, waiting = entry
        return not waiting.under_way and not waiting.done and waiting.due == due

    def _heads(self, waiting: Waiting) -> bool:
        key = waiting.delivery.key
        return key is None or waiting.done or self._keys[key][0] is waiting

    def _after(self, waiting: Waiting) -> None:
        """Let the next one of its key go."""
        key = waiting.delivery.key
        if key is None:
            return
        queue = self._keys[key]
        queue.remove(waiting)
        if queue:
            self._push(queue[0])
        else:
            del self._keys[key]
