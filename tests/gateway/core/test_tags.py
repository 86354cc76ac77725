"""The tag store: what a reading may claim, and who is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.bus import Subscription
from gateway.core.reading import Quality, Reading, Reason, Sample, Value
from gateway.core.tags import Cell, Changes, Tag, TagStore
from gateway.core.timeline import Era, Timeline

NOON = 1_800_000_000.0
POWER = Tag("bus/meter/power", "float32", "W", stale_after=3.0)
STATE = Tag("bus/meter/state", "uint16")


@dataclass
class Rig:
    """A store with two tags on a clock that a test moves, and somebody who listens."""

    now: float = 100.0
    deadband: float = 0.0
    store: TagStore = field(init=False)
    cells: list[Cell] = field(init=False)
    heard: Subscription[Changes] = field(init=False)

    def __post_init__(self) -> None:
        timeline = Timeline(lambda: self.now, lambda: self.now + NOON, lambda: True)
        self.store = TagStore(lambda: self.now, timeline)
        self.cells = self.store.add([replace(POWER, deadband=self.deadband), STATE])

    def apply(self, power: Value | Reason, state: Value | Reason = 1) -> None:
        self.store.apply(self.cells, [power, state], self.now)

    def power(self) -> Reading:
        reading = self.store.read(POWER.name)
        assert reading is not None
        return reading

    def told(self) -> list[list[tuple[str, Value | None, str]]]:
        """What was published since the last look: for each answer the tags, values and qualities."""
        found = []
        while (changes := self.heard.receive_nowait()) is not None:
            found.append([(r.tag.rpartition("/")[2], r.value, str(r.quality)) for r in changes.readings])
        return found


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    with made.store.changes.subscribe() as made.heard:
        yield made


@pytest.fixture
def damped() -> Iterator[Rig]:
    made = Rig(deadband=1.0)
    with made.store.changes.subscribe() as made.heard:
        yield made


def test_a_tag_nobody_has_read_is_bad_and_has_no_value(rig: Rig) -> None:
    reading = rig.power()
    assert (reading.value, reading.quality, reading.reason, reading.sample, reading.last_value) == (
        None,
        Quality.BAD,
        Reason.NOT_YET_READ,
        None,
        None,
    )
    assert rig.store.read("bus/meter/nobody") is None
    assert len(rig.store) == 2
    assert rig.store.names() == [POWER.name, STATE.name]


def test_tags_of_one_answer_share_its_time(rig: Rig) -> None:
    rig.apply(230.5)
    reading = rig.power()
    assert (reading.value, reading.quality, reading.reason) == (230.5, Quality.GOOD, None)
    assert reading.sample is not None
    assert (reading.sample.acquired, reading.sample.wall, reading.sample.sequence) == (100.0, NOON + 100.0, 1)
    state = rig.store.read(STATE.name)
    assert state is not None
    assert state.sample is reading.sample


def test_an_equal_value_is_as_fresh_as_a_new_one_and_told_to_nobody(rig: Rig) -> None:
    rig.apply(230.5)
    rig.told()
    rig.now += 2.0
    rig.apply(230.5)
    assert rig.told() == []
    sample = rig.power().sample
    assert sample is not None
    assert (sample.acquired, sample.sequence) == (102.0, 2)


def test_a_change_is_told_once_and_alone(rig: Rig) -> None:
    rig.apply(1.0)
    assert rig.told() == [[("power", 1.0, "good"), ("state", 1, "good")]]
    rig.apply(2.0)
    assert rig.told() == [[("power", 2.0, "good")]]


def test_age_is_judged_when_somebody_reads(rig: Rig) -> None:
    rig.apply(1.0)
    rig.now += 3.0
    assert rig.power().quality is Quality.GOOD
    rig.now += 0.001
    stale = rig.power()
    assert (stale.value, stale.quality, stale.reason) == (1.0, Quality.UNCERTAIN, Reason.STALE)
    assert {reading.tag: reading.quality for reading in rig.store.snapshot()}[POWER.name] is Quality.UNCERTAIN
    rig.apply(1.0)
    assert rig.power().quality is Quality.GOOD


def test_an_equal_answer_does_not_hide_that_there_was_none_for_a_while(rig: Rig) -> None:
    rig.apply(1.0)
    rig.told()
    rig.now += 3.5
    rig.apply(1.0)
    assert rig.told() == [
        [("power", 1.0, "uncertain"), ("state", 1, "uncertain")],
        [("power", 1.0, "good"), ("state", 1, "good")],
    ]


def test_nor_does_it_where_the_first_tag_never_had_a_value() -> None:
    rig = Rig()
    rig.cells.reverse()
    with rig.store.changes.subscribe() as rig.heard:
        rig.store.apply(rig.cells, [Reason.NO_VALUE, 1.0], rig.now)
        rig.told()
        rig.now += 3.5
        rig.store.apply(rig.cells, [Reason.NO_VALUE, 1.0], rig.now)
        assert rig.told() == [[("power", 1.0, "uncertain")], [("power", 1.0, "good")]]


def test_it_is_known_since_when_a_value_is_stale(rig: Rig) -> None:
    rig.apply(1.0)
    rig.now += 10.0
    stale = rig.power()
    assert rig.store.stale_since(stale) == 103.0
    rig.store.remove([POWER.name])
    assert rig.store.stale_since(stale) == 110.0


def test_a_failure_takes_the_value_and_keeps_it_for_people_with_its_own_time(rig: Rig) -> None:
    rig.apply(1.0)
    rig.told()
    rig.now += 5.0
    rig.store.fail(rig.cells, Reason.NO_ANSWER)
    reading = rig.power()
    assert (reading.value, reading.quality, reading.reason, reading.last_value) == (
        None,
        Quality.BAD,
        Reason.NO_ANSWER,
        1.0,
    )
    assert reading.sample is not None
    assert reading.sample.acquired == 100.0
    # It was stale for two seconds before, and nobody had looked.
    assert rig.told() == [
        [("power", 1.0, "uncertain"), ("state", 1, "uncertain")],
        [("power", None, "bad"), ("state", None, "bad")],
    ]
    rig.store.fail(rig.cells, Reason.NO_ANSWER)
    assert rig.told() == []
    rig.store.fail(rig.cells, Reason.LINK_DOWN)
    assert len(rig.told()) == 1
    rig.apply(1.0)
    assert rig.told() == [[("power", 1.0, "good"), ("state", 1, "good")]]


def test_a_reason_in_place_of_a_value_concerns_its_tag_alone(rig: Rig) -> None:
    rig.apply(1.0)
    rig.told()
    rig.now += 1.0
    rig.apply(Reason.NO_VALUE)
    reading = rig.power()
    assert (reading.value, reading.quality, reading.reason, reading.last_value) == (
        None,
        Quality.BAD,
        Reason.NO_VALUE,
        1.0,
    )
    assert reading.sample is not None
    assert reading.sample.acquired == 100.0
    assert rig.told() == [[("power", None, "bad")]]
    rig.apply(Reason.NO_VALUE)
    assert rig.told() == []
    rig.apply(Reason.OUT_OF_RANGE)
    assert rig.told() == [[("power", None, "bad")]]


def test_a_doubtful_answer_is_uncertain_until_a_sure_one_comes(rig: Rig) -> None:
    rig.apply(1.0)
    rig.told()
    rig.store.doubt(rig.cells, [2.0, Reason.NO_VALUE], rig.now, Reason.LATE_POSSIBLE)
    reading = rig.power()
    assert (reading.value, reading.quality, reading.reason) == (2.0, Quality.UNCERTAIN, Reason.LATE_POSSIBLE)
    assert rig.told() == [[("power", 2.0, "uncertain")]]
    state = rig.store.read(STATE.name)
    assert state is not None
    assert (state.value, state.quality) == (1, Quality.GOOD)
    rig.apply(2.0)
    assert (rig.power().quality, rig.power().reason) == (Quality.GOOD, None)
    assert rig.told() == [[("power", 2.0, "good")]]


def test_a_deadband_holds_back_small_changes_but_not_their_sum(damped: Rig) -> None:
    damped.apply(10.0)
    damped.told()
    told = []
    for value in (10.4, 10.8, 11.2, 11.5, 10.0):
        damped.apply(value)
        assert damped.power().value == value
        told.extend(damped.told())
    assert told == [[("power", 11.2, "good")], [("power", 10.0, "good")]]


def test_a_deadband_holds_back_no_change_of_quality(damped: Rig) -> None:
    damped.apply(10.0)
    damped.told()
    damped.apply(Reason.NO_VALUE)
    damped.apply(10.1)
    assert damped.told() == [[("power", None, "bad")], [("power", 10.1, "good")]]


def test_what_was_known_before_a_restart_is_a_last_value_only(rig: Rig) -> None:
    past = Sample(50.0, Era(NOON, synchronised=True), 0)
    rig.store.restore(POWER.name, 7.0, past)
    rig.store.restore("bus/meter/gone", 7.0, past)
    reading = rig.power()
    assert (reading.value, reading.quality, reading.last_value, reading.sample) == (None, Quality.BAD, 7.0, past)
    assert rig.told() == []
    rig.apply(8.0)
    rig.store.restore(POWER.name, 7.0, past)
    assert (rig.power().value, rig.power().last_value) == (8.0, 8.0)


def test_a_tag_that_stays_in_the_configuration_keeps_its_reading(rig: Rig) -> None:
    rig.apply(1.0)
    [cell] = rig.store.add([replace(POWER, deadband=5.0, description="new words")])
    assert cell is rig.cells[0]
    assert cell.tag.description == "new words"
    assert rig.power().value == 1.0
    rig.told()
    rig.apply(5.0)
    assert rig.told() == [], "the new deadband holds"
    rig.apply(7.0)
    assert rig.told() == [[("power", 7.0, "good")]]


@pytest.mark.parametrize("change", [{"type": "uint32"}, {"units": "kW"}])
def test_a_tag_of_another_kind_starts_anew(rig: Rig, change: dict[str, str]) -> None:
    rig.apply(1.0)
    rig.store.add([replace(POWER, type=change.get("type", POWER.type), units=change.get("units", POWER.units))])
    assert (rig.power().value, rig.power().reason, rig.power().last_value) == (None, Reason.NOT_YET_READ, None)


def test_a_removed_tag_is_gone(rig: Rig) -> None:
    rig.store.remove([POWER.name, "bus/meter/nobody"])
    assert rig.store.read(POWER.name) is None
    assert [reading.tag for reading in rig.store.snapshot()] == [STATE.name]


def test_an_answer_must_fit_its_block(rig: Rig) -> None:
    with pytest.raises(ValueError, match="shorter"):
        rig.store.apply(rig.cells, [1.0], rig.now)


Step = tuple[str, float | Reason, float]
steps = st.lists(
    st.tuples(
        st.sampled_from(["apply", "apply", "apply", "fail", "doubt"]),
        st.sampled_from([0.0, 0.4, 1.0, 1.5, 3.0, Reason.NO_VALUE, Reason.NOT_A_NUMBER]),
        st.sampled_from([0.1, 1.0, 5.0]),
    ),
    max_size=25,
)


@given(steps, st.sampled_from([0.0, 1.0]))
def test_a_listener_knows_what_the_store_knows_within_the_deadband(taken: list[Step], deadband: float) -> None:
    rig = Rig(deadband=deadband)
    with rig.store.changes.subscribe() as rig.heard:
        known: Reading = rig.power()
        for what, value, passed in taken:
            rig.now += passed
            if what == "apply":
                rig.apply(value)
            elif what == "doubt":
                # A doubtful answer that has no value says nothing at all.
                doubtful = 2.0 if isinstance(value, Reason) else value
                rig.store.doubt(rig.cells, [doubtful, 1], rig.now, Reason.LATE_POSSIBLE)
            else:
                rig.store.fail(rig.cells, Reason.NO_ANSWER)
            while (changes := rig.heard.receive_nowait()) is not None:
                for reading in changes.readings:
                    known = reading if reading.tag == POWER.name else known
            now = rig.power()
            assert (now.quality, now.reason) == (known.quality, known.reason)
            if isinstance(now.value, float) and isinstance(known.value, float):
                assert abs(now.value - known.value) <= deadband
            else:
                assert now.value == known.value
            # A bad reading has no value, and no reading has a time that is not its value's own.
            assert (now.value is None) == (now.quality is Quality.BAD)
            if now.quality is Quality.GOOD:
                assert now.sample is not None
                assert now.sample.acquired == rig.now
