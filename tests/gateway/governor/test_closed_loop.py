"""Both levels that relieve a line, and the judge over them, on a line with polls and callers, for a day."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from gateway.core.roster import AgentCounts
from gateway.governor.actions import Mode
from gateway.governor.arbitration import Arbitration
from gateway.governor.coordination import Coordination
from gateway.governor.governors import Pulse
from gateway.governor.level import LevelName
from gateway.governor.meta import Meta
from gateway.governor.operational import Operational
from tests.gateway.governor.bench import Bench

HOUR = 3600
MINUTE = 60


@dataclass(frozen=True)
class Load:
    """Shares of a line's time: what polls of normal and of low priority take unstretched, and what callers ask for."""

    normal: float = 0.0
    low: float = 0.0
    asked: float = 0.0

    @property
    def feasible(self) -> bool:
        """Whether some stretch and bound let all deadlines be kept, with room to spare."""
        return self.normal + self.low / 8 + min(self.asked, 0.05) <= 0.9


@dataclass
class Line:
    """One line by the second: callers first, then polls; what has no time left misses its deadline.

    Attributes:
        missing: seconds in which deadlines were missed though they need not have been.
    """

    bench: Bench
    missed: int = 0
    missing: int = 0
    busy: deque[float] = field(default_factory=lambda: deque(maxlen=MINUTE))
    asked: deque[float] = field(default_factory=lambda: deque(maxlen=MINUTE))

    def __post_init__(self) -> None:
        bench = self.bench
        self.operational = Operational(bench.field, bench.door, bench.alerts, bench.wall)
        self.arbitration = Arbitration(lambda: bench.now, lambda _: None)
        self.coordination = Coordination(
            steering=bench.field,
            door=bench.door,
            alerts=bench.alerts,
            arbitration=self.arbitration,
            agents=AgentCounts,
        )
        self.pulses = {level.name: Pulse(level) for level in (self.operational, self.coordination)}
        self.meta = Meta(bench.door, bench.alerts, lambda: self.pulses, bench.mode)
        self.moment(Load())

    def moment(self, load: Load) -> None:
        line = self.bench.field.lines.get("bus")
        stretch = 1.0 if line is None else line.stretch
        bound = None if line is None else line.on_demand_bound
        asked = min(load.asked, 1.0 if bound is None else bound)
        polls = load.normal + load.low / stretch
        late = asked + polls > 1.0
        self.missed += 3 * late
        self.missing += late and load.feasible
        self.busy.append(min(asked + polls, 1.0))
        self.asked.append(asked)
        self.bench.field.line(
            utilisation=sum(self.busy) / len(self.busy),
            on_demand=sum(self.asked) / len(self.asked),
            missed=self.missed,
            stretchable=10,
        )

    def run(self, loads: Iterator[Load] | list[Load]) -> None:
        for load in loads:
            self.bench.field.now += 1
            now = self.bench.now
            self.operational.tick(now)
            self.coordination.tick(now)
            for pulse in self.pulses.values():
                pulse.ticked = now
            if round(now) % 5 == 0:
                self.meta.tick(now)
            self.moment(load)

    def done(self, since: float = 0.0) -> int:
        return sum(action.at >= since for action in self.bench.door.moves())


def steady(load: Load, seconds: int) -> list[Load]:
    return [load] * seconds


def bursts(quiet: Load, burst: Load, period: int, length: int, seconds: int) -> Iterator[Load]:
    for second in range(seconds):
        yield burst if second % period < length else quiet


def changing(seed: int, seconds: int) -> Iterator[Load]:
    """A load that stays for a minute to an hour, then is another one."""
    rng, left, load = random.Random(seed), 0, Load()
    for _ in range(seconds):
        if left <= 0:
            left = rng.randint(MINUTE, HOUR)
            load = Load(rng.uniform(0.1, 0.8), rng.uniform(0.0, 0.8), rng.choice([0.0, 0.1, rng.uniform(0.0, 1.5)]))
        left -= 1
        yield load


@pytest.mark.parametrize("seed", range(2))
def test_a_day_of_changing_load_settles_protects_polls_and_leaves_nothing_behind(bench: Bench, seed: int) -> None:
    line = Line(bench)
    line.run(changing(seed, 24 * HOUR))
    # A new load needs up to a minute to show in the mean of a minute, and a quarter of one for each step.
    assert line.missing <= 24 * 90
    assert line.done() < 24 * 12
    assert not any(action.kind == "hold" for action in bench.door.actions())
    line.run(steady(Load(0.3, 0.2), 3 * HOUR))
    assert bench.door.in_force() == []
    field = bench.field.lines["bus"]
    assert (field.stretch, field.on_demand_bound) == (1.0, None)
    assert bench.standing() == []


@pytest.mark.parametrize(("period", "length"), [(60, 15), (60, 30), (190, 60), (600, 60), (1500, 120), (60, 60)])
def test_a_caller_that_floods_in_bursts_is_bounded_and_costs_little(bench: Bench, period: int, length: int) -> None:
    line = Line(bench)
    polls = Load(0.4, 0.2)
    line.run(bursts(polls, Load(0.4, 0.2, 1.5), period, length, 5 * HOUR))
    assert line.missing <= 5 * 60
    assert line.done() < 5 * 20
    assert not any(action.kind == "hold" for action in bench.door.actions())
    line.run(steady(polls, 3 * HOUR))
    assert bench.door.in_force() == []


@pytest.mark.parametrize(
    "load", [Load(0.55, 0.92), Load(0.5, 0.6, 0.4), Load(0.6, 0.4, 0.14), Load(0.3, 1.5, 1.5), Load(0.1, 0.1, 0.7)]
)
def test_a_load_that_stays_is_settled_within_minutes(bench: Bench, load: Load) -> None:
    line = Line(bench)
    line.run(steady(load, 10 * MINUTE))
    missing, begun = line.missing, bench.now
    line.run(steady(load, 4 * HOUR))
    assert line.missing - missing <= 4 * 60
    assert line.done(begun) <= 4 * 8


def test_where_coordination_only_advises_polls_are_relieved_all_the_same(bench: Bench) -> None:
    bench.modes[LevelName.COORDINATION] = Mode.ADVISE
    line = Line(bench)
    line.run(steady(Load(0.3, 0.8, 0.4), 10 * MINUTE))
    assert bench.field.lines["bus"].stretch > 1.0
    missed = line.missed
    line.run(steady(Load(0.3, 0.8, 0.4), HOUR))
    assert line.missed == missed
