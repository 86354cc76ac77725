"""The checks: no wrong value good, no stale value fresh, deadlines kept, silence paid within its share."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence

import trio

from gateway.core.bus import Cut, Subscription
from gateway.core.reading import Quality, Reading
from gateway.core.tags import Changes
from gateway.lines.health import MISSES_UNTIL_SILENT, PROBE_STEP_S
from gateway.lines.polling import Polling
from tests.sim.callers import Caller
from tests.sim.site import RECOVERY_S, Site, SiteLine
from tests.sim.truth import Point, span

LOOK_EVERY_S = 0.5
ROUNDING_S = 1e-6
# Healthy devices must be good for this share of the looks outside of excused times; on a line with late devices or
# noise some of their answers are lost at any time.
AVAILABLE, AVAILABLE_IN_TROUBLE = 0.995, 0.9
# One look a second at the wall clock, as the gateway does it.
CLOCK_LOOK_S = 1.0
# A probe may wait so long for room between the deadlines.
PROBE_PATIENCE_S = 5.0
# A device that has been answering is given up after this much of the configured time-out, at most.
USUAL_TIMEOUT = 0.25


class Watch:
    """Looks at everything, all the time."""

    def __init__(self, site: Site, callers: Sequence[Caller], kept: Mapping[str, deque[Reading]]) -> None:
        """Args: kept: changes of these tags are kept, to be compared with their history."""
        self.site = site
        self._callers = callers
        self.verified: dict[str, int] = {}
        self.readings = 0
        self.changes = 0
        self.looks = 0
        self._last: dict[str, Reading] = {}
        self._missed: dict[str, int] = {}
        self._good: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._budgets: dict[str, tuple[Polling, float, float]] = {}
        self._kept = kept

    async def listen(self, subscription: Subscription[Changes]) -> None:
        """Verify every change as it is published."""
        try:
            while True:
                for reading in (await subscription.receive()).readings:
                    self.changes += 1
                    sample = reading.sample
                    self.site.note(
                        f"{reading.tag} {reading.value!r} {reading.quality} {reading.reason} "
                        f"{sample.acquired if sample else None!r}"
                    )
                    kept = self._kept.get(reading.tag)
                    if kept is not None:
                        kept.append(reading)
                    self.verify(reading)
        except Cut:
            self.site.broken("the watch", "was cut off the changes: its queue is too short")

    async def look(self) -> None:
        """Look at all tags and lines, twice a second."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            self.looks += 1
            now = trio.current_time()
            present = self.site.store.snapshot()
            if len(present) != len(self._last):
                # A reload took tags away; one that comes back starts anew.
                names = {reading.tag for reading in present}
                self._last = {tag: reading for tag, reading in self._last.items() if tag in names}
            for reading in present:
                self._look_at(reading, now)
            for line in self.site.site_lines.values():
                self._look_at_line(line, now)
            for caller in self._callers:
                caller.look(now)

    # One reading

    def verify(self, reading: Reading) -> None:
        """A value must come from its device, from its address, and from the time it claims."""
        sample = reading.sample
        if reading.quality is Quality.BAD:
            if reading.value is not None:
                self.site.broken(reading.tag, f"is bad and has the value {reading.value!r}")
            return
        if sample is None or reading.value is None:
            self.site.broken(reading.tag, f"is {reading.quality} without value or time")
            return
        if reading.quality is not Quality.GOOD or self.verified.get(reading.tag) == sample.sequence:
            return
        self.verified[reading.tag] = sample.sequence
        self.readings += 1
        point = self.site.plant.points[reading.tag]
        witness = self.site.site_lines[point.line].witness
        exchange = witness.before(sample.acquired)
        if (
            exchange is None
            or exchange.unit != point.device.unit
            or not exchange.covers(point.tag.table, point.tag.address, span(point.tag))
            or sample.acquired not in exchange.received
        ):
            self.site.broken(reading.tag, f"claims to be acquired at {sample.acquired:.6f}, when nobody asked for it")
            return
        if not point.could_be(reading.value, exchange.sent, sample.acquired):
            held = point.device.candidates(point.tag, exchange.sent, sample.acquired)
            self.site.broken(
                reading.tag,
                f"is good with {reading.value!r}, asked at {exchange.sent:.6f} and acquired at {sample.acquired:.6f}; "
                f"the device held {held!r}; {_elsewhere(point, reading)}",
            )

    def _look_at(self, reading: Reading, now: float) -> None:
        tag, sample = reading.tag, reading.sample
        cell = self.site.store.cell(tag)
        before = self._last.get(tag)
        self._last[tag] = reading
        self.verify(reading)
        if cell is None:
            return
        if reading.quality is Quality.GOOD and sample is not None:
            if now - sample.acquired > cell.tag.stale_after + ROUNDING_S:
                self.site.broken(tag, f"is good at the age of {now - sample.acquired:.3f} s")
            self._check_clock(reading)
        if before is not None and before.sample is not None:
            if sample is None or sample.acquired < before.sample.acquired:
                self.site.broken(tag, "went back in time")
            elif sample.sequence == before.sample.sequence and (sample, reading.last_value) != (
                before.sample,
                before.last_value,
            ):
                self.site.broken(tag, "changed without a new acquisition")
        line, member = self.site.member(tag)
        missed, self._missed[tag] = cell.missed - self._missed.get(tag, 0), cell.missed
        if member.healthy and now > line.excused_until:
            if self.site.plant.points[tag].tag.priority != "low":
                # One that is read less often than its value stays fresh is stale, and says so.
                good = self._good[tag]
                good[0] += reading.quality is Quality.GOOD
                good[1] += 1
            if missed > 0 and line.plan.sketch.strict and not line.surprised(now) and not line.crowded(now):
                self.site.broken(tag, "missed its deadline although no answer was lost but those of silent devices")
        self._check_silent(reading, line, now)

    def _check_silent(self, reading: Reading, line: SiteLine, now: float) -> None:
        """The tags of a device that went silent are bad soon.

        The bound follows from the design: the next poll is lost, and so are the two probes behind it, with a pause
        between them. Each waits until the budget covers it: what was lost before it, and what another unit has just
        lost. Devices in doubt go before silent ones.
        """
        point = self.site.plant.points[reading.tag]
        unit = point.device.unit
        since = line.trouble_since.get(unit)
        if since is None or line.members[unit].role not in {"silent", "leaver"} or not line.plugged:
            return
        since = max(since, line.plugged_since)
        if reading.quality is not Quality.BAD:
            line.slowest_silence = max(line.slowest_silence, (now - since) / self.silence_bound(line, unit))
        if reading.quality is Quality.BAD or now - since <= self.silence_bound(line, unit):
            return
        self.site.broken(
            reading.tag,
            f"is {reading.quality} {now - since:.1f} s after its device fell silent; "
            f"{self.silence_bound(line, unit):.1f} s are allowed",
        )

    @staticmethod
    def silence_bound(line: SiteLine, unit: int) -> float:
        settings = line.settings
        polls = [tag.poll for device in settings.devices if device.unit == unit for tag in device.tags if tag.poll]
        probe = USUAL_TIMEOUT * settings.timeout + 0.1
        # A line that was plugged in meanwhile is opened first.
        opening = settings.reconnect_max * 1.2 if line.plugged_since >= line.trouble_since[unit] else 0.0
        waits = (MISSES_UNTIL_SILENT - 1) * (probe / settings.silent_share + PROBE_PATIENCE_S) + PROBE_STEP_S
        lost = MISSES_UNTIL_SILENT * settings.timeout
        return min(polls) + lost + waits + probe / settings.silent_share + opening

    def _check_clock(self, reading: Reading) -> None:
        """Wall times are those the clock showed, and after the first synchronisation those it should have shown."""
        clock, sample = self.site.clock, reading.sample
        if sample is None:
            return
        known = clock.synchronised_at
        if known is not None and sample.acquired <= known:
            if trio.current_time() > known + CLOCK_LOOK_S:
                right = next(offset for at, offset in clock.steps if at == known)
                if abs(sample.wall - sample.acquired - right) > ROUNDING_S or sample.era.clock != "synchronised":
                    self.site.broken(reading.tag, "keeps a time from before the clock was synchronised")
            return
        shown = [offset for at, offset in clock.steps if at <= sample.acquired]
        recent = [offset for at, offset in clock.steps if sample.acquired - CLOCK_LOOK_S <= at <= sample.acquired]
        allowed = {shown[-1], *([shown[-1 - len(recent)]] if 0 < len(recent) < len(shown) else [])}
        if not any(abs(sample.wall - sample.acquired - offset) <= ROUNDING_S for offset in allowed):
            self.site.broken(reading.tag, f"has the wall time {sample.wall:.3f}, which no clock showed")

    # One line

    def _look_at_line(self, line: SiteLine, now: float) -> None:
        running = self.site.lines.get(line.name)
        if running is None:
            return
        polling = line.line.polling
        known = self._budgets.get(line.name)
        if known is None or known[0] is not polling:
            known = self._budgets[line.name] = (polling, now, line.witness.lost)
        _, began, lost_before = known
        settings = line.settings
        elapsed = now - began + LOOK_EVERY_S
        # What was saved up, and one unasked loss of each device: that it has gone is found by asking it.
        probe = polling.wire.lost(settings.timeout)
        allowed = settings.silent_share * elapsed + max(1.0, settings.timeout) + probe * len(settings.devices)
        # What was lost while nobody was there costs nobody anything.
        allowed += polling.budget.uncharged
        lost_on_wire = line.witness.lost - lost_before
        if max(polling.budget.lost, lost_on_wire) > allowed:
            self.site.broken(
                f"line {line.name}",
                f"lost {polling.budget.lost:.3f} s ({lost_on_wire:.3f} s on the wire) in {elapsed:.1f} s; "
                f"{allowed:.3f} s are allowed",
            )

    def finish(self) -> None:
        """What only the whole run can show."""
        for tag, (good, looks) in self._good.items():
            line, _ = self.site.member(tag)
            share = AVAILABLE if line.quiet else AVAILABLE_IN_TROUBLE
            if looks * LOOK_EVERY_S > RECOVERY_S and good < share * looks:
                self.site.broken(tag, f"is healthy, but was good at {good} of {looks} looks only")


def _elsewhere(point: Point, reading: Reading) -> str:
    """Where such a value would have come from: the same place at another time, for a start."""
    end = reading.sample.acquired if reading.sample is not None else 0.0
    for back in range(1, 300):
        start = end - 0.1 * back
        if start > 0 and point.could_be(reading.value if reading.value is not None else 0, start, start):
            return f"it held that {0.1 * back:.1f} s before"
    return "it held that at no time in the last 30 s"
