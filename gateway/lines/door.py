"""The one door through which tags are written: checks, leases, and the honest outcome."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import structlog
import trio

from gateway.core.errors import Code, GatewayError, invalid
from gateway.core.ports import FactStore, LeaseInForce, Outcome, WriteResult
from gateway.core.principal import Principal
from gateway.core.reading import Reason, Value
from gateway.core.steering import Arbiter
from gateway.lines.bids import MAYBE_THERE, Admission, Everybody, bids_for_tag
from gateway.lines.fence import shape
from gateway.lines.health import Presence
from gateway.lines.leases import Leases, Standing
from gateway.lines.line import Line
from gateway.lines.orders import Writing
from gateway.lines.tagwrite import writing
from gateway.lines.unit import BlockPoll, Unit
from gateway.settings.line_model import DeviceSettings, TagSettings

log = structlog.stdlib.get_logger(__name__)

SHORTEST_LEASE_S = 1.0
LONGEST_LEASE_S = 86400.0
# How long a reload waits for safe values of tags that it takes away.
SETTLE_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a tag is: its line, its unit, its configuration."""

    name: str
    line: Line
    unit: Unit
    tag: TagSettings

    @property
    def poll(self) -> BlockPoll | None:
        """The poll that reads it now."""
        cell = self.unit.cells.get(self.tag.name)
        return next((poll for poll in self.unit.polls if cell in poll.cells), None)

    @property
    def place(self) -> str:
        """What the tag is connected to, in words that survive a restart: the same name elsewhere is another thing."""
        line, tag = self.line.settings, self.tag
        return f"{line.far_end} unit {self.unit.number} {tag.table} {tag.address}"


Find = Callable[[str], Spot | None]


