"""One wire with its devices, as the master meets it: bytes in at a time, bytes out at their times. Pure."""

import math
from collections import deque
from random import Random
from typing import Protocol

from drivers.simulated.faults import WireFaults, garble
from drivers.simulated.stations import Stations
from drivers.simulated.wire import NEARLY, Delivery, Inbox, NetworkWire, SerialWire, hand_over


class Bus(Protocol):
    """A wire with devices behind it."""

    busy_s: float
    """For how long anything was talking."""

    def send(self, data: bytes, now: float) -> None:
        """Put the master's bytes on the wire."""

    def next_at(self) -> float:
        """Return when something may arrive at the master; infinite when nothing is on its way."""

    def take(self, now: float) -> bytes:
        """Return what has arrived at the master by `now`."""

    def clear(self, now: float) -> None:
        """Forget what has arrived: the master's adapter is gone, or new. What ends with a connection ends too."""

    def pending(self) -> list[tuple[float, bytes]]:
        """Return what is on its way to the master, with times."""


class _Talk:
    """Characters a device (or noise, unit 0) puts on the wire."""

    __slots__ = ("deliveries", "end", "start", "unit")

    def __init__(self, start: float, end: float, unit: int, deliveries: list[Delivery]) -> None:
        self.start = start
        self.end = end
        self.unit = unit
        self.deliveries = deliveries


class SerialBus:
    """One half-duplex serial wire.

    The rules of the game: a character is delivered at the end of its stop bit. A device takes a request as
    ended when the wire was silent for `SerialWire.gap_s` and begins to answer its turnaround later (ASCII requests
    end with their line feed). A request that begins sooner than `gap_s` after the last character is counted as
    ``gap_violation``; sooner than `SerialWire.merge_characters`, the devices take it for the rest of what came before.
    Two who talk at once spoil both (``collision``), and no device understands the request.
    """

    def __init__(
        self, wire: SerialWire, stations: Stations, *, faults: WireFaults | None = None, seed: int = 0
    ) -> None:
        self._wire = wire
        self._stations = stations
        self._by_silence = stations.framing.by_silence
        self._echo = faults is not None and faults.echo
        self._swapped = faults is not None and faults.swapped
        self._noise_every_s = faults.noise_every_s if faults is not None else None
        self._noise_bytes = faults.noise_bytes if faults is not None else 0
        self._rng = Random(f"{seed}/wire")  # noqa: S311 - to be replayed
        self._noise_at = self._draw_noise(0.0)
        self._inbox = Inbox()
        self._talks: list[_Talk] = []
        self._answers: list[_Talk] = []
        self._frame = b""
        self._stream = bytearray()
        self._sent_end = -math.inf
        self._last_end = -math.inf  # the last character of anything that is over
        self.busy_s = 0.0

    def send(self, data: bytes, now: float) -> None:
        """Put the master's bytes on the wire, behind those it is still sending."""
        self._make_noise(now)
        character_s = self._wire.character_s
        merge_s = (self._wire.merge_characters - 1e-3) * character_s
        start = max(now, self._sent_end)
        end = start + len(data) * character_s
        self.busy_s += end - start
        self._end_talks(start)
        # Nobody begins to answer within a merging pause: only a talk from before can lie between.
        continued = (
            self._by_silence
            and start - self._sent_end < merge_s
            and self._last_end <= self._sent_end
            and not any(talk.start < start for talk in self._talks)
        )
        if continued:
            self._take_back_answers(start)
        quiet_since, spoiled = self._listen(start, end)
        pause = start - quiet_since
        if self._by_silence and not continued and pause < self._wire.gap_s - 0.01 * character_s:
            self._stations.note(start, 0, "gap_violation")
        self._sent_end = self._last_end = end
        if self._echo:
            self._deliver(start, data)
        if self._swapped:
            self._deliver(end, b"\0")
            return
        if not self._by_silence:
            self._hear_stream(data, start, spoiled=spoiled)
            return
        if pause < merge_s and not continued:
            self._stations.note(start, 0, "merged")
            spoiled = True
        self._frame = b"" if spoiled else self._frame + data if continued else data
        self._answers = self._reply(self._frame, end) if self._frame else []

    def _listen(self, start: float, end: float) -> tuple[float, bool]:
        """Find since when the wire was quiet at `start`, and spoil whatever overlaps the master's own talk."""
        quiet_since = self._last_end
        spoiled = False
        for talk in self._talks:
            if talk.start < end:
                spoiled = True
                self._spoil(talk, start)
            if talk.start < start:
                quiet_since = max(quiet_since, talk.end)
        return quiet_since, spoiled

    def _end_talks(self, now: float) -> None:
        """Keep of what is over by `now` only its end."""
        if not self._talks:
            return
        # As for deliveries: what has been handed over as complete must not collide with what follows at once.
        over = now + NEARLY * self._wire.character_s
        for talk in self._talks:
            if talk.end <= over:
                self._last_end = max(self._last_end, min(talk.end, now))
        self._talks = [talk for talk in self._talks if talk.end > over]

    def _spoil(self, talk: _Talk, at: float) -> None:
        self._stations.note(at, talk.unit, "collision")
        for delivery in talk.deliveries:
            delivery.data = garble(delivery.data, self._stations.framing, self._rng)

    def _take_back_answers(self, now: float) -> None:
        """Forget the answers to a frame that turned out not to be over."""
        if self._stations.framing.decode(self._frame) is not None:
            self._stations.note(now, 0, "gap_violation")  # not the rest of a frame: another one, too soon
        for talk in self._answers:
            self._talks.remove(talk)
            self.busy_s -= talk.end - talk.start
            for delivery in talk.deliveries:
                self._inbox.discard(delivery)
        self._answers = []

    def _hear_stream(self, data: bytes, start: float, *, spoiled: bool) -> None:
        if spoiled:
            self._stream.clear()
            return
        for i, byte in enumerate(data):
            self._stream.append(byte)
            if byte == 0x0A and (frame := self._stations.framing.split(self._stream)) is not None:
                self._reply(frame, start + (i + 1) * self._wire.character_s)

    def _reply(self, frame: bytes, end: float) -> list[_Talk]:
        at = end + self._wire.gap_s if self._by_silence else end
        talks = []
        heard_at = at
        for after_s, unit, data, beside in self._stations.hear(frame, at):
            talk = self._talk((heard_at if beside else at) + after_s, unit, data)
            at = max(at, talk.end)
            talks.append(talk)
        return talks

    def _talk(self, start: float, unit: int, data: bytes) -> _Talk:
        end = start + len(data) * self._wire.character_s
        self.busy_s += end - start
        talk = _Talk(start, end, unit, self._deliver(start, data))
        for other in self._talks:
            if other.start < end and other.end > start:
                self._spoil(other, start)
                self._spoil(talk, start)
        self._talks.append(talk)
        return talk

    def _deliver(self, start: float, data: bytes) -> list[Delivery]:
        step = self._wire.character_s
        if self._wire.chunking is None:
            deliveries = [Delivery(start + step, data, step)]
        else:
            deliveries = list(hand_over(start + step, data, step, self._wire.chunking))
        for delivery in deliveries:
            self._inbox.put(delivery)
        return deliveries

    def _draw_noise(self, now: float) -> float:
        return math.inf if self._noise_every_s is None else now + self._rng.expovariate(1 / self._noise_every_s)

    def _make_noise(self, now: float) -> None:
        while self._noise_at <= now + 1e-9:
            self._end_talks(self._noise_at)
            burst = self._rng.randbytes(self._rng.randrange(1, self._noise_bytes + 1))
            self._stations.note(self._noise_at, 0, "noise")
            self._noise_at = self._draw_noise(self._talk(self._noise_at, 0, burst).end)

    def next_at(self) -> float:
        """Return when something may arrive at the master."""
        return min(self._inbox.next_at, self._noise_at)

    def take(self, now: float) -> bytes:
        """Return what has arrived at the master by `now`."""
        self._make_noise(now)
        return self._inbox.take(now)

    def clear(self, now: float) -> None:
        """Forget what has arrived; who talks goes on talking, and is heard from now on."""
        self._make_noise(now)
        self._inbox.take(now)
        self._end_talks(now)
        self._answers = []
        self._frame = b""
        self._stream.clear()

    def pending(self) -> list[tuple[float, bytes]]:
        """Return what is on its way to the master, with times."""
        return self._inbox.listing()


