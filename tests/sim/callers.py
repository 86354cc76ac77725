"""Callers who write set-points, with and without leases, and check that they are told the truth."""

from __future__ import annotations

from itertools import count
from random import Random

import trio

from gateway.core.errors import GatewayError
from gateway.core.ports import Outcome, WriteResult
from gateway.core.reading import Value
from tests.sim.site import Site, SiteLine
from tests.sim.truth import Point, same

PAUSE_S = (1.0, 6.0)
# A read whose answer may be another one's may leave its own behind. So orders that follow each other within the time a
# reply can be late hand a doubt on; callers here do that some times in a row, and never for long.
HANDED_ON = 3.0
# An order expires after ten seconds, and what is under way takes some time-outs more.
LONGEST_WRITE_S = 20.0
# Who writes to a device that was never heard asks it for a quarter of a second, out of turn: polls may be late for it.
STRANGER_S = 1.0
# A device has its safe value this soon after the end of the lease, or after it was heard again: the write goes first.
SAFE_SOON_S = 2.0
# Where the wire lost something on the way: tries are up to 15 s apart, counted from the last loss.
SAFE_AT_LAST_S = 20.0


class Caller:
    """Writes the tags of one line, one after the other, for ever."""

    def __init__(self, site: Site, line: SiteLine) -> None:
        self._site = site
        self._line = line
        self._rng = Random(f"{site.seed}/caller/{line.name}")
        self._numbers = count(1)
        self._points = [point for point in site.plant.points.values() if point.line == line.name and point.tag.writable]
        self._leases: dict[str, float] = {}
        self._written: dict[str, Value] = {}

    async def run(self) -> None:
        rng = self._rng
        while self._points:
            await trio.sleep(rng.uniform(*PAUSE_S))
            point = rng.choice(self._points)
            # A tag with a lease goes on with leases: whoever writes without one ends them.
            leased = point.tag.safe is not None and point.tag.name == "setpoint"
            await self._write(point, self._value(point), rng.uniform(1.0, 15.0) if leased else None)

    def _value(self, point: Point) -> Value:
        if point.tag.type == "bool":
            return self._rng.random() < 0.5
        number = next(self._numbers)
        return 1000 + number % 60_000 if point.tag.type == "uint16" else 100_000 + number

    async def _write(self, point: Point, value: Value, lease: float | None) -> None:
        site, began = self._site, trio.current_time()
        stranger = self._line.members[point.device.unit].role in {"silent", "absent"}
        if stranger:
            self._line.excuse(STRANGER_S)
        try:
            result = await site.field.write(point.name, value, lease)
        except GatewayError as error:
            site.broken(point.name, f"a write of {value!r} was refused as invalid: {error}")
            return
        now = trio.current_time()
        if stranger:
            self._line.excuse(STRANGER_S)
        site.tally[f"write:{result.outcome}"] += 1
        site.note(f"write {point.name} {value!r} {result.outcome} {result.reason}")
        if now - began > LONGEST_WRITE_S:
            site.broken(point.name, f"a write took {now - began:.1f} s to end")
        self._judge(point, value, result, began, now)
        if lease is not None and result.outcome in {Outcome.CONFIRMED, Outcome.UNKNOWN}:
            self._leases[point.name] = began + lease

    def _judge(self, point: Point, value: Value, result: WriteResult, began: float, now: float) -> None:
        """Compare what the caller was told with what the device did."""
        executed = any(same(value, made) for made in point.device.writes(point.tag, began, now))
        outcome = result.outcome
        told = f"a write of {value!r} begun at {began:.3f} was called {outcome} ({result.reason}: {result.message})"
        if outcome is Outcome.CONFIRMED and not executed:
            self._site.broken(point.name, f"{told}, but the device never executed it")
        if outcome in {Outcome.REFUSED, Outcome.NOT_SENT} and executed:
            self._site.broken(point.name, f"{told}, but the device executed it")
        memory = self._line.memory_s(point.device.unit)
        if result.reason == "not_read_back":
            memory *= HANDED_ON
        if outcome is Outcome.UNKNOWN and self._line.last_loss(point.device.unit) < began - memory:
            self._site.broken(point.name, f"{told}, but the wire lost nothing")

    def look(self, now: float) -> None:
        """Leases that ran out: the device must hold the safe value soon."""
        if self._site.lines.get(self._line.name) is None:
            # In the middle of a reload.
            return
        for name, end in list(self._leases.items()):
            point = self._site.plant.points[name]
            line, unit = self._line, point.device.unit
            reachable, heard = line.reachable_since(unit), line.heard_since(unit)
            safe = point.tag.safe
            if reachable is None or heard is None or safe is None or now <= end:
                continue
            since, loss = max(end, heard), line.last_loss(unit)
            due = since + SAFE_SOON_S if loss < since - line.memory_s(unit) else max(since, loss) + SAFE_AT_LAST_S
            if now <= due:
                continue
            held = point.device.candidates(point.tag, max(end, reachable), now)
            if not any(same(value, safe) for value in held):
                self._site.broken(
                    name,
                    f"its lease ended at {end:.3f} and its device was heard since {heard:.3f}, "
                    f"but it held {held!r} since, and not the safe value {safe!r}",
                )
            self._site.tally["lease:safe"] += 1
            del self._leases[name]
