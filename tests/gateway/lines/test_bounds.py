"""What ``ferrule check`` promises, beside what the schedule does from the moment the line is up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.lines.feasibility import PlannedBlock, judge
from gateway.lines.schedule import Poll, Schedule, next_slot
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import device, tag

PERIODS = [0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 1.0, 2.0, 5.0, None]
# A slot is taken for the one just served where it comes less than a thousandth of its period later.
TOLERANCE = 1.002

# Each device: its period and the number of its registers.
Plant = list[tuple[float | None, int]]
plants = st.lists(st.tuples(st.sampled_from(PERIODS), st.integers(1, 30)), min_size=1, max_size=16)
# Shortly before a slot, the first reading and the next are nearest to each other.
starts = st.floats(0, 10) | st.builds(
    lambda slot, before: slot - before, st.sampled_from([0.5, 1, 1.4, 5]), st.floats(0, 0.25)
)
# The first readings end right before 1.0, where many are due again and the rest has not been read once.
NEAR_A_SLOT: Plant = [
    *((0.25, 12), (0.3, 26), (0.2, 21), (0.5, 1), (0.3, 1), (0.3, 22), (0.3, 28), (0.2, 6), (0.3, 1), (0.5, 25)),
    *((1.0, 13), (0.1, 30), (2.0, 21), (0.7, 11), (2.0, 26), (0.5, 10), (1.0, 18), (2.0, 12), (5.0, 24)),
]


def line_of(plant: Plant, baudrate: int) -> LineSettings:
    devices = tuple(
        device(unit, *(tag(f"t{number}", number, poll=period) for number in range(registers)))
        for unit, (period, registers) in enumerate(plant, start=1)
    )
    return LineSettings(name="bus", transport="rtu", port="sim", baudrate=baudrate, devices=devices)


@dataclass(eq=False)
class Seen:
    """What became of one block: the longest it waited once its slot had come, and its values' worst age."""

    planned: PlannedBlock
    poll: Poll = field(init=False)
    wait: float = 0.0
    age: float = 0.0
    answered: float | None = None

    def __post_init__(self) -> None:
        self.poll = Poll(self.planned.block.period, self.planned.cost)

    def begins(self, now: float) -> None:
        period, due = self.poll.period, self.poll.due
        if period is not None and math.isclose(due / period, round(due / period), abs_tol=1e-6):
            self.wait = max(self.wait, now - due)

    def ends(self, now: float) -> None:
        if self.answered is not None:
            self.age = max(self.age, now - self.answered)
        self.answered = now


def run(blocks: tuple[PlannedBlock, ...], start: float, seconds: float) -> list[Seen]:
    """Poll, all devices answering, from the start of the line on."""
    schedule: Schedule[Poll] = Schedule()
    seen = {one.poll: one for one in map(Seen, blocks)}
    schedule.add(seen, start)
    now = start
    while now < start + seconds:
        poll = schedule.take(now)
        if poll is None:
            now = max(schedule.wake(now), now)
            continue
        seen[poll].begins(now)
        now += poll.cost
        seen[poll].ends(now)
        schedule.done(poll, now)
    return list(seen.values())


@settings(max_examples=400, deadline=None)
@given(plants, st.sampled_from([2400, 9600, 19200, 38400]), starts)
@example(NEAR_A_SLOT, 38400, 0.6912172466791111)
def test_what_is_promised_holds_from_the_first_reading_on(plant: Plant, baudrate: int, start: float) -> None:
    for seen in run(judge(line_of(plant, baudrate)).blocks, start, 8.0):
        planned, period = seen.planned, seen.poll.period
        age = planned.age(silent=False)
        if age is None or period is None or planned.wait is None:
            continue
        assert seen.age <= age * TOLERANCE
        assert seen.wait <= planned.wait * TOLERANCE
        if planned.wait + planned.cost < period:
            assert seen.poll.missed == 0, "deadlines that can be kept are kept"


@given(plants, st.sampled_from([9600, 38400]), starts)
@settings(max_examples=100, deadline=None)
def test_everything_is_read_once_before_its_first_slot_is_over(plant: Plant, baudrate: int, start: float) -> None:
    """Nobody waits for the grid where the line has time, and never longer than for the first slot."""
    verdict = judge(line_of(plant, baudrate))
    for seen in run(verdict.blocks, start, 8.0):
        if seen.planned.wait is not None and seen.poll.period is not None:
            assert seen.answered is not None
    periods = [planned.block.period for planned in verdict.blocks if planned.block.period is not None]
    sweep = sum(planned.cost for planned in verdict.blocks)
    if len(periods) == len(verdict.blocks) and start + sweep < min(next_slot(start, period) for period in periods):
        early = run(verdict.blocks, start, sweep + 1e-6)
        assert all(seen.answered is not None for seen in early), "one after the other, at once"


def test_a_line_of_hundreds_of_different_periods_has_a_bound_too() -> None:
    """To look at each against all others would take minutes; the longest stretch without rest is a bound as well."""
    tags = tuple(tag(f"t{number}", 20 * number, poll=10 + number / 70) for number in range(300))
    verdict = judge(LineSettings(name="l", transport="tcp", host="h", devices=(device(1, *tags, max_hole=0),)))
    (wait,) = {planned.wait for planned in verdict.blocks}
    assert wait is not None
    assert wait >= sum(planned.cost for planned in verdict.blocks)
