"""Through these small doors siblings meet; ``app`` hands each part what it needs of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.core.events import Data, Event
from gateway.core.principal import Principal
from gateway.core.reading import Reading, Value

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]


class Outcome(StrEnum):
    """What is known of a write (ruling 2)."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The honest outcome of a write.

    Attributes:
        outcome: confirmed by the device, in doubt by what it holds; refused by it; never sent; or sent and not known.
        reason: one word for programs, None when confirmed.
        message: the same for people, with the cure.
        read_back: the value read after the write, where the tag asks for it.
    """

    outcome: Outcome
    reason: str | None = None
    message: str | None = None
    read_back: Value | None = None


@dataclass(frozen=True, slots=True)
class LeaseInForce:
    """A set-point on loan.

    Attributes:
        tag: its full name.
        value: last written with the lease, or being written, in engineering units; None where nobody knows: it was
            taken before the gateway was started anew.
        safe_value: what the tag goes back to; None where the configuration does not have the tag with one any more.
        seconds_left: until it runs out; 0 once it has.
        owed: it has run out, and its safe value is not known to have arrived.
        by: whose it is, the subject of the caller; None where nobody knows.
    """

    tag: str
    value: Value | None
    safe_value: Value | None
    seconds_left: float
    owed: bool
    by: str | None = None


class Owners(Protocol):
    """Whether those still count in whose name something goes on after their tokens have expired.

    Attributes:
        changed: called when somebody may no longer count.
    """

    changed: list[Callable[[], None]]

    def mark(self, owner: Principal) -> int:
        """What to keep beside an owner, for ``barred``: whatever is revoked from now on counts."""
        ...

    def barred(self, owner: Principal, mark: int) -> str | None:
        """Why nothing may go on in the name of an owner any more; None where it may.

        A token that has expired is no reason: it was given for a while, and what its owner left behind was not.

        Args:
            owner: as it was when its token was proven.
            mark: of then.
        """
        ...


class FactStore(Protocol):
    """Small things learned or promised that must survive a restart: split blocks, leases, sequence numbers."""

    def recall(self, kind: str) -> dict[str, Json]:
        """All facts of a kind by key, as they stood at the start or were remembered since."""
        ...

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        """Keep a fact; None forgets it. Returns at once.

        It is on disk within the flush interval; an urgent one (a lease) at once, sharing an fsync with its neighbours.
        """
        ...

    async def settle(self) -> None:
        """Wait until everything remembered so far is on disk, or known to be in memory only."""
        ...


@dataclass(frozen=True, slots=True)
class HistorySample:
    """One point of a tag's history; with a resolution it covers a stretch of time."""

    time: float
    value: Value | None
    quality: str
    clock: str
    minimum: float | None = None
    maximum: float | None = None
    count: int = 1


class History(Protocol):
    """What tags said in the past."""

    async def samples(
        self, tag: str, start: float, end: float, resolution: float | None, limit: int
    ) -> list[HistorySample]:
        """Points of a tag from ``start`` to ``end`` (Unix seconds), oldest first, at most ``limit``.

        Raises:
            GatewayError: UNAVAILABLE, they cannot be read now.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoreState:
    """How the store is, for callers.

    Attributes:
        durable: whether the disk takes data; otherwise history and facts are in memory only.
        written_today: bytes.
        write_budget: bytes a day.
        history: how far history has given way to the budget: everything, seldom, thinned, memory.
        rows_waiting: rows of history that are in memory only.
        oldest_waiting: Unix seconds of the oldest of them; None where there is none.
        connections: that are open to all files of the store; None where that is not known.
    """

    durable: bool
    written_today: int
    write_budget: int
    history: str
    rows_waiting: int = 0
    oldest_waiting: float | None = None
    connections: int | None = None


class Store(Protocol):
    """The store as a whole."""

    def state(self) -> StoreState:
        """How it is now."""
        ...


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What an on-demand Modbus read brought."""

    values: list[int] | list[bool] | None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SerialAnswer:
    """What a raw serial line said."""

    data: bytes | None
    text: str | None
    time: float | None
    clock: str | None
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag as ``tag.list`` shows it.

    Attributes:
        poll_now: the period in force, in seconds: stretched, or shorter than ``poll`` where that is cheaper.
    """

    name: str
    type: str
    units: str | None
    writable: bool
    poll: float | None
    description: str
    missed_deadlines: int
    place: dict[str, Json] = field(default_factory=dict)
    poll_now: float | None = None


@dataclass(frozen=True, slots=True)
class BorrowAnswer:
    """What came of one request of a tool.

    Attributes:
        pdu: the reply, a refusal included; None where none came that can be used.
        reason: one word for programs where there is none.
        message: the same for people.
        seconds: between the end of the request and the start of the reply.
        causes: what went wrong on the way, also before a reply.
        late_possible: the reply may be the late one to an earlier request.
    """

    pdu: bytes | None
    reason: str | None = None
    message: str | None = None
    seconds: float | None = None
    causes: tuple[str, ...] = ()
    late_possible: bool = False


@dataclass(frozen=True, slots=True)
class TrafficRecord:
    """Bytes that went over a line.

    Attributes:
        number: counts up, without holes.
        at: on the run loop's clock, when they were handed over or had arrived.
        sent: by the gateway; otherwise they came.
        data: as on the wire.
    """

    number: int
    at: float
    sent: bool
    data: bytes


class LineTools(Protocol):
    """Lines as a technician's tools see them. Every method raises GatewayError INVALID for a line that is none."""

    def borrow(self, line: str, seconds: float, lease: str | None) -> tuple[str, float]:
        """Have a line for oneself: its polls rest and orders are refused. Returns the lease and its seconds.

        It ends when it is given back, when its time is over, and when nothing was asked for half a minute. With
        ``lease`` one that is held is prolonged.

        Raises:
            GatewayError: UNAVAILABLE while another holds it, or a leased set-point needs the line.
        """
        ...

    def give_back(self, line: str, lease: str) -> None:
        """End a loan; polling goes on.

        Raises:
            GatewayError: INVALID for a lease that is over.
        """
        ...

    async def exchange(self, line: str, lease: str, unit: int, pdu: bytes, patience: float) -> BorrowAnswer:
        """Send one request on a borrowed line and wait ``patience`` seconds for its reply.

        Raises:
            GatewayError: INVALID for a lease that is over, or a request that cannot be sent.
        """
        ...

    def traffic(self, line: str, after: int) -> tuple[list[TrafficRecord], int]:
        """What went over a line since a record, and how many of these were forgotten. Begins to overhear it."""
        ...


