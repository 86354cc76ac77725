"""Blocks are planned by what they cost on the wire, and by what the device has refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lines.feasibility import judge
from gateway.lines.plan import Block, divide, plan
from gateway.lines.wire import Wire
from gateway.settings.line_model import DeviceSettings, LineSettings, TagSettings
from tests.gateway.lines.bench import device, tag


def wire(baudrate: int = 19200, turnaround: float = 0.002) -> Wire:
    return Wire.of(LineSettings(name="l", transport="rtu", baudrate=baudrate, stopbits=2, turnaround=turnaround))


def spans(blocks: list[Block]) -> list[tuple[int, int]]:
    return [(block.address, block.count) for block in blocks]


@pytest.mark.parametrize("baudrate", [1200, 9600, 19200, 115200])
def test_the_break_even_hole_follows_from_the_wire(baudrate: int) -> None:
    """A hole is read as long as it costs no more than the second request that would go around it."""
    w = wire(baudrate)
    registers = w.break_even("holding")
    assert registers is not None
    two_requests = 2 * w.read("holding", 1)
    assert w.read("holding", 2 + registers) <= two_requests < w.read("holding", 2 + registers + 1)


def test_neighbours_are_joined_up_to_the_break_even_hole_and_not_beyond() -> None:
    hole = wire().break_even("holding") or 0
    near = device(1, tag("a", 0), tag("b", 1 + hole))
    far = device(1, tag("a", 0), tag("b", 2 + hole))
    assert spans(plan(near, wire(), {})) == [(0, hole + 2)]
    assert spans(plan(far, wire(), {})) == [(0, 1), (2 + hole, 1)]


def test_a_slow_device_widens_the_hole_that_is_worth_reading() -> None:
    tags = device(1, tag("a", 0), tag("b", 40))
    assert len(plan(tags, wire(), {})) == 2
    assert len(plan(tags, wire().with_turnaround(0.1), {})) == 1


def test_on_a_network_everything_within_the_limit_is_one_request() -> None:
    tcp = Wire.of(LineSettings(name="l", transport="tcp", host="h"))
    assert spans(plan(device(1, tag("a", 0), tag("b", 124), tag("c", 125)), tcp, {})) == [(0, 125), (125, 1)]


def test_a_slow_tag_rides_along_with_a_fast_block_only_where_that_is_cheaper() -> None:
    inside = device(1, tag("a", 0, poll=1.0), tag("b", 1, poll=10.0), tag("c", 2, poll=1.0))
    assert [(b.address, b.count, b.period) for b in plan(inside, wire(), {})] == [(0, 3, 1.0)]
    far = device(1, tag("a", 0, poll=1.0), tag("b", 8, poll=600.0))
    assert len(plan(far, wire(), {})) == 2


def test_no_block_crosses_a_split() -> None:
    tags = device(1, *(tag(f"t{n}", n) for n in range(10)))
    assert spans(plan(tags, wire(), {"holding": frozenset({4, 7})})) == [(0, 4), (4, 3), (7, 3)]


def test_no_block_is_so_long_that_it_uses_up_the_shortest_period() -> None:
    tags = device(1, *(tag(f"t{n}", n) for n in range(100)))
    w = wire(9600)
    blocks = plan(tags, w, {}, longest=0.1)
    assert all(w.read("holding", block.count) <= 0.1 for block in blocks)


Tags = st.lists(
    st.tuples(
        st.integers(0, 60) | st.integers(0, 300),
        st.integers(1, 12),
        st.sampled_from([0.5, 1.0, 5.0, None]),
        st.sampled_from(["holding", "input"]),
    ),
    min_size=1,
    max_size=40,
)


@given(
    Tags,
    st.sets(st.integers(0, 60) | st.integers(0, 300), max_size=10),
    st.sampled_from([9600, 115200]),
    st.none() | st.integers(0, 20),
    st.none() | st.floats(0.02, 0.2),
)
def test_every_tag_is_read_once_whole_and_within_the_limits(
    places: list[tuple[int, int, float | None, str]],
    barriers: set[int],
    baudrate: int,
    max_hole: int | None,
    longest: float | None,
) -> None:
    tags = tuple(
        replace(TagSettings(name=f"t{n}", table="holding", address=a, type="uint16"), length=c, poll=p, table=t)  # type: ignore[arg-type]  # drawn
        for n, (a, c, p, t) in enumerate(places)
    )
    dev = DeviceSettings(name="d", unit=1, tags=tags, max_registers=60, max_hole=max_hole)
    blocks = plan(dev, wire(baudrate), {"holding": frozenset(barriers)}, longest)
    read = [place.tag.name for block in blocks for place in block.places]
    assert sorted(read) == sorted(t.name for t in tags)
    for block in blocks:
        assert block.count <= 60
        crossed = [barrier for barrier in barriers if block.address < barrier < block.end]
        assert block.table == "input" or not crossed or len(block.places) == 1
        for place in block.places:
            assert place.tag.table == block.table
            assert block.address <= place.address
            assert place.end <= block.end
            if block.period is not None and place.tag.poll is not None:
                assert block.period <= place.tag.poll, "read at least as often as asked"


def test_dividing_drops_holes_first_and_then_halves() -> None:
    [holed] = plan(device(1, tag("a", 0), tag("b", 1), tag("c", 5)), wire(), {})
    assert divide(holed) == [5]
    [solid] = plan(device(1, *(tag(f"t{n}", n) for n in range(8))), wire(), {})
    assert divide(solid) == [4]
    [single] = plan(device(1, tag("a", 0)), wire(), {})
    assert divide(single) == []


@given(Tags, st.sets(st.integers(0, 312), min_size=1, max_size=5), st.none() | st.floats(0.02, 0.2))
def test_dividing_ends_with_the_refused_tags_alone(
    places: list[tuple[int, int, float | None, str]], missing: set[int], longest: float | None
) -> None:
    """Also where tags overlap: only those that lie at the very same addresses are refused together."""
    dev = device(1, *(tag(f"t{n}", a, length=c, poll=p) for n, (a, c, p, _) in enumerate(places)), max_registers=60)
    splits: frozenset[int] = frozenset()
    while True:
        refused = [
            block
            for block in plan(dev, wire(9600), {"holding": splits}, longest)
            if any(block.address <= register < block.end for register in missing)
        ]
        cuts = {cut for block in refused for cut in divide(block)}
        if not cuts:
            break
        assert not cuts & splits, "each division teaches something"
        splits |= cuts
    assert all(len({(place.address, place.count) for place in block.places}) == 1 for block in refused)


def test_the_verdict_on_a_line_that_is_asked_too_much() -> None:
    devices = tuple(device(unit, *(tag(f"t{n}", 50 * n, poll=0.1) for n in range(3))) for unit in range(1, 5))
    line = LineSettings(name="l", transport="rtu", baudrate=9600, devices=devices)
    verdict = judge(line)
    assert verdict.utilisation > 1
    assert all(planned.age(silent=False) is None for planned in verdict.blocks)
    relaxed = judge(
        replace(line, devices=tuple(replace(d, tags=tuple(replace(t, poll=5.0) for t in d.tags)) for d in devices))
    )
    assert relaxed.utilisation < 0.2
    for planned in relaxed.blocks:
        there, silent = planned.age(silent=False), planned.age(silent=True)
        assert there is not None
        assert silent is not None
        assert 5.0 < there < silent < 5.0 + 5.0 + planned.cost


def test_a_time_out_longer_than_the_period_is_part_of_the_worst_age_while_devices_are_silent() -> None:
    devices = tuple(device(unit, tag("t", 0, poll=0.5)) for unit in (1, 2))
    line = LineSettings(name="l", transport="rtu", baudrate=19200, timeout=2.0, devices=devices)
    for planned in judge(line).blocks:
        there, silent = planned.age(silent=False), planned.age(silent=True)
        assert there is not None
        assert there < 2 * 0.5
        # A request that is lost right before this one is due takes its time-out, and this one waits.
        assert silent is not None
        assert silent > 0.5 + 2.0


def test_where_deadlines_are_kept_no_value_is_older_than_two_periods_and_its_exchange() -> None:
    devices = tuple(device(unit, tag("t", 0, poll=1.0)) for unit in (1, 2, 3))
    for planned in judge(LineSettings(name="l", transport="rtu", baudrate=9600, timeout=0.3, devices=devices)).blocks:
        age = planned.age(silent=True)
        assert age is not None
        assert age <= 2.0 + planned.cost


def test_a_fast_tag_does_not_wait_for_slow_ones_but_for_one() -> None:
    slow = tuple(device(unit, *(tag(f"t{n}", n, poll=10.0) for n in range(20))) for unit in range(2, 12))
    line = LineSettings(name="l", transport="rtu", baudrate=9600, devices=(device(1, tag("fast", 0, poll=0.5)), *slow))
    fast, *others = judge(line).blocks
    assert fast.wait is not None
    # The exchange that has begun, and its own.
    assert fast.wait <= max(other.cost for other in others) + fast.cost + 1e-6
    assert all(other.wait is not None and other.wait > 10 * other.cost for other in others)
