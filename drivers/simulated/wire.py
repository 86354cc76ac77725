"""How long characters take: the timing of a serial wire and of a network, as plain numbers."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Parity = Literal["none", "even", "odd"]

# Above 19200 Bd the specification fixes the silence (Modbus over Serial Line V1.02, section 2.5.1.1).
_FIXED_GAP_S = 0.00175
# A character that is due within a thousandth of its own length is there: clocks are floats.
NEARLY = 1e-3


@dataclass(frozen=True, slots=True)
class Chunking:
    """A USB adapter that hands over characters in packets (FTDI: 62 characters, or every 16 ms, or every 1 ms)."""

    size: int = 62
    latency_s: float = 0.016


@dataclass(frozen=True, slots=True)
class SerialWire:
    """The timing of one serial line.

    Attributes:
        merge_characters: a silence shorter than this many characters does not end a frame for the devices.
        chunking: how the master's adapter hands over what it hears; None: every character at once.
        character_s: how long one character takes, start and stop bits included.
        gap_s: the silence that has to precede a request, 3.5 characters or 1.75 ms.
    """

    baudrate: int = 19200
    bytesize: int = 8
    parity: Parity = "none"
    stopbits: int = 1
    merge_characters: float = 1.5
    chunking: Chunking | None = None
    character_s: float = field(init=False)
    gap_s: float = field(init=False)

    def __post_init__(self) -> None:
        """Derive the times."""
        bits = 1 + self.bytesize + (self.parity != "none") + self.stopbits
        object.__setattr__(self, "character_s", bits / self.baudrate)
        object.__setattr__(self, "gap_s", 3.5 * self.character_s if self.baudrate <= 19200 else _FIXED_GAP_S)


@dataclass(frozen=True, slots=True)
class NetworkWire:
    """A TCP connection: `latency_s` one way, nothing for the length of a message.

    Attributes:
        gives_up_s: how long a gateway to a serial line waits for a unit, and serves nobody else, before it gives up;
            None: a server that drops what nobody answers.
        says_so: it answers exception 11 then, and otherwise nothing.
    """

    latency_s: float = 0.0005
    gives_up_s: float | None = None
    says_so: bool = True


class Delivery:
    """Characters that reach the master: the first at `at`, the others `step` seconds apart."""

    __slots__ = ("at", "data", "step")

    def __init__(self, at: float, data: bytes, step: float = 0.0) -> None:
        self.at = at
        self.data = data
        self.step = step

    @property
    def end(self) -> float:
        """When the last character is there."""
        return self.at + self.step * (len(self.data) - 1)

    def take(self, now: float) -> bytes:
        """Remove and return what has arrived by `now`."""
        if self.step == 0.0 or now >= self.end:
            data, self.data = self.data, b""
            return data
        count = int((now - self.at) / self.step + NEARLY) + 1
        data, self.data = self.data[:count], self.data[count:]
        self.at += self.step * count
        return data


def hand_over(first_at: float, data: bytes, step: float, chunking: Chunking | None) -> Iterator[Delivery]:
    """Turn characters on the wire, the first complete at `first_at`, into what the master's adapter delivers.

    An adapter with a latency timer delivers when its packet is full or at the next tick of the timer, which runs
    freely.
    """
    if chunking is None:
        yield Delivery(first_at, data, step)
        return
    start = 0
    while start < len(data):
        full = start + chunking.size - 1
        due = (int((first_at + start * step) / chunking.latency_s) + 1) * chunking.latency_s
        if full < len(data) and first_at + full * step <= due:
            end, due = full + 1, first_at + full * step
        else:
            end = min(len(data), int((due - first_at) / step + NEARLY) + 1)
        yield Delivery(due, data[start:end])
        start = end


class Inbox:
    """What is on its way to the master, in the order of arrival."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: deque[Delivery] = deque()

    def put(self, delivery: Delivery) -> None:
        """Add a delivery at its place in time."""
        queue = self._queue
        if not queue or queue[-1].at <= delivery.at:
            queue.append(delivery)
            return
        at = next(i for i, other in enumerate(queue) if other.at > delivery.at)
        queue.insert(at, delivery)

    def discard(self, delivery: Delivery) -> None:
        """Forget a delivery that will not happen."""
        if delivery in self._queue:
            self._queue.remove(delivery)

    @property
    def next_at(self) -> float:
        """When the next character arrives; infinite when none is on its way."""
        return self._queue[0].at if self._queue else float("inf")

    def take(self, now: float) -> bytes:
        """Remove and return everything that has arrived by `now`."""
        queue = self._queue
        taken = []
        while queue and queue[0].at <= now + 1e-9:
            taken.append(queue[0].take(now))
            if queue[0].data:
                break
            queue.popleft()
        return b"".join(taken)

    def listing(self) -> list[tuple[float, bytes]]:
        """Return every character or packet on its way with its time, for tests and reports."""
        return [
            (delivery.at + i * delivery.step, delivery.data[i : i + 1])
            if delivery.step
            else (delivery.at, delivery.data)
            for delivery in self._queue
            for i in range(len(delivery.data) if delivery.step else 1)
        ]

    def clear(self) -> None:
        """Forget everything."""
        self._queue.clear()
