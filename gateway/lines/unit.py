"""One unit on a line: its health, its polls, and what was learned of its addresses."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from drivers.modbus.pdu import Refusal, Request, read_bits, read_registers
from drivers.modbus.values import BlockCodec, Decoded, Field, Unusable
from gateway.core.ports import Json
from gateway.core.reading import Reason, Value
from gateway.core.tags import Cell, Tag
from gateway.lines.exchange import Pace
from gateway.lines.fence import NO_LIMITS, Limits, fence, shape, spare
from gateway.lines.health import ALLOWANCE_S, Health, Presence
from gateway.lines.plan import BIT_TABLES, Block, plan
from gateway.lines.schedule import Poll
from gateway.lines.wire import Wire, data_bytes
from gateway.settings.line_model import DeviceSettings, LineSettings, Priority, Table, TagSettings

# Who goes first among equal deadlines: a block goes by the most urgent of its tags.
RANKS: dict[Priority, int] = {"high": 0, "normal": 1, "low": 2}
FUNCTION_OF: dict[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
UNUSABLE: dict[Unusable, Reason] = {
    Unusable.SENTINEL: Reason.NO_VALUE,
    Unusable.NOT_A_NUMBER: Reason.NOT_A_NUMBER,
    Unusable.BAD_TEXT: Reason.BAD_TEXT,
    Unusable.OUT_OF_RANGE: Reason.OUT_OF_RANGE,
    Unusable.BAD_DIGIT: Reason.NOT_A_NUMBER,
}
# What a unit refuses is asked again after this, then after twice as long, up to a longest: some devices refuse all they
# have while they start, others are reconfigured one day.
REFUSED_RETRY_S = 10.0
# Tags that are not fresh after three periods, and never before two seconds: a line may be late once.
STALE_PERIODS = 3.0
STALE_LEAST_S = 2.0
STALE_BACKGROUND_S = 300.0


def usable(decoded: Decoded) -> Value | Reason:
    """What the codec found, with the store's reason where there is no value."""
    if decoded is None:
        return Reason.NO_VALUE
    return UNUSABLE[decoded] if isinstance(decoded, Unusable) else decoded


class BlockPoll(Poll):
    """A block, ready to be sent: nothing is computed for a poll but its answer.

    Attributes:
        size: bytes of data in its answer.
        refusals: exceptions in a row.
        retry: seconds until it is asked again when it is refused.
        proven: whether it was ever answered.
        most_stretch: by how much more a longer read of this block was not refused yet.
        reached: by how much more one was answered.
        vain: how often it was the sign of life that its unit was asked for, since it was last answered.
        pace: when its answers are complete.
        patience: least seconds its answer is given, whatever the unit's other answers take: registers that a device has
            to compute or to fetch can be far slower than their neighbours.
        finished: set when the poll that is under way has had its outcome; made by who wants to wait for it.
        asked: it is read before its turn because a caller asked for it.
    """

    def __init__(self, block: Block, unit: Unit, request: Request, cost: float) -> None:
        super().__init__(block.period, cost, min(RANKS[place.tag.priority] for place in block.places))
        self.block = block
        self.unit = unit
        self.request = request
        self.cells: list[Cell] = [unit.cells[place.tag.name] for place in block.places]
        self.size = data_bytes(block.table, block.count)
        self.refusals = 0
        self.retry = REFUSED_RETRY_S
        self.proven = False
        self.most_stretch = unit.spare(request)
        self.reached = 0
        self.vain = 0
        self.pace = Pace(unit.pace.turnaround)
        self.patience = 0.0
        self.finished: trio.Event | None = None
        self.asked = False
        self._codec = BlockCodec(
            block.count,
            [field_of(place.tag, place.address - block.address) for place in block.places],
            bits=block.table in BIT_TABLES,
        )
        self._payload = b""
        self._values: list[Value | Reason] = []

    def values(self, payload: bytes) -> list[Value | Reason]:
        """What the bytes of an answer say, a value or the reason why there is none for each cell."""
        if payload != self._payload:
            decoded = self._codec.decode(payload)
            if self._codec.always_usable:
                self._values = decoded  # type: ignore[assignment]  # narrower than it says
            else:
                # Nearly all values are usable as they are, and seeing that is cheaper than a call.
                self._values = [
                    usable(value) if value is None or type(value) is Unusable else value  # type: ignore[misc]  # narrows
                    for value in decoded
                ]
            self._payload = payload
        return self._values

    def took(self, turnaround: float) -> None:
        """Its answer took so long: the patience goes up at once, never above the configured bound, and down slowly."""
        enough = min(2 * max(turnaround, 0.0) + ALLOWANCE_S, self.unit.health.bound)
        self.patience = enough if enough > self.patience else self.patience + (enough - self.patience) / 8

    def inherit(self, before: Iterable[BlockPoll]) -> None:
        """Take over what is known of the registers of others, which this one reads from now on."""
        for old in before:
            self.patience = max(self.patience, old.patience)
            self.retry = max(self.retry, old.retry)
            # What was answered for more registers is answered for fewer.
            self.proven = self.proven or (
                old.proven and old.block.address <= self.block.address and self.block.end <= old.block.end
            )

    def release(self) -> None:
        """The poll has had its outcome: whoever waits for it may go on."""
        if self.finished is not None:
            self.finished.set()
            self.finished = None


