"""Monotonic time, wall time, and what a board without a clock chip may claim."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.reading import Sample
from gateway.core.timeline import STEP_S, Correction, Timeline

NOON = 1_800_000_000.0


@dataclass
class Clocks:
    """The clocks of a board; its wall clock began in 1970 where nobody said otherwise."""

    monotonic: float = 100.0
    ahead: float = 0.0
    synchronised: bool = False

    def timeline(self) -> Timeline:
        return Timeline(lambda: self.monotonic, lambda: self.monotonic + self.ahead, lambda: self.synchronised)


def test_the_first_synchronisation_corrects_what_was_read_before() -> None:
    clocks = Clocks()
    timeline = clocks.timeline()
    sample = Sample(105.0, timeline.era, 1)
    assert (sample.wall, sample.era.clock) == (105.0, "unsynchronised")

    clocks.monotonic, clocks.ahead, clocks.synchronised = 110.0, NOON, True
    assert timeline.look() == Correction(NOON)
    assert (sample.wall, sample.era.clock) == (NOON + 105.0, "synchronised")
    assert timeline.now() == NOON + 110.0
    assert timeline.look() is None


def test_every_era_of_before_is_corrected_by_the_clock_that_counts() -> None:
    clocks = Clocks()
    timeline = clocks.timeline()
    first = Sample(101.0, timeline.era, 1)
    # Somebody sets the clock by hand, wrongly: that begins an era, and corrects nothing.
    clocks.monotonic, clocks.ahead = 150.0, 5000.0
    assert timeline.look() is None
    second = Sample(151.0, timeline.era, 2)
    assert (first.wall, second.wall) == (101.0, 5151.0)
    clocks.ahead, clocks.synchronised = NOON, True
    assert timeline.look() == Correction(NOON)
    assert (first.wall, second.wall) == (NOON + 101.0, NOON + 151.0)


def test_slewing_moves_no_reading_and_is_followed_by_new_ones() -> None:
    clocks = Clocks(ahead=NOON, synchronised=True)
    timeline = clocks.timeline()
    sample = Sample(100.0, timeline.era, 1)
    began = timeline.era
    for _ in range(20):
        clocks.monotonic += 1.0
        clocks.ahead += STEP_S / 10
        assert timeline.look() is None
        assert (timeline.era is began) == (abs(clocks.ahead - NOON) <= STEP_S)
        assert abs(timeline.now() - (clocks.monotonic + clocks.ahead)) <= STEP_S * 1.01
    assert sample.wall == NOON + 100.0


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
def test_a_step_of_a_synchronised_clock_begins_an_era_and_moves_no_reading(jump: float) -> None:
    clocks = Clocks(ahead=NOON, synchronised=True)
    timeline = clocks.timeline()
    before = Sample(100.0, timeline.era, 1)
    clocks.ahead += jump
    assert timeline.look() is None
    after = Sample(101.0, timeline.era, 2)
    assert before.wall == NOON + 100.0
    assert after.wall == NOON + jump + 101.0


def test_a_lost_synchronisation_is_said_and_corrected_later() -> None:
    clocks = Clocks(ahead=NOON, synchronised=True)
    timeline = clocks.timeline()
    sure = Sample(100.0, timeline.era, 1)
    clocks.synchronised = False
    assert timeline.look() is None
    assert timeline.era.clock == "unsynchronised"
    drifted = Sample(200.0, timeline.era, 2)
    clocks.synchronised, clocks.ahead = True, NOON + 7.0
    assert timeline.look() == Correction(NOON + 7.0)
    assert sure.wall == NOON + 100.0
    assert drifted.wall == NOON + 207.0


@given(
    st.lists(
        st.tuples(st.floats(0, 10), st.floats(-1e5, 1e5), st.booleans()),
        max_size=20,
    )
)
def test_readings_keep_their_order_within_an_era_and_sure_times_never_move(
    steps: list[tuple[float, float, bool]],
) -> None:
    clocks = Clocks(ahead=NOON)
    timeline = clocks.timeline()
    samples: list[Sample] = []
    sure: dict[int, float] = {}
    for passed, jump, synchronised in steps:
        clocks.monotonic += passed
        clocks.ahead += jump
        clocks.synchronised = synchronised
        timeline.look()
        samples.append(Sample(clocks.monotonic, timeline.era, len(samples)))
        for number, sample in enumerate(samples):
            if number in sure:
                assert sample.wall == sure[number]
            elif sample.era.synchronised:
                sure[number] = sample.wall
        assert timeline.era.synchronised == synchronised
        # What is said to be synchronised is what the clock says, but for a slew that is not yet worth an era.
        assert abs(samples[-1].wall - (clocks.monotonic + clocks.ahead)) <= STEP_S + 1e-6
    if timeline.era.synchronised:
        assert all(sample.era.synchronised for sample in samples)
