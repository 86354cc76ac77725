"""One request and its reply on a half-duplex line: gaps, prediction of the reply's end, strays, drains.

Two talkers share one shape: ``SerialTalk`` for lines where characters take time and frames carry no number,
``NetworkTalk`` for Modbus TCP, where a transaction number tells late replies apart and nothing needs pacing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec
import trio

from drivers.modbus.framing import Answered, Broken, Framer, Stray
from drivers.modbus.lengths import LONGEST_PDU
from drivers.modbus.pdu import Data, Refusal, Request, match
from drivers.modbus.tcp import PDU_AT
from drivers.ports.port import LinkDown, Port
from drivers.ports.timer import loop_clock
from gateway.lines.health import Cause
from gateway.lines.wire import Wire

# How long a line may babble after a failed exchange before it is given up and opened anew; at least the longest frame.
BABBLE_S = 0.5
# A serial server hands on what it has heard after pauses of its own: so long they are at most while a reply goes on.
RELAY_PAUSE_S = 0.1
# How much longer than reckoned a reply that goes on may take behind a serial server: 255 characters at 1200 Bd are
# 2.3 s, and nobody but the technician knows what the bus there was set to.
RELAY_SLOWER_S = 2.5
# How much longer than its deadline an exchange may go on while bytes keep coming: the answer may be among them.
TALKING_S = 0.05
# Wake this much before the predicted end of a reply: the prediction is the fastest reply seen, and a wake that comes
# too early costs one more pass while one that comes too late costs bus time.
EARLY_S = 0.0003
# Requests that were given up and whose answers are known when they come; older ones are strays.
MOST_GIVEN_UP = 64
# How fast the prediction follows when replies turn out to have been complete before we looked: so much, and twice as
# much each time in a row.
NUDGE_S = 0.0002

CountCause = Callable[[Cause], None]
HearLate = Callable[[Request, Data | Refusal, float], None]
STRAY_CAUSES = {
    "wrong_unit": Cause.WRONG_UNIT,
    "wrong_function": Cause.WRONG_FUNCTION,
    "wrong_shape": Cause.WRONG_SHAPE,
    "wrong_transaction": Cause.LATE,
    "echo": Cause.ECHO,
}
LEFTOVER_CAUSES = {"noise": Cause.NOISE, "crc": Cause.CRC, "short": Cause.SHORT}


class Answer(msgspec.Struct, frozen=True):
    """The device answered.

    Attributes:
        answer: data, or the device's refusal.
        at: when its last byte was here (run loop's clock).
        turnaround: seconds between the end of the request and the start of the reply, as far as can be told.
    """

    answer: Data | Refusal
    at: float
    turnaround: float


@dataclass(frozen=True, slots=True)
class Lost:
    """No usable answer. ``answered`` says whether something that was surely this answer came, but damaged."""

    cause: Cause
    answered: bool
    cost: float


class Pace:
    """Predicts when a unit's reply is complete: the fastest turnaround seen, slowly forgotten."""

    __slots__ = ("_nudge", "turnaround")

    def __init__(self, turnaround: float) -> None:
        self.turnaround = turnaround
        self._nudge = NUDGE_S

    def was_complete(self, turnaround: float) -> None:
        """The reply lay there when we looked: it may have been there for some time, and took so long at most."""
        self.turnaround = min(self.turnaround, turnaround) - self._nudge
        self._nudge *= 2

    def saw(self, turnaround: float) -> None:
        """The reply came while we looked."""
        self._nudge = NUDGE_S
        if turnaround < self.turnaround:
            self.turnaround = turnaround
        else:
            self.turnaround += (turnaround - self.turnaround) / 8


class Talk(Protocol):
    """Does one exchange at a time on one open port.

    Attributes:
        left: whether anything of the last request may have left: also where it was broken off, by whatever.
        begun: whether something has come since that request, but not yet its whole answer.
        late: told of the answer to a request that was given up, where its number proves that it is; with the time.
    """

    left: bool
    begun: bool
    late: HearLate | None

    async def exchange(
        self, request: Request, patience: float, count: CountCause, pace: Pace, meanwhile: Callable[[], None]
    ) -> Answer | Lost:
        """Send a request and wait for its reply.

        Args:
            request: what to ask.
            patience: seconds allowed between the end of the request and the start of the reply.
            count: told of every stray thing seen on the way.
            pace: the unit's prediction.
            meanwhile: done once after the request is on its way: work that need not keep the line waiting.

        Raises:
            LinkDown: the wire is gone.
        """
        ...

    async def broadcast(self, request: Request, delay: float) -> None:
        """Send a request nobody answers, and leave the units ``delay`` seconds to work on it.

        Raises:
            LinkDown: as ``exchange``.
        """
        ...

    def through(self, port: Port) -> None:
        """Go on through another view of the same port, between two exchanges or within one."""
        ...

    def look(self) -> None:
        """Look at the port between two exchanges.

        Raises:
            LinkDown: the wire went while nobody used it.
        """
        ...


class _Sending:
    """Hands requests to the port, and knows whether anything of the last one may have left."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self.left = False
        self.begun = False
        self.late: HearLate | None = None

    async def _send(self, frame: bytes) -> None:
        # Broken off from here on, it may be on the wire: only a port that took nothing of it can say otherwise.
        self.left = True
        try:
            await self._port.send(frame)
        except LinkDown as down:
            self.left = not down.unsent
            raise


class SerialTalk(_Sending):
    """Exchanges on RTU and ASCII lines, and on RTU over TCP."""

    def __init__(self, port: Port, framer: Framer, wire: Wire) -> None:
        super().__init__(port)
        self._framer = framer
        self._wire = wire
        self._quiet_since = trio.current_time()
        # Something has come between two exchanges and was taken from the port by a look at it.
        self._unasked = False

    def through(self, port: Port) -> None:
        """See ``Talk.through``."""
        self._port = port

    def look(self) -> None:
        """See ``Talk.look``."""
        self._unasked = bool(self._port.drain()) or self._unasked

    async def exchange(
        self, request: Request, patience: float, count: CountCause, pace: Pace, meanwhile: Callable[[], None]
    ) -> Answer | Lost:
        """See ``Talk.exchange``."""
        self.left = False
        port, framer, character, relayed = self._port, self._framer, self._wire.character, self._wire.relayed
        await self._clear(count)
        frame = framer.begin(request)
        sent = trio.current_time()
        await self._send(frame)
        meanwhile()
        request_end = sent + len(frame) * character
        reply_time = framer.reply_size * character
        deadline = request_end + patience + reply_time
        longest = deadline + RELAY_SLOWER_S
        likely = request_end + pace.turnaround + reply_time - EARLY_S
        received = 0
        first_look = True
        while True:
            data = b""
            if not relayed and likely > trio.current_time():
                await port.pause_until(likely)
                # What is there after a pause is worth no pass of the loop.
                data = port.drain()
            if not data:
                arrived = await port.receive(deadline)
                if arrived is None:
                    return await self._gave_up(count, trio.current_time() - sent)
                data = arrived
                first_look = False
            now = self._quiet_since = trio.current_time()
            received += len(data)
            event = framer.feed(data)
            while isinstance(event, Stray):
                count(STRAY_CAUSES[event.cause])
                received = 0
                event = framer.feed(b"")
            if event is None:
                if now > deadline:
                    # Somebody talks without pause, but not to us.
                    return await self._gave_up(count, now - sent)
                first_look = False
                if relayed and received < framer.reply_size:
                    deadline = max(deadline, min(now + RELAY_PAUSE_S, longest))
                # The last character but one is waited for by the clock, the last one by itself.
                likely = min(now + (framer.reply_size - received - 1) * character - EARLY_S, deadline)
                continue
            if isinstance(event, Broken):
                count(Cause.CRC if event.cause == "crc" else Cause.SHORT)
                await self._settle()
                return Lost(Cause.CRC, answered=True, cost=trio.current_time() - sent)
            turnaround = now - request_end - reply_time
            if first_look:
                pace.was_complete(turnaround)
            else:
                pace.saw(turnaround)
            return Answer(event.answer, now, turnaround)

    async def broadcast(self, request: Request, delay: float) -> None:
        """See ``Talk.broadcast``."""
        self.left = False
        await self._clear(lambda _: None)
        frame = self._framer.begin(request)
        await self._send(frame)
        end = trio.current_time() + len(frame) * self._wire.character + delay
        await self._port.pause_until(end)
        self._quiet_since = end
        heard = self._port.drain()
        if heard:
            # On a line that hears itself, what was sent is nothing that came unasked.
            self._framer.feed(heard)
        self._unasked = self._framer.abandon().size > 0

    async def _clear(self, count: CountCause) -> None:
        """Keep the silent interval before a request; what arrives unasked is late or noise, and moves it."""
        port = self._port
        while True:
            if port.drain() or self._unasked:
                self._unasked = False
                count(Cause.LATE)
                await self._settle()
            start = self._quiet_since + self._wire.gap
            if start <= trio.current_time():
                return
            await port.pause_until(start)

    async def _gave_up(self, count: CountCause, cost: float) -> Lost:
        left = self._framer.abandon()
        cause = LEFTOVER_CAUSES.get(left.cause, Cause.TIMEOUT)
        count(cause)
        if left.size:
            await self._settle()
        return Lost(cause, answered=False, cost=cost)

    async def _settle(self) -> None:
        """Wait until the line has been silent for a gap: what is left of a broken reply must not meet the next."""
        port, wire = self._port, self._wire
        quiet = RELAY_PAUSE_S if wire.relayed else max(wire.gap, 3.5 * wire.character)
        give_up = trio.current_time() + max(BABBLE_S, wire.carry(LONGEST_PDU) + 2 * quiet)
        while await port.receive(trio.current_time() + quiet) is not None:
            self._quiet_since = trio.current_time()
            if trio.current_time() > give_up:
                raise LinkDown("error", "the line does not fall silent: noise, or another master talks without pause")


class NetworkTalk(_Sending):
    """Exchanges on Modbus TCP: the transaction number tells a late reply from the one that is waited for."""

    def __init__(self, port: Port, framer: Framer, wire: Wire) -> None:
        super().__init__(port)
        self._framer = framer
        self._gap = wire.gap
        self._time = loop_clock()
        self._free_at = 0.0
        # What has come between two exchanges and was taken from the port by a look at it.
        self._unasked = b""
        self._given_up: dict[bytes, Request] = {}

    def through(self, port: Port) -> None:
        """See ``Talk.through``."""
        self._port = port

    def look(self) -> None:
        """See ``Talk.look``."""
        self._unasked += self._port.drain()

    async def exchange(
        self, request: Request, patience: float, count: CountCause, pace: Pace, meanwhile: Callable[[], None]
    ) -> Answer | Lost:
        """See ``Talk.exchange``."""
        del pace
        self.left = self.begun = False
        port, framer = self._port, self._framer
        if self._gap and self._free_at > self._time():
            await port.pause_until(self._free_at)
        sent = self._time()
        deadline = sent + patience
        frame = framer.begin(request)
        await self._send(frame)
        meanwhile()
        while True:
            unasked, self._unasked = self._unasked, b""
            data = unasked or await port.receive(deadline)
            now = self._time()
            # Whatever has come belongs to the stream: left out, what follows it would have no borders.
            event = framer.feed(data) if data is not None else None
            while isinstance(event, Stray):
                if not self._came_late(event, now):
                    count(STRAY_CAUSES[event.cause])
                event = framer.feed(b"")
            if isinstance(event, Answered):
                self._free_at = now + self._gap
                return Answer(event.answer, now, now - sent)
            if event is not None:
                count(Cause.SHORT)
                raise LinkDown(
                    "error", "the peer breaks the Modbus TCP framing: is there another protocol on this port?"
                )
            # A peer that talks without pause, but not to us, must not hold the line beyond its time either.
            if data is None or now > deadline + TALKING_S:
                framer.abandon()
                count(Cause.TIMEOUT)
                self._give_up(frame[:2], request)
                return Lost(Cause.TIMEOUT, answered=False, cost=now - sent)
            self.begun = True

    def _give_up(self, transaction: bytes, request: Request) -> None:
        self._given_up[transaction] = request
        if len(self._given_up) > MOST_GIVEN_UP:
            del self._given_up[next(iter(self._given_up))]

    def _came_late(self, stray: Stray, now: float) -> bool:
        """Whether that is the answer to a request that was given up, and somebody wants to know it."""
        request = self._given_up.pop(stray.frame[:2], None)
        if request is None or self.late is None or stray.unit != request.unit:
            return False
        answer = match(request, stray.frame[PDU_AT:])
        if answer is not None:
            self.late(request, answer, now)
        return answer is not None

    async def broadcast(self, request: Request, delay: float) -> None:
        """See ``Talk.broadcast``."""
        self.left = False
        await self._send(self._framer.begin(request))
        await self._port.pause_until(trio.current_time() + delay)
        self._framer.abandon()