class NetworkBus:
    """One TCP connection to a server with one or more units; the server takes requests one after the other.

    With RTU framing, what is incomplete is forgotten after `_STALE_S`, so that one bad frame is not the last.
    """

    _STALE_S = 0.05
    # The same moment, seen through two sums.
    _SAME_S = 1e-9

    def __init__(self, wire: NetworkWire, stations: Stations) -> None:
        self._wire = wire
        self._stations = stations
        self._inbox = Inbox()
        self._stream = bytearray()
        # When each request that is not begun yet arrived there.
        self._queue: deque[tuple[float, bytes]] = deque()
        self._free_at = -math.inf
        self._heard_at = -math.inf
        self.busy_s = 0.0

    def send(self, data: bytes, now: float) -> None:
        """Send the master's bytes; every whole request among them is served, unless the connection ends before."""
        if self._stations.framing.by_silence and now - self._heard_at > self._STALE_S:
            self._stream.clear()
        self._heard_at = now
        self._stream += data
        while (frame := self._stations.framing.split(self._stream)) is not None:
            self._queue.append((now + self._wire.latency_s, frame))
        self._serve(now)

    def _serve(self, now: float) -> None:
        """Begin with what arrives next: a write that waits behind another request has not changed anything yet."""
        while self._queue and self._begins_at() <= now + self._wire.latency_s + self._SAME_S:
            at = began = self._begins_at()
            _, frame = self._queue.popleft()
            emissions = self._stations.hear(frame, at)
            if not emissions and self._wire.gives_up_s is not None:
                at += self._wire.gives_up_s
                emissions = self._stations.give_up(frame, at, aloud=self._wire.says_so)
            for after_s, _unit, reply, _beside in emissions:
                at += after_s
                self._inbox.put(Delivery(at + self._wire.latency_s, reply))
            self._free_at = at
            self.busy_s += at - began

    def _begins_at(self) -> float:
        return max(self._queue[0][0], self._free_at)

    def next_at(self) -> float:
        """Return when something arrives at the master, or has to be looked at before that."""
        if not self._queue:
            return self._inbox.next_at
        return min(self._inbox.next_at, self._begins_at() - self._wire.latency_s)

    def take(self, now: float) -> bytes:
        """Return what has arrived at the master by `now`."""
        self._serve(now)
        return self._inbox.take(now)

    def clear(self, now: float) -> None:  # noqa: ARG002 - the Bus protocol
        """Forget what is on its way; the next connection starts afresh."""
        self._inbox.clear()
        self._queue.clear()
        self._stream.clear()
        self._free_at = -math.inf

    def pending(self) -> list[tuple[float, bytes]]:
        """Return what is on its way to the master, with times."""
        return self._inbox.listing()