class Unit:
    """What a line knows of one unit.

    Args:
        number: Modbus unit identifier.
        device: its configuration, or None for a unit that only callers address.
        health: of this unit on this line.
        turnaround: assumed until measured, in seconds.
    """

    def __init__(self, number: int, device: DeviceSettings | None, health: Health, turnaround: float) -> None:
        self.number = number
        self.device = device
        self.health = health
        self.limits = NO_LIMITS if device is None else Limits(device.max_registers, device.max_bits)
        self.pace = Pace(turnaround)
        self.polls: list[BlockPoll] = []
        self.cells: dict[str, Cell] = {}
        self.splits: dict[Table, frozenset[int]] = {}
        # By how much less often its tags of low priority are read than they ask for.
        self.stretch = 1.0
        self.broken = 0
        self.busy = 0
        # Set once a unit has refused function 22, so that bit fields are written by read, modify and write.
        self.no_mask_write = False
        self._found: dict[bytes, tuple[Refusal | None, float]] = {}

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.device.name if self.device is not None else f"unit {self.number}"

    def replan(self, wire: Wire, longest: float | None) -> list[BlockPoll]:
        """Compute this unit's blocks anew from its tags and from what was learned. Returns the new polls."""
        if self.device is None:
            return []
        self.polls = [self._poll(block, wire) for block in self._plan(self.device, wire, longest)]
        return self.polls

    def adapt(self, wire: Wire, longest: float | None) -> list[tuple[BlockPoll, list[BlockPoll]]]:
        """Plan anew, but leave alone what stays as it is. Returns the new polls, each with those it takes over from."""
        if self.device is None:
            return []
        before = {poll.block: poll for poll in self.polls}
        self.polls = [before.get(block) or self._poll(block, wire) for block in self._plan(self.device, wire, longest)]
        kept = {poll.block for poll in self.polls} & before.keys()
        gone = [poll for block, poll in before.items() if block not in kept]
        heirs = []
        for poll in [poll for poll in self.polls if poll.block not in kept]:
            parts = [old for old in gone if any(cell in old.cells for cell in poll.cells)]
            poll.inherit(parts)
            heirs.append((poll, parts))
        return heirs

    def _plan(self, device: DeviceSettings, wire: Wire, longest: float | None) -> list[Block]:
        return plan(device, wire, self.splits, longest, self.stretch)

    def _poll(self, block: Block, wire: Wire) -> BlockPoll:
        bits = block.table in BIT_TABLES
        make = read_bits if bits else read_registers
        request = make(self.number, FUNCTION_OF[block.table], block.address, block.count)
        return BlockPoll(block, self, request, wire.read(block.table, block.count))

    def split(self, table: Table, addresses: Iterable[int]) -> None:
        """Learn that no block may cross these addresses from below."""
        self.splits[table] = self.splits.get(table, frozenset()) | frozenset(addresses)

    def learned(self) -> Json:
        """What was learned, in a form that survives a restart."""
        return {table: sorted(addresses) for table, addresses in self.splits.items()}

    def recall(self, fact: Json) -> None:
        """Take up what an earlier run learned; anything that is not such a fact is ignored."""
        if not isinstance(fact, dict):
            return
        for table in FUNCTION_OF:
            addresses = fact.get(table)
            if isinstance(addresses, list):
                self.split(table, [address for address in addresses if isinstance(address, int)])

    def spare(self, read: Request) -> int:
        """By how many registers (or bytes of bits) a read of this unit may be longer."""
        return spare(read, self.limits)

    def sign_of_life(self) -> Request:
        """What a unit is asked to see whether it is there: the block that was asked for in vain the least often.

        It may be mute to some of its blocks, and a gateway may have no path to them.
        """
        if self.polls:
            poll = min(self.polls, key=lambda poll: (poll.refusals + poll.vain, poll.size))
            poll.vain += 1
            return poll.request
        # A unit without tags: any device answers this, if only with a refusal.
        return read_registers(self.number, FUNCTION_OF["holding"], 0, 1)

    def doubts(self, function: int, now: float) -> bool:
        """Whether a late answer to a request of this function may still come: any refusal of it could be that."""
        return any(open_function == function for open_function, *_ in self.health.open_shapes(now))

    def outstanding(self, request: Request, now: float) -> bool:
        """Whether the answer to this request could be the late one to an earlier request."""
        return shape(request) in self.health.open_shapes(now)

    def find_in_doubt(self, request: Request, refusal: Refusal | None) -> None:
        """A read was refused in doubt: that stands until a reply to it can come no more.

        Args:
            request: the read.
            refusal: what it was refused with; None: no answer to it could be told from a late one.
        """
        self._found[request.pdu] = (refusal, self.health.open_until(shape(request)))

    def found_in_doubt(self, now: float) -> dict[bytes, Refusal | None]:
        """What reads were found to be, in doubt that lasts: see ``find_in_doubt``."""
        self._found = {pdu: (refusal, until) for pdu, (refusal, until) in self._found.items() if until > now}
        return {pdu: refusal for pdu, (refusal, _) in self._found.items()}

    def fence(self, sign: Request, now: float) -> Request:
        """A read that cannot be mistaken for anything asked before, near this sign of life: see ``fence``."""
        reads = [sign, *(poll.request for poll in self.polls)]
        avoid = {shape(read) for read in reads} | self.health.open_shapes(now)
        # Where there is none at all, an answer in doubt shows as well that somebody is there.
        return fence(reads, avoid, self.limits) or sign

    def whole(self, sign: Request, fence: Request, now: float) -> bool:
        """Whether a silent unit is better asked for the sign of life itself, once no late answer to that may come.

        Some devices are mute to all but what they were made for. They are asked for that where the fence asks for more,
        and else every second time.
        """
        if self.health.presence is not Presence.SILENT or shape(sign) in self.health.open_shapes(now):
            return False
        every_second = self.health.misses // max(len(self.polls), 1) % 2 == 1
        return fence.reply_size > sign.reply_size or every_second


