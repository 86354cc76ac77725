"""From the bus to the clients: each event is looked up once and framed once, whoever wants it.

A client that resumes reads the log, page by page, with what of it was published before it was logged; when nothing is
left it joins the others, in one step without a pause, so that no event comes twice or is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass

import trio

from gateway.api.live.client import Client, Close
from gateway.api.live.frames import of_event
from gateway.api.live.interests import Interests, Wish, wanted
from gateway.api.live.recent import Recent
from gateway.core.bus import Bus, Cut, Subscription
from gateway.core.channels import may_receive
from gateway.core.eventlog import EventLog, NotKept
from gateway.core.events import Event
from gateway.core.sifting import Sifting
from gateway.core.turns import Turns

# Events that may wait for us: more than the journal publishes at once.
_QUEUE = 16_384
# Events that are handed out before what they have brought is sent, and clients that are sent to in one pass.
_OF_A_WRITE, _OF_A_PASS = 32, 16
# Events that are read from the log at once; as many may be left to join without a pause.
_PAGE = 64


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of the past.

    Attributes:
        newest: number of the newest event that had been handed out before it was read.
        events: of the log, and those that were not there yet; None where the disk does not give them.
        whole: whether the log had no more up to that one.
    """

    newest: int
    events: Sequence[Event] | None
    whole: bool


class Hub:
    """Hands events to clients.

    Args:
        bus: brings them, in the order of their numbers.
        log: has what was kept of the past.
        published: the number of the last event that the bus has brought; at the start, one that none before reached.
        unlogged: those above a number that were published, and are to be in the log but are not yet.
        turns: at reading it.

    Attributes:
        interests: what clients want.
        sent: events that went out to one or another of them.
    """

    def __init__(
        self,
        bus: Bus[Event],
        log: EventLog,
        published: Callable[[], int],
        unlogged: Callable[[int], Sequence[Event]],
        turns: Turns,
    ) -> None:
        self._bus = bus
        self._log = log
        self._published = published
        self._unlogged = unlogged
        self._turns = turns
        self._recent = Recent(published())
        self.interests = Interests[Client]()
        self.sent = 0

    @property
    def newest(self) -> int:
        """The number of the last event that was handed out."""
        return self._recent.newest

    async def run(self, clients: Callable[[], Collection[Client]], check: Callable[[], None]) -> None:
        """Hand out what is published. Runs until cancelled.

        Args:
            clients: that are connected.
            check: called before events are handed out.
        """
        while True:
            with self._bus.subscribe(_QUEUE) as subscription:
                self._recent.skip(self._published())
                with suppress(Cut):
                    while True:
                        first = await subscription.receive()
                        check()
                        await self._hand_out(first, subscription)
            for client in clients():
                client.end(Close.SLOW, "the gateway itself fell behind: come again with resume_from")

    async def read(self, client: Client, after: int) -> Page:
        """The next events of the past, once it is the client's turn."""
        if client.principal is None or self._is_left(after):
            return Page(after, (), whole=True)
        async with self._turns.turn(client.principal):
            newest, waiting = self.newest, self._unlogged(after)
            try:
                # For one that went meanwhile the past, which may be long, is not read.
                logged = [] if client.outgoing.gone() else await self._log.after(after, _PAGE)
            except NotKept:
                return Page(newest, None, whole=True)
        # What is logged and not handed out yet comes with the others.
        whole = not logged or logged[-1].sequence >= newest
        return Page(newest if whole else min(newest, logged[-1].sequence), [*logged, *waiting], whole=whole)

    def reaches_back(self, to: int) -> bool:
        """Whether every kept event with a higher number is still there."""
        return to >= self._recent.floor or to + 1 >= self._log.first

    def remembers(self, to: int) -> bool:
        """Whether every event that was published with a higher number is in memory."""
        return to >= self._recent.floor

    async def catch_up(self, client: Client, since: int, page: Page, new: Sequence[Wish], *, complete: bool) -> None:
        """Send what a client missed, and have it join. Until then it is handed no events.

        Args:
            client: who.
            since: the number of the last event it has seen.
            page: what comes after that.
            new: what it wants beside what it had wanted already, up to the newest event.
            complete: whether it was told that it gets everything.
        """
        self.interests.drop(client)
        seen = self.newest if client.wishes else since
        everything = tuple(client.with_wishes(new).values())

        def due(event: Event) -> bool:
            if client.principal is None or not may_receive(client.principal, event):
                return False
            if event.sequence > seen:
                return wanted(everything, event)
            return wanted(new, event) and not wanted(client.wishes.values(), event)

        cursor = since
        while True:
            if complete and not ((page.events is not None and self.reaches_back(cursor)) or self.remembers(cursor)):
                client.end(Close.SLOW, "events were dropped, or cannot be read now: come again with resume_from")
                await trio.lowlevel.checkpoint()
            if page.events is None:
                cursor = max(cursor, self._recent.floor)
            recent = (published.event for published in self._recent.after(cursor))
            found = {event.sequence: event for event in (*(page.events or ()), *self._unlogged(cursor), *recent)}
            sifting = Sifting()
            for sequence in sorted(found):
                if cursor < sequence <= page.newest and due(found[sequence]):
                    client.outgoing.add(of_event(found[sequence]))
                    self.sent += 1
                await sifting.step()
            if client.principal is not None:
                self._turns.charge(client.principal, sifting.spent())
            cursor = max(cursor, page.newest)
            client.outgoing.flush()
            await client.outgoing.room()
            if client.outgoing.gone():
                # Nobody is told before this ends, and the past may be long.
                return
            if page.whole and self._join(client, cursor, due, everything):
                return
            page = await self.read(client, cursor)

    def _is_left(self, to: int) -> bool:
        """Whether every event with a higher number is in memory, and so few that they are sent at once."""
        return self.remembers(to) and sum(1 for _ in self._recent.after(to)) <= _PAGE

    def _join(self, client: Client, cursor: int, due: Callable[[Event], bool], wishes: Sequence[Wish]) -> bool:
        if not self._is_left(cursor):
            return False
        for published in self._recent.after(cursor):
            if due(published.event):
                client.outgoing.add(published.frame)
                self.sent += 1
        client.wishes = {wish.key: wish for wish in wishes}
        self.admit(client)
        client.outgoing.flush()
        return True

    def admit(self, client: Client) -> None:
        """Hand a client what it wants, from the next event on."""
        if client.principal is not None and client.ending is None:
            self.interests.put(client, client.principal, client.wishes.values())

    async def _hand_out(self, first: Event, subscription: Subscription[Event]) -> None:
        """Hand out an event and some of those behind it, in one write for each client."""
        touched: dict[Client, None] = {}
        event: Event | None = first
        for _ in range(_OF_A_WRITE):
            if event is None:
                break
            self._deliver(event, touched)
            event = subscription.receive_nowait()
        if event is not None:
            self._deliver(event, touched)
        for number, client in enumerate(touched, 1):
            client.outgoing.flush()
            if number % _OF_A_PASS == 0:
                await trio.lowlevel.checkpoint()

    def _deliver(self, event: Event, touched: dict[Client, None]) -> None:
        published = self._recent.add(event)
        fallen = []
        for interest in self.interests.in_(event):
            frame = published.frame
            self.sent += len(interest.clients)
            for client in interest.clients:
                if client.deliver(frame):
                    touched[client] = None
                else:
                    fallen.append(client)
        self.sent -= len(fallen)
        for client in fallen:
            self.interests.drop(client)
