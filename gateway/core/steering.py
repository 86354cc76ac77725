"""What governors may see of the field, and the few things they may set there.

Lines own the fast loops: time-outs, probes, re-opening, leases, the one write door. Governors look every few seconds
and move bounds. Whatever they are told, lines keep polling: each setting has limits of its own, and none is "stop".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.core.principal import Principal
from gateway.core.reading import Value

# How far the polls of low-priority tags may be stretched; lines hold to this whatever they are told.
MOST_STRETCH = 8.0
# The least share of a line's time that stays open to on-demand reads: a technician must get through.
LEAST_ON_DEMAND = 0.05


@dataclass(frozen=True, slots=True)
class LineGlance:
    """One line at one moment; counters count since the line was started.

    Attributes:
        name: of the line.
        modbus: whether devices are polled on it; a raw serial line only listens.
        state: as ``line.list`` shows it: starting, up, down, parked, stopped.
        reason: one word why it is not up, None where it is.
        network: whether it is a connection over the network; otherwise it is a port of this board.
        place: ``host:port``, or the path of its port; empty where that is not known.
        lent: a technician's tool has it; its polls rest.
        utilisation: share of its time in exchanges, lately; None before it was measured.
        on_demand: share of its time in reads that callers asked for, lately; None as above. Writes are not in it: they
            are never bounded.
        missed: deadlines missed by its tags.
        opened: how often the port was opened.
        falls: how often it fell by a fault of ours.
        idle: seconds since its task last showed a sign of life.
        stretch: factor by which polls of low-priority tags are stretched; 1.0: not at all.
        stretchable: how many of its tags are of low priority and polled periodically.
        on_demand_bound: share of its time that on-demand reads may take ahead of polls; None: unbounded.
        splits: blocks that were cut in pieces because the device refused an address in them.
    """

    name: str
    modbus: bool
    state: str
    reason: str | None = None
    lent: bool = False
    utilisation: float | None = None
    on_demand: float | None = None
    missed: int = 0
    opened: int = 0
    falls: int = 0
    idle: float = 0.0
    stretch: float = 1.0
    stretchable: int = 0
    on_demand_bound: float | None = None
    splits: int = 0
    network: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class DeviceGlance:
    """One configured device at one moment; counters count since its line was started.

    Attributes:
        line: its line.
        name: ``line/device``.
        unit: Modbus unit identifier.
        state: unproven, online, doubtful or silent; "unknown" while its line has no port.
        since: seconds it has been in that state.
        latency: smoothed turnaround in seconds; None before it was measured.
        spread: mean deviation of that, in seconds; None as above.
        timeout: seconds its next answer is waited for.
        bound: what the configuration allows that time-out to be.
        requests: sent to it.
        answers: received from it.
        errors: by cause.
        refusals: exceptions by name.
        tags: how many it has.
        good: how many of them are good now.
        missed: deadlines missed by its tags.
        advice: where to look first, by the most frequent causes of its errors.
    """

    line: str
    name: str
    unit: int
    state: str
    since: float = 0.0
    latency: float | None = None
    spread: float | None = None
    timeout: float = 0.0
    bound: float = 0.0
    requests: int = 0
    answers: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    tags: int = 0
    good: int = 0
    missed: int = 0
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerGlance:
    """The gateway itself at one moment; None stands for what was not measured.

    Attributes:
        requests_per_second: answered, lately.
        response_ms: mean time of an answer, lately.
        error_rate: share of answers that were errors of ours, lately.
        refused: calls refused by a rate limit since the start.
        connections: open now.
        most_connections: that may be.
        loop_lag_ms: how late the run loop wakes up, at worst lately.
        memory: resident bytes.
        durable: whether the disk takes data.
        written_today: bytes.
        write_budget: bytes a day.
    """

    requests_per_second: float | None = None
    response_ms: float | None = None
    error_rate: float | None = None
    refused: int = 0
    connections: int = 0
    most_connections: int = 0
    loop_lag_ms: float | None = None
    memory: int | None = None
    durable: bool = True
    written_today: int = 0
    write_budget: int = 0


@dataclass(frozen=True, slots=True)
class FieldGlance:
    """The field side at one moment.

    Attributes:
        at: on the run loop's clock.
        lines: in the order of the configuration.
        devices: likewise.
    """

    at: float
    lines: tuple[LineGlance, ...] = ()
    devices: tuple[DeviceGlance, ...] = ()

    def line(self, name: str) -> LineGlance | None:
        """A line by its name."""
        return next((line for line in self.lines if line.name == name), None)


class FieldSteering(Protocol):
    """What governors may set on lines. All of it returns at once; an unknown line is answered with None or False."""

    def glance(self) -> FieldGlance:
        """How the field is now."""
        ...

    def stretch(self, line: str, factor: float) -> float | None:
        """Poll low-priority tags so much less often; 1.0 restores them. Returns the factor that is in force then."""
        ...

    def bound_on_demand(self, line: str, share: float | None) -> float | None:
        """Let on-demand reads take at most this share of the line's time ahead of polls; None lifts the bound.

        Beyond it they wait for time that no poll needs. Returns what holds.
        """
        ...

    def reopen(self, line: str) -> bool:
        """Close the port and open it anew. Returns whether the line will."""
        ...

    def relearn(self, line: str) -> bool:
        """Forget which blocks were cut because of refused addresses, and plan them anew. Returns whether it will."""
        ...

    def restart(self, line: str) -> bool:
        """End the line's task and start it again; readings stay. Returns whether it will."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """What a write touches, whatever it is called.

    Attributes:
        line: its line.
        unit: Modbus unit identifier.
        table: coil or holding.
        first: address of the first register or coil.
        count: how many there are.
        bits: of one register, those that are written; None: all of it.
    """

    line: str
    unit: int
    table: str
    first: int
    count: int = 1
    bits: range | None = None

    def addresses(self) -> Iterator[tuple[str, int, str, int]]:
        """Each register or coil by itself: spans that overlap have one in common."""
        for address in range(self.first, self.first + self.count):
            yield self.line, self.unit, self.table, address


@dataclass(frozen=True, slots=True)
class Bid:
    """A write that asks to be let through the door.

    Attributes:
        by: who asks.
        span: what is written.
        value: what is to stand there, for comparison with what others want: a tag's value, or bare registers.
        name: of the tag, for people; None for a write of bare registers.
        lease: seconds of the lease that is asked for, or None.
    """

    by: Principal
    span: Span
    value: Value | tuple[int | bool, ...]
    name: str | None = None
    lease: float | None = None


class Arbiter(Protocol):
    """Decides between callers who write the same thing. Asked by the write door before anything is sent."""

    def admit(self, bid: Bid) -> None:
        """Let a write through.

        Raises:
            GatewayError: UNAVAILABLE with ``reason`` "conflict": who holds the place, and for how long yet.
        """
        ...

    def settled(self, bid: Bid, *, sent: bool) -> None:
        """A write that was let through is over; ``sent`` tells whether what it wrote may stand in the device."""
        ...