def field_of(tag: TagSettings, offset: int) -> Field:
    """How the codec sees a tag that lies ``offset`` registers or bits into a block."""
    return Field(
        offset=offset,
        type=tag.type,
        word_order=tag.word_order,
        byte_order=tag.byte_order,
        byte=tag.byte,
        encoding=tag.encoding,
        bit=tag.bit,
        width=tag.width,
        length=tag.length,
        scale=tag.scale,
        offset_value=tag.offset,
        sentinels=tag.sentinels,
        minimum=tag.minimum,
        maximum=tag.maximum,
    )


def tag_of(line: LineSettings, device: DeviceSettings, tag: TagSettings) -> Tag:
    """The store's view of a configured tag."""
    stale_after = tag.stale_after
    if stale_after is None:
        stale_after = STALE_BACKGROUND_S if tag.poll is None else max(STALE_PERIODS * tag.poll, STALE_LEAST_S)
    return Tag(
        name=f"{line.name}/{device.name}/{tag.name}",
        type=tag.type,
        units=tag.units or None,
        writable=tag.writable and line.writable,
        poll=tag.poll,
        stale_after=stale_after,
        deadband=tag.deadband,
        description=tag.description,
        origin=(
            line.transport,
            line.port,
            line.host,
            line.tcp_port,
            device.unit,
            tag.table,
            field_of(tag, tag.address),
        ),
    )
