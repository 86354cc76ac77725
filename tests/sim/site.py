"""The plant in operation: its lines on simulated wires, the product above them, and the clock on the wall."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from dataclasses import dataclass, field

import trio

from drivers.ports.port import Port
from drivers.simulated.bus import NetworkBus, SerialBus
from drivers.simulated.memory_port import MemoryLine
from drivers.simulated.stations import LineEvent
from drivers.simulated.wire import Delivery, NetworkWire
from gateway.core.tags import TagStore
from gateway.lines.exchange import Talk
from gateway.lines.feasibility import judge
from gateway.lines.fieldside import FieldSide
from gateway.lines.line import Line, Opener
from gateway.lines.lines import Lines
from gateway.lines.opener import talk_on
from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings
from gateway.storage import Storage
from tests.sim.plant import Member, Plant, PlantLine
from tests.sim.tap import Exchange, Tap, Witness

# A line that was started, plugged in again or disturbed gets so long to find all its devices again.
RECOVERY_S = 20.0
DISTURBANCES = frozenset({"noise", "collision", "unheard", "merged", "late", "unplugged", "replugged"})
# What befalls all units of a line at once.
WIDE = frozenset({"unplugged", "replugged"})
LOSSES = DISTURBANCES | {
    "silent", "lost", "corrupt", "truncated", "wrong_unit", "wrong_function", "noise_before", "duplicate",
    "no_such_unit", "reload", "busy",
}  # fmt: skip
# Answers that fail to come without warning; what their time-outs cost is made up for in the time that a line has to
# spare, a quarter at least.
SURPRISES = DISTURBANCES | {"lost", "corrupt", "truncated", "noise_before"}
BACKLOG_TIMEOUTS = 2.0
LEAST_MEMORY_S = 10.0
BEHIND_S = 0.1
# Two writes so close to each other can both have waited behind one probe, and be seen half a second later.
CROWD_S = 2.0
SEEN_LATE_S = 0.5
WRITES = frozenset({5, 6, 15, 16, 22})
LOSING = frozenset({"leaver", "noisy"})
TRUE_TIME = 1_779_444_000.0
FIRST_TIME = 86_400.0 * 365 * 30


class Violation(AssertionError):  # noqa: N818 - what it is, not an error of the test
    """The product broke a promise."""


class WallClock:
    """The system clock of the board, and what it has shown."""

    def __init__(self) -> None:
        self._offset = FIRST_TIME
        self.is_synchronised = False
        self.synchronised_at: float | None = None
        self.steps: deque[tuple[float, float]] = deque([(0.0, FIRST_TIME)], maxlen=16)

    def now(self) -> float:
        return trio.current_time() + self._offset

    def synchronised(self) -> bool:
        return self.is_synchronised

    def step(self, error: float, *, synchronised: bool) -> None:
        """Set the clock to true time plus an error."""
        now = trio.current_time()
        self._offset = TRUE_TIME + error
        if synchronised and not self.is_synchronised:
            self.is_synchronised, self.synchronised_at = True, now
        self.steps.append((now, self._offset))


class PromptBus(NetworkBus):
    """A TCP server that works on requests side by side: late replies come behind those to later requests."""

    def send(self, data: bytes, now: float) -> None:
        self._stream += data
        while (frame := self._stations.framing.split(self._stream)) is not None:
            at = now + self._wire.latency_s
            for emission in self._stations.hear(frame, at):
                at += emission.after_s
                self._inbox.put(Delivery(at + self._wire.latency_s, emission.data))


class SiteLine:
    """One line in operation, with what the checks need to know of it."""

    def __init__(self, site: Site, plan: PlantLine) -> None:
        self.site = site
        self.plan = plan
        self.name = plan.name
        self.members = {member.device.unit: member for member in plan.members}
        self.memory = MemoryLine(
            [member.device for member in plan.members if member.role != "absent"],
            plan.wire,
            framing={"tcp": "tcp", "ascii": "ascii"}.get(plan.settings.transport, "rtu"),  # type: ignore[arg-type]  # literals
            wire_faults=plan.wire_faults,
            seed=site.seed,
            record=self._record,
            name=plan.name,
            epoch=0.0,
        )
        if plan.sketch.prompt and isinstance(plan.wire, NetworkWire):
            self.memory._bus = PromptBus(plan.wire, self.memory.stations)
        self.witness = Witness(plan.settings.transport, self._closed)
        self.settings = plan.settings
        self.excused_until = RECOVERY_S
        self.plugged = True
        self.trouble_since: dict[int, float] = {}
        self.well_since: dict[int, float] = {}
        self.losses: dict[int, float] = {}
        self.heard: dict[int, float] = {}
        self.surprised_at = -1e9
        self.slowest_silence = 0.0
        self._unasked: set[int] = set()
        self.plugged_since = 0.0
        self.worst: dict[tuple[int, int, int], float] = {}
        self.exchanges = 0
        self.wrote: deque[float] = deque(maxlen=2)
        self.answered_at: dict[tuple[int, int, int], float] = {}
        self.expect(plan.settings)

    def expect(self, settings: LineSettings) -> None:
        """Take over a configuration: what may be expected of the line follows from it."""
        self.settings = settings
        self.answered_at.clear()
        self.heard.clear()
        verdict = judge(settings)
        # Orders are not in the verdict: a write and its read-back go before the polls.
        more = 2 * max(planned.cost for planned in verdict.blocks)
        if any(member.role in LOSING for member in self.members.values()):
            # Nor is an answer that is lost without warning; it costs a time-out.
            more += Wire.of(settings).lost(settings.timeout)
        self.ages: dict[tuple[int, int, int], float] = {}
        for planned in verdict.blocks:
            age = planned.age(silent=True)
            if age is not None and self.members[planned.device.unit].healthy:
                function = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}[planned.block.table]
                self.ages[planned.device.unit, function, planned.block.address] = age + more

    def memory_s(self, unit: int) -> float:
        """Seconds for which a lost answer can make others doubtful: as long as it may be late, and once more."""
        running = self.site.lines.get(self.name)
        if not isinstance(running, Line):
            # In the middle of a reload.
            return max(LEAST_MEMORY_S, 8.0 * self.settings.timeout)
        return max(LEAST_MEMORY_S, 2.0 * running.polling.unit(unit).health.quarantine)

    @property
    def line(self) -> Line:
        line = self.site.lines.get(self.name)
        assert isinstance(line, Line)
        return line

    # What happens

    def troubled(self, unit: int) -> None:
        self.trouble_since[unit] = trio.current_time()
        self.well_since.pop(unit, None)
        self.heard.pop(unit, None)
        self._unasked.add(unit)

    def well(self, unit: int) -> None:
        self.trouble_since.pop(unit, None)
        self.well_since[unit] = trio.current_time()

    def surprised(self, now: float) -> bool:
        """Whether an answer was lost so shortly ago that nobody can have made up for the time it cost yet.

        What is missed is seen at the next look only, up to half a second later.
        """
        return now - self.surprised_at < BACKLOG_TIMEOUTS * self.settings.timeout + SEEN_LATE_S

    @property
    def quiet(self) -> bool:
        """Whether nothing troubles this line but devices that are silent for good, or refuse: no deadline is missed."""
        return self.plan.sketch.strict and not any(member.role in LOSING for member in self.members.values())

    def unplug(self) -> None:
        self.memory.unplug()
        self.plugged = False
        self.heard.clear()
        self.excuse(1e9)

    def replug(self) -> None:
        self.memory.replug()
        self.plugged = True
        now = self.plugged_since = trio.current_time()
        self.excused_until = now + self.settings.reconnect_max * 1.2 + RECOVERY_S

    def opened_anew(self) -> None:
        """Its port was closed and opened by decision: its devices prove themselves again, as after a plug."""
        self.heard.clear()
        self.plugged_since = trio.current_time()
        self.excuse(RECOVERY_S)

    def crowded(self, now: float) -> bool:
        """Whether several orders came at once: a probe leaves room for one, and they go before the polls."""
        return len(self.wrote) == 2 and now - self.wrote[0] < CROWD_S

    def excuse(self, seconds: float) -> None:
        self.excused_until = max(self.excused_until, trio.current_time() + seconds)

    def reachable_since(self, unit: int) -> float | None:
        """Since when nothing stands between the line and a unit; None while something does."""
        if not self.plugged or unit in self.trouble_since or self.members[unit].role == "absent":
            return None
        return max(self.plugged_since, self.well_since.get(unit, 0.0))

    def heard_since(self, unit: int) -> float | None:
        """When a unit that is within reach was heard first since it is; None before."""
        return self.heard.get(unit)

    def last_loss(self, unit: int) -> float:
        """When the wire lost, damaged or delayed anything of a unit, or of all."""
        return max(self.losses.get(unit, -1.0), self.losses.get(0, -1.0))

    def _record(self, event: LineEvent) -> None:
        kind = event.kind
        self.site.tally[kind] += 1
        if event.at > trio.current_time() + BEHIND_S:
            # A server that works on one request after the other is behind: this one waits for an earlier one.
            self.losses[0] = event.at
            self.excused_until = max(self.excused_until, event.at + RECOVERY_S)
        if kind in LOSSES:
            # Whom a late answer or noise hits on a line full of them cannot be told from outside.
            wide = kind in WIDE or (kind in DISTURBANCES and not self.plan.sketch.strict)
            self.losses[0 if wide else event.unit] = event.at
            if kind in DISTURBANCES:
                self.excused_until = max(self.excused_until, event.at + RECOVERY_S)
                victim = self.witness.before(event.at)
                if kind not in WIDE and victim is not None:
                    self.losses[victim.unit] = max(event.at, self.losses.get(victim.unit, -1.0))
            if kind in SURPRISES or (kind == "silent" and event.unit in self._unasked):
                # The first poll that a device that has gone does not answer; from then on it is probed.
                self.surprised_at = event.at
                self._unasked.discard(event.unit)
        if kind == "gap_violation" and not self._was_unheard(event.at):
            self.site.broken(
                f"line {self.name}", f"a request left {event.at:.6f} before the line had been silent long enough"
            )

    def _was_unheard(self, at: float) -> bool:
        """Whether somebody had begun to talk so shortly before that no master could have heard it."""
        bus = self.memory._bus
        if not isinstance(bus, SerialBus):
            return False
        hearable = 1.01 * bus._wire.character_s + (bus._wire.chunking.latency_s if bus._wire.chunking else 0.0)
        return any(0.0 <= at - talk.start < hearable for talk in bus._talks)

    def _closed(self, exchange: Exchange) -> None:
        """Measure how long the values of a block had to wait for new ones."""
        self.exchanges += 1
        if exchange.function in WRITES:
            self.wrote.append(exchange.sent)
        if not exchange.received:
            member = self.members.get(exchange.unit)
            if member is not None and member.role == "late":
                # Its turnaround is as uneven as its answers are late: no answer in the measured time is a loss as well,
                # and behind a serial server those that were asked after it wait for it.
                victim = exchange.unit if self.plan.sketch.strict else 0
                self.losses[victim] = max(trio.current_time(), self.losses.get(victim, -1.0))
            return
        reachable = self.reachable_since(exchange.unit)
        if reachable is not None and exchange.sent >= reachable:
            self.heard.setdefault(exchange.unit, exchange.received[-1])
        key = (exchange.unit, exchange.function, exchange.address)
        limit = self.ages.get(key)
        if limit is None:
            return
        now = exchange.received[-1]
        last = self.answered_at.get(key)
        self.answered_at[key] = now
        if last is None or last < self.excused_until:
            return
        age = now - last
        self.worst[key] = max(self.worst.get(key, 0.0), age / limit)
        if age > limit and self.plan.sketch.strict:
            self.site.broken(
                f"line {self.name} unit {exchange.unit} function {exchange.function} address {exchange.address}",
                f"not read for {age:.3f} s; the feasibility check promised {limit:.3f} s",
            )

    def opener(self, settings: LineSettings) -> Opener:
        async def open_line() -> tuple[Port, Talk]:
            tap = Tap(await self.memory.open(), self.witness)
            return tap, talk_on(settings, tap)

        return open_line


@dataclass(eq=False)
class Site:
    """Everything that is in operation."""

    seed: int
    minutes: float
    plant: Plant
    clock: WallClock
    store: TagStore
    storage: Storage
    tally: Counter[str] = field(default_factory=Counter)
    site_lines: dict[str, SiteLine] = field(default_factory=dict)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        for plan in self.plant.lines:
            self.site_lines[plan.name] = SiteLine(self, plan)
        self.lines = Lines(self.store, self.storage.facts, self._announce, make_opener=self._opener)
        self.field = FieldSide(self.lines, self.store)
        self.violation: Violation | None = None
        self.over = trio.CancelScope()

    def _opener(self, settings: LineSettings) -> Opener:
        return self.site_lines[settings.name].opener(settings)

    def _announce(self, type_: str, data: dict[str, object]) -> None:
        del data
        self.tally[type_] += 1

    def note(self, line: str) -> None:
        """Take something into the digest of the run."""
        self.digest.update(f"{trio.current_time()!r} {line}\n".encode())

    def member(self, name: str) -> tuple[SiteLine, Member]:
        """Line and device of a tag."""
        point = self.plant.points[name]
        line = self.site_lines[point.line]
        return line, line.members[point.device.unit]

    def broken(self, what: str, why: str) -> None:
        """A promise is broken: keep the first one, and end the run.

        Nothing is raised here: this is called from inside the product, which survives what its parts raise.
        """
        if self.violation is None:
            self.violation = Violation(
                f"seed {self.seed}, {trio.current_time():.3f} s: {what}: {why}\n"
                f"replay: python -m tests.drill sim --seed {self.seed} --minutes {self.minutes:g}"
            )
            self.over.cancel()
