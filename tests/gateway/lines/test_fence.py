"""The shapes that keep late replies apart, and the health of a unit: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.pdu import read_bits, read_registers, write_register
from gateway.lines.fence import MOST_STRETCH, Limits, fence, shape, spare, stretched
from gateway.lines.health import Cause, Health, Presence, SilenceBudget


@given(st.sets(st.integers(1, 125), min_size=1, max_size=20), st.integers(0, 60000))
def test_a_fence_never_has_the_shape_of_a_poll(counts: set[int], address: int) -> None:
    reads = [read_registers(1, 3, address, count) for count in sorted(counts)]
    avoid = {shape(read) for read in reads}
    found = fence(reads, avoid)
    assert found is not None
    assert shape(found) not in avoid


@given(st.integers(1, 2000), st.integers(0, 60000))
def test_a_bit_fence_differs_in_bytes_not_only_in_bits(count: int, address: int) -> None:
    read = read_bits(1, 1, address, count)
    found = fence([read], {shape(read)})
    assert found is not None
    assert found.reply_size != read.reply_size


def test_a_fence_is_as_short_as_can_be() -> None:
    read = read_registers(1, 3, 10, 60)
    found = fence([read], {shape(read), shape(read_registers(1, 3, 0, 1))})
    assert found is not None
    assert found.pdu == read_registers(1, 3, 10, 2).pdu


def test_a_stretched_read_is_longer_by_the_least_that_helps() -> None:
    read = read_registers(1, 3, 10, 2)
    longer = stretched(read, {shape(read), shape(read_registers(1, 3, 0, 3))}, MOST_STRETCH)
    assert longer is not None
    assert longer[1] == 2
    assert longer[0].pdu == read_registers(1, 3, 10, 4).pdu
    assert stretched(read, {shape(read)}, limit=0) is None


@given(st.sampled_from([1, 3]), st.integers(0, 0xFFFF), st.integers(1, 20), st.integers(0, 30))
def test_no_read_is_longer_than_the_device_takes(function: int, address: int, count: int, more: int) -> None:
    count = min(count, 0x10000 - address)
    read = (read_bits if function == 1 else read_registers)(1, function, address, count)
    limits = Limits(count + more, count + more)
    longer = stretched(read, {shape(read)}, spare(read, limits))
    for found in (fence([read], {shape(read)}, limits), longer[0] if longer is not None else None):
        if found is not None:
            asked = int.from_bytes(found.pdu[3:5], "big")
            assert asked <= min(count + more, 0x10000 - address)
            assert shape(found) != shape(read)


def test_the_same_write_has_its_own_shape() -> None:
    assert shape(write_register(1, 5, 7)) == shape(write_register(1, 5, 7))
    assert shape(write_register(1, 5, 7)) != shape(write_register(1, 5, 8))


def test_the_time_out_follows_the_measured_latency() -> None:
    health = Health(1.0, 0.0)
    first = health.timeout
    for _ in range(50):
        health.answered(1.0, 0.010)
    assert health.timeout < 0.06 < first
    for _ in range(50):
        health.answered(1.0, 0.200)
    assert 0.2 < health.timeout < 0.6
    health.missed(2.0)
    assert health.timeout <= 1.0, "never above what the configuration allows"


def test_two_missing_answers_are_doubt_and_a_third_one_is_silence() -> None:
    health = Health(1.0, 0.0)
    health.answered(0.0, 0.01)
    seen: list[tuple[bool, Presence]] = []
    for now in (1.0, 1.1, 1.6, 2.6):
        news = health.missed(now)
        seen.append((news, health.presence))
    news = health.answered(2.0, None)
    seen.append((news, health.presence))
    assert seen == [
        (False, Presence.DOUBTFUL),
        (False, Presence.DOUBTFUL),
        (True, Presence.SILENT),
        (False, Presence.SILENT),
        (True, Presence.ONLINE),
    ]


def test_a_unit_that_never_answered_is_silent_from_its_first_miss_on() -> None:
    health = Health(1.0, 0.0)
    seen = [(health.missed(now), health.presence) for now in (1.0, 1.5, 2.5, 4.5)]
    assert seen == [(True, Presence.SILENT), *[(False, Presence.SILENT)] * 3]


def test_open_shapes_expire_with_the_quarantine_and_a_later_answer_lengthens_it() -> None:
    health = Health(1.0, 0.0)
    lost = shape(read_registers(1, 3, 0, 4))
    health.lost(lost, 10.0)
    assert lost in health.open_shapes(13.9)
    assert lost not in health.open_shapes(14.1)
    health.noticed(Cause.WRONG_SHAPE)
    health.lost(lost, 20.0)
    assert lost in health.open_shapes(27.0)


@given(st.lists(st.tuples(st.floats(0.01, 5.0), st.floats(0.001, 1.0)), max_size=200), st.floats(0.01, 0.5))
def test_what_is_lost_under_the_budget_never_exceeds_the_share(
    attempts: list[tuple[float, float]], share: float
) -> None:
    budget = SilenceBudget(share, burst=1.0, now=0.0)
    now = 0.0
    for pause, cost in attempts:
        now += pause
        if budget.covers(cost, now):
            now += cost
            budget.spend(cost, now)
    assert budget.lost <= share * now + 1.0 + 1e-3