class WriteDoor:
    """Writes tags.

    Args:
        find: where a tag is, or None.
        facts: keeps leases over restarts.
        arbiter: judges between callers who write the same thing; safe values are not asked about.
        released: told of each tag whose lease is over.
    """

    def __init__(
        self,
        find: Find,
        facts: FactStore,
        arbiter: Arbiter | None = None,
        released: Callable[[str], None] | None = None,
    ) -> None:
        self.arbiter: Arbiter = arbiter or Everybody()
        self._released = released or (lambda _: None)
        self._find = find
        self._facts = facts
        self._leases = Leases(facts, trio.current_time())
        self._changed = trio.Event()
        # Tags with a lease that the configuration does not have: each is told of once.
        self._homeless: set[str] = set()
        # How the leases stood before those writes that are on their way: what holds if none of them is sent.
        self._agreed: dict[str, Standing | None] = {}
        # Tags that a reload is taking away: no lease can begin on them.
        self.leaving: frozenset[str] = frozenset()

    async def write(self, name: str, value: Value, lease: float | None, by: Principal | None = None) -> WriteResult:
        """Write one tag.

        Args:
            name: of the tag.
            value: in engineering units.
            lease: seconds until the tag goes back to its safe value unless it is written again.
            by: who wants it written; None: the gateway itself, which is not judged.

        Raises:
            GatewayError: INVALID for a tag that does not exist or may not be written, for a value that cannot be
                coded, and for a lease on a tag without a safe value; UNAVAILABLE for a lease on a tag that a reload
                is taking away, and where the arbiter says that another has the tag.
        """
        spot = self._find(name)
        if spot is None:
            raise invalid("tag", "no such tag; tag.list names them all", name)
        if not spot.line.settings.writable:
            raise invalid("tag", "this tag's line is read-only: the configuration says writable = false for it", name)
        if not spot.tag.writable:
            raise invalid("tag", "this tag is read-only: the configuration does not say writable = true", name)
        device = spot.unit.device
        if device is None:
            raise invalid("tag", "no such tag; tag.list names them all", name)
        order = writing(device, spot.tag, value)
        if lease is not None:
            self._check_lease(spot, device, lease)
        bids = (
            [] if by is None else bids_for_tag(spot.line, device, spot.tag, name=name, value=value, lease=lease, by=by)
        )
        admission = Admission(self.arbiter, bids)
        if lease is not None:
            agreed = self._leases.standing(name)
            self._leases.take(
                name, lease, trio.current_time(), place=spot.place, value=value, by=None if by is None else by.subject
            )
            self._changed.set()
            self._agreed.setdefault(name, agreed)
        order.then = partial(
            self._ended, spot, order, lease, self._leases.standing(name), self._leases.taker(name), admission
        )
        if lease is not None:
            try:
                # The promise must survive a crash that comes right after the write.
                await self._facts.settle()
            except trio.Cancelled:
                order.fail("cancelled", "the caller left before it was sent")
                raise
        spot.line.submit(order)
        await order.done.wait()
        return order.result()

    def _ended(  # noqa: PLR0917 - all that was so when the write began
        self,
        spot: Spot,
        order: Writing,
        lease: float | None,
        mine: Standing | None,
        taker: int | None,
        admission: Admission,
    ) -> None:
        outcome, name = order.result().outcome, spot.name
        admission.over(sent=outcome in MAYBE_THERE)
        # Who took the lease while this write was on its way has the last word on it.
        last = self._leases.taker(name) == taker
        if lease is None:
            if last and outcome is Outcome.CONFIRMED and name in self._leases:
                log.info("lease ended by a write without one", tag=name)
                self._leases.end(name)
                self._released(name)
        elif outcome in {Outcome.CONFIRMED, Outcome.UNKNOWN}:
            if last:
                self._agreed.pop(name, None)
            else:
                self._agreed[name] = mine
        elif last:
            self._leases.put_back(name, self._agreed.pop(name, None), trio.current_time())
            if outcome is Outcome.REFUSED:
                # It may have come back with this very write.
                self.returned(spot.unit)
            self._changed.set()
        if outcome is not Outcome.NOT_SENT and spot.poll is not None:
            spot.line.hurry(spot.poll)

    def _check_lease(self, spot: Spot, device: DeviceSettings, lease: float) -> None:
        if spot.tag.safe is None:
            raise invalid("lease", "this tag has no safe value: set safe = ... in the configuration", lease)
        if not SHORTEST_LEASE_S <= lease <= LONGEST_LEASE_S:
            raise invalid("lease", f"a lease lasts {SHORTEST_LEASE_S:g} to {LONGEST_LEASE_S:g} seconds", lease)
        if spot.name in self.leaving:
            words = "the configuration is being reloaded, and the new one does not have this tag"
            raise GatewayError(Code.UNAVAILABLE, words, details={"retryAfter": 5})

        try:
            writing(device, spot.tag, spot.tag.safe)
        except GatewayError as error:
            words = f"this tag has a safe value that cannot be written: {error.reason}. Correct it in the configuration"
            raise invalid("lease", words, lease) from error

    def leases(self) -> list[LeaseInForce]:
        """See ``DeviceAccess.leases``."""
        now = trio.current_time()
        return sorted(
            (self._in_force(name, now) for name in self._leases.names()), key=lambda lease: lease.seconds_left
        )

    def _in_force(self, name: str, now: float) -> LeaseInForce:
        spot, standing, owed = self._find(name), self._leases.standing(name), self._leases.owed(name, now)
        return LeaseInForce(
            tag=name,
            value=standing.value if standing is not None else None,
            safe_value=spot.tag.safe if spot is not None and not self._moved(spot) else None,
            seconds_left=standing.end - now if standing is not None and not owed else 0.0,
            owed=owed,
            by=self._leases.holder(name),
        )

    def _moved(self, spot: Spot) -> bool:
        """Whether a tag with a lease is connected to something else than when that began."""
        return self._leases.place(spot.name) not in {spot.place, True}

    def holds(self, line: str) -> bool:
        """Whether somebody must be able to renew a lease on this line.

        Nobody can where the device does not answer or the lease has run out: then only the safe value has to go out,
        and that does so although the line is lent.
        """
        now = trio.current_time()
        spots = [self._find(name) for name in self._leases.names() if not self._leases.owed(name, now)]
        return any(
            spot.line.settings.name == line
            and spot.tag.safe is not None
            and spot.unit.health.presence is not Presence.SILENT
            for spot in spots
            if spot is not None
        )

    def returned(self, unit: Unit) -> None:
        """A unit answers that did not: safe values that wait for it follow at once."""
        for name in self._leases.waiting():
            spot = self._find(name)
            if spot is not None and spot.unit is unit:
                self._leases.hasten(name, trio.current_time())
                self._changed.set()

    async def settle(self, names: Iterable[str]) -> None:
        """Put tags back to their safe values now, before the configuration loses them.

        What cannot be written within some seconds waits: it is written when a configuration has the tag again.
        """
        leased = [name for name in names if name in self._leases]
        for name in leased:
            self._leases.settle(name)
        with trio.move_on_after(SETTLE_PATIENCE_S):
            async with trio.open_nursery() as nursery:
                for name in leased:
                    nursery.start_soon(self._make_safe, name)
        for name in leased:
            if self._leases.settling(name):
                self._leases.retry(name, trio.current_time())
        self._changed.set()

    async def run(self) -> None:
        """Put tags back to their safe value when their lease runs out; never returns."""
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                name = self._leases.due(trio.current_time())
                if name is not None:
                    self._leases.settle(name)
                    nursery.start_soon(self._make_safe, name)
                    continue
                end = self._leases.next_end()
                with trio.move_on_at(math.inf if end is None else end):
                    await self._changed.wait()

    def _settled(self, spot: Spot, order: Writing, taker: int | None) -> None:
        """What a try to write a safe value came to: there may be two at a time, and a renewal may have come between."""
        name, now, result = spot.name, trio.current_time(), order.result()
        if name in self._leases and not self._leases.owed(name, now):
            log.info("lease renewed while its safe value was written", tag=name)
        elif result.outcome is Outcome.CONFIRMED and name in self._leases and self._leases.taker(name) == taker:
            log.info("lease over, safe value written", tag=name, value=spot.tag.safe)
            self._leases.end(name)
            self._released(name)
        elif self._leases.settling(name):
            log.warning("lease over, safe value not confirmed", tag=name, outcome=result.outcome, reason=result.reason)
            # Asked again while its acknowledgement could be an earlier one's, it would be in doubt for ever.
            doubted = result.reason == Reason.LATE_POSSIBLE
            self._leases.retry(name, now, spot.unit.health.open_until(shape(order.request)) if doubted else now)
            self._changed.set()

    def _order_of_safe_value(self, name: str) -> tuple[Spot, Writing] | None:
        """The write of a tag's safe value; None where the configuration leaves none to write, which is told once."""
        spot, cure = self._find(name), "the lease is settled once the tag is back, with safe = ..."
        device = spot.unit.device if spot is not None else None
        if spot is not None and device is not None and spot.tag.safe is not None and not self._moved(spot):
            try:
                order = writing(device, spot.tag, spot.tag.safe)
            except GatewayError as error:
                cure = f"its safe value cannot be written: {error.reason}; the lease is settled once that is corrected"
            else:
                self._homeless.discard(name)
                order.owed = True
                return spot, order
        if name not in self._homeless:
            self._homeless.add(name)
            log.error(
                "lease over, but the configuration has no safe value for this tag any more, or has it elsewhere",
                tag=name,
                place=self._leases.place(name),
                cure=f"see to the device itself; {cure}",
            )
        return None

    async def _make_safe(self, name: str) -> None:
        found = self._order_of_safe_value(name)
        if found is None:
            # What was promised is kept in mind: the next configuration may have the tag again, and its safe value.
            self._leases.retry(name, trio.current_time())
            self._changed.set()
            return
        spot, order = found
        taker = self._leases.taker(name)
        spot.line.submit(order)
        await order.done.wait()
        self._settled(spot, order, taker)
        if spot.poll is not None:
            spot.line.hurry(spot.poll)