class DeviceAccess(LineTools, Protocol):
    """The field side, as callers see it. Reads never wait behind a dead device; writes end in an honest outcome."""

    def lines(self) -> list[dict[str, Json]]:
        """Every line with its state, utilisation and counters."""
        ...

    def devices(self, line: str | None = None) -> list[dict[str, Json]]:
        """Every device with its state, latency and errors by cause."""
        ...

    def tags(self, line: str | None = None, device: str | None = None) -> list[TagRow]:
        """Every tag."""
        ...

    def missed_deadlines(self) -> dict[str, int]:
        """How often each tag was read too late, in the order of ``tags`` and much cheaper."""
        ...

    async def read(self, names: Sequence[str], max_age: float | None) -> list[Reading]:
        """Readings of tags; with ``max_age`` (seconds), older ones are fetched from the device first.

        Raises:
            GatewayError: INVALID for a tag that does not exist.
        """
        ...

    async def write(self, name: str, value: Value, lease: float | None, by: Principal) -> WriteResult:
        """Write one tag; ``by`` is who wants that.

        Raises:
            GatewayError: INVALID for an unknown or read-only tag, or a value that cannot be coded; UNAVAILABLE with
                ``reason`` "conflict" where another caller has the tag.
        """
        ...

    def leases(self) -> list[LeaseInForce]:
        """Every lease that is not settled: those that are owed first, then the one that runs out soonest."""
        ...

    async def modbus_read(self, line: str, unit: int, table: str, address: int, count: int) -> RawAnswer:
        """Read registers or bits of any unit on a line, tag or no tag."""
        ...

    async def modbus_write(  # noqa: PLR0917 - what the protocol asks for, and who asks
        self,
        line: str,
        unit: int,
        table: str,
        address: int,
        values: Sequence[int | bool],
        by: Principal,
    ) -> WriteResult:
        """Write registers or coils of any unit on a line; ``by`` is who wants that.

        Raises:
            GatewayError: UNAVAILABLE with ``reason`` "conflict" where another caller has one of them.
        """
        ...

    def serial_ports(self) -> list[dict[str, Json]]:
        """Serial ports of this board and the lines that own them."""
        ...

    async def serial_read(self, line: str, max_age: float | None) -> SerialAnswer:
        """The last message of a raw serial line."""
        ...

    async def serial_write(self, line: str, data: bytes) -> WriteResult:
        """Send bytes on a raw serial line. Nobody arbitrates: a message is no state that two could fight over."""
        ...


class EventDoor(Protocol):
    """Takes events of others."""

    async def publish(
        self,
        by: Principal,
        peer: str | None,
        type_: str,
        data: Data,
        *,
        routing_key: str | None = None,
        kept: bool = True,
    ) -> Event:
        """Keep an event, then tell it; it is on the disk when this returns. It is noted in the audit log.

        Raises:
            GatewayError: FORBIDDEN, a type of the gateway's own; TOO_MANY, the caller's share of the log is used up;
                UNAVAILABLE, the disk does not take it.
        """
        ...
