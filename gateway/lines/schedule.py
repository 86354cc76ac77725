"""Earliest deadline first over blocks. Pure: it is told the time and never asks for it.

A poll is released at ``due`` and must be done by ``due + period``. Due times lie on one grid for all lines, so that
lines wake together (waking is what costs), and they never drift: the next due time follows from the last one, not
from when the work was done. What begins does not wait for its first slot, but until that comes it goes after all
that has one: releases that hold others up are never closer than a period, and the bound of ``feasibility`` holds from
the first reading on. Background polls run where no periodic one is held up by them. Both go all the same when they
have waited too long, which they do on lines without time to spare only.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Generic, TypeVar

# How long a background poll may be put off by periodic ones before it gets its turn all the same: nobody starves.
BACKGROUND_PATIENCE_S = 30.0
# The least time between two reads of the same background poll: "as the line has time" must not mean a busy loop.
BACKGROUND_PAUSE_S = 5.0
# A first reading waits for time that no poll needs, but not longer than this where there is none; then one goes before
# the polls, and the next one so much later.
BEGINNING_PATIENCE_S = 30.0
BEGINNING_PAUSE_S = 1.0
# Entries of a heap from which on void ones are looked for.
TIDY_ABOVE = 256


class Poll:
    """Something read again and again.

    Attributes:
        period: seconds, or None for background.
        cost: seconds it is expected to keep the line busy.
        rank: who goes first among equal deadlines, the lowest number.
        due: when it is released next.
        missed: deadlines missed since the start.
        held: taken out of the schedule for now (its device is silent).
        beginning: it has not been read since it was taken in.
        put_off: it is due when it is worth asking again, not when its period says.
        ticket: its current entry in the schedule; older entries are void. The schedule alone writes it.
    """

    def __init__(self, period: float | None, cost: float = 0.0, rank: int = 1) -> None:
        self.period = period
        self.cost = cost
        self.rank = rank
        self.due = 0.0
        self.missed = 0
        self.held = True
        self.beginning = False
        self.put_off = False
        self.ticket = -1

    @property
    def deadline(self) -> float:
        """When it must be done."""
        return self.due + self.period if self.period is not None else math.inf


P = TypeVar("P", bound="Poll")


class Schedule(Generic[P]):
    """Which poll is next."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, P]] = []
        # Polls read ahead of their slot, which waits for them with the same ticket.
        self._early: list[tuple[float, int, int, P]] = []
        self._ready: list[tuple[float, int, int, P]] = []
        self._background: list[tuple[float, int, P]] = []
        self._number = count()
        self._most = TIDY_ABOVE
        # When first readings that have waited for too long are looked for again.
        self._look_at = 0.0

    def add(self, polls: Iterable[P], now: float) -> None:
        """Take polls in (or back in, after ``hold``): read when the line has time for it, then in their slots."""
        for poll in polls:
            poll.held = False
            self._begin(poll, now)

    def _begin(self, poll: P, now: float) -> None:
        if poll.period is None:
            self._queue(poll, now)
            return
        self._queue(poll, next_slot(now, poll.period))
        poll.due = now
        poll.beginning = True
        heapq.heappush(self._early, (poll.deadline, poll.rank, poll.ticket, poll))

    def hold(self, polls: Iterable[P]) -> None:
        """Take polls out until they are added again."""
        for poll in polls:
            poll.held = True
            poll.ticket = -1
        if self._early:
            # On a line that is never idle nobody else takes void entries out of there.
            self._early = [entry for entry in self._early if entry[3].ticket == entry[2]]
            heapq.heapify(self._early)

    def hurry(self, poll: P, now: float) -> None:
        """Run a poll before all others: somebody waits for it. Its later due times stay on the grid."""
        if not poll.held:
            poll.due = min(poll.due, now)
            poll.ticket = next(self._number)
            heapq.heappush(self._ready, (now, poll.rank, poll.ticket, poll))

    def advance(self, poll: P, now: float) -> None:
        """Run a poll before all others if none misses its deadline by that, else in its order: nobody waits for it."""
        if poll.cost <= self.slack(now):
            self.hurry(poll, now)
        elif not poll.held and not poll.beginning and poll.ticket != -1:
            self._queue(poll, min(poll.due, now))

    def again(self, poll: P) -> None:
        """Give a poll back undone: it keeps its due time and its deadline."""
        poll.held = False
        self._queue(poll, poll.due)

    def resume(self, poll: P, now: float) -> int:
        """Take a poll back in after ``hold`` as if nothing had been; returns how many deadlines it missed.

        What is over cannot be kept any more and must not go before what can: then it begins anew.
        """
        poll.held = False
        missed = _missed(poll, now)
        poll.missed += missed
        if missed:
            self._begin(poll, now)
        else:
            self._queue(poll, poll.due)
        return missed

    def postpone(self, poll: P, due: float) -> None:
        """Give a poll back that is not worth repeating before ``due``; one that is held, when it is taken back in."""
        if poll.held:
            poll.due = due
            return
        self._queue(poll, due)
        poll.put_off = True

    def succeed(self, poll: P, before: Sequence[P], now: float) -> None:
        """Take a poll in that reads what others read until now: it is due when the first of them was.

        Where it is to be read oftener than they were, it is due in the next slot of its own at the latest, and is late
        for nothing that was agreed before.
        """
        poll.due = min(old.due for old in before)
        if any(old.held for old in before):
            return
        poll.held = False
        if poll.period is not None and any(old.beginning or old.period is None for old in before):
            self._begin(poll, now)
            return
        put_off = all(old.put_off for old in before)
        sooner = poll.period is not None and any(old.period is not None and poll.period < old.period for old in before)
        if sooner and poll.period is not None and not put_off:
            poll.due = max(min(poll.due, next_slot(now, poll.period)), now)
        self._queue(poll, poll.due)
        poll.put_off = put_off

    def _queue(self, poll: P, due: float) -> None:
        poll.beginning = poll.put_off = False
        poll.due = due
        poll.ticket = next(self._number)
        heap = self._background if poll.period is None else self._waiting
        heapq.heappush(heap, (due, poll.ticket, poll))
        if len(heap) > self._most:
            self._tidy(heap)

    def _tidy(self, heap: list[tuple[float, int, P]]) -> None:
        """Throw void entries away: a poll read on demand leaves one at each of its turns, until its slot comes."""
        heap[:] = [entry for entry in heap if entry[2].ticket == entry[1]]
        heapq.heapify(heap)
        self._most = max(self._most, 2 * len(heap))

    def take(self, now: float) -> P | None:
        """The poll to run now, or None. It must be given back by ``done`` or ``hold``."""
        waiting, ready = self._waiting, self._ready
        while waiting and waiting[0][0] <= now:
            due, entry, poll = heapq.heappop(waiting)
            if poll.ticket == entry:
                poll.due = due
                heapq.heappush(ready, (poll.deadline, poll.rank, entry, poll))
        if self._background and (background := self._overdue(now)) is not None:
            return background
        if self._early and now >= self._look_at and (overlooked := self._overlooked(now)) is not None:
            return overlooked
        while ready:
            _, _, entry, poll = heapq.heappop(ready)
            if poll.ticket == entry:
                poll.ticket = -1
                return poll
        early = self._early
        while early:
            _, _, entry, poll = heapq.heappop(early)
            if poll.ticket == entry:
                poll.ticket = -1
                # Nothing was promised of it yet: it cannot be too late.
                poll.due = now
                return poll
        return self._fitting(now) if self._background else None

    def _overlooked(self, now: float) -> P | None:
        """The first reading that has waited longest, if that was too long: some lines have no time to spare, ever."""
        self._look_at = now + BEGINNING_PAUSE_S
        self._early = [entry for entry in self._early if entry[3].ticket == entry[2]]
        heapq.heapify(self._early)
        poll = min((entry[3] for entry in self._early), key=lambda one: one.due, default=None)
        if poll is None or now - poll.due < BEGINNING_PATIENCE_S:
            return None
        poll.ticket = -1
        poll.due = now
        return poll

    def _first_background(self) -> P | None:
        heap = self._background
        while heap and heap[0][2].ticket != heap[0][1]:
            heapq.heappop(heap)
        return heap[0][2] if heap else None

    def _overdue(self, now: float) -> P | None:
        poll = self._first_background()
        if poll is not None and now - poll.due >= BACKGROUND_PATIENCE_S:
            heapq.heappop(self._background)
            return poll
        return None

    def _fitting(self, now: float) -> P | None:
        poll = self._first_background()
        if poll is not None and poll.due <= now and now + poll.cost <= self._next_release():
            heapq.heappop(self._background)
            return poll
        return None

    def _next_release(self) -> float:
        waiting = self._waiting
        while waiting and waiting[0][2].ticket != waiting[0][1]:
            heapq.heappop(waiting)
        return waiting[0][0] if waiting else math.inf

    def slack(self, now: float) -> float:
        """Seconds the line can be kept busy from now on without any poll missing its deadline by that.

        Looks at every poll, released or not: something that takes long holds up those that fall due meanwhile, and
        those with earlier deadlines go before the others then, and what is hurried before them all.
        """
        slack, work = math.inf, 0.0
        polls = [(turn, poll.deadline, poll.cost) for turn, _, ticket, poll in self._ready if poll.ticket == ticket]
        for due, ticket, poll in self._waiting:
            if poll.ticket == ticket:
                deadline = poll.deadline - poll.due + due
                polls.append((deadline, deadline, poll.cost))
        for _, deadline, cost in sorted(polls):
            work += cost
            slack = min(slack, deadline - work - now)
        return slack

    def wake(self, now: float) -> float:
        """When ``take`` may have something, if it has nothing now."""
        if self._ready or self._early:
            return now
        release = self._next_release()
        poll = self._first_background() if self._background else None
        if poll is None:
            return release
        # A background poll that does not fit before the next release is looked at again right after it.
        start = max(poll.due, now)
        return min(release, start if start + poll.cost <= release else poll.due + BACKGROUND_PATIENCE_S)

    def done(self, poll: P, now: float) -> int:
        """Give a poll back after its work; returns how many deadlines it missed."""
        if poll.period is None:
            self._queue(poll, now + max(BACKGROUND_PAUSE_S, 10 * poll.cost))
            return 0
        missed = 0 if now <= poll.due + poll.period else _missed(poll, now)
        poll.missed += missed
        # The next slot of the grid that is still ahead: slots that are over are skipped, not caught up with.
        self._queue(poll, next_slot(max(now, poll.due), poll.period))
        return missed


def _missed(poll: Poll, now: float) -> int:
    if poll.period is None or now <= poll.deadline:
        return 0
    return math.ceil((now - poll.deadline) / poll.period)


def next_slot(moment: float, period: float) -> float:
    """The first multiple of ``period`` that is clearly behind ``moment``."""
    # The thousandth keeps a rounding error of the division from naming the slot that was just served.
    return (math.floor(moment / period + 0.001) + 1) * period
