"""Finding out what registers mean, for somebody who knows neither the device nor the product."""

import random
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.simulated.registers import Order, encode, encode_text
from gateway.field.decode_layout import best_layout, toml_line

NOW = 1_790_000_000.0
METER = (231.2837, 229.981, 230.77, 6.123, 4000.31, 50.0123, 0.951)


def meter(word_order: Order, byte_order: Order, times: int, seed: int = 1) -> list[tuple[int, ...]]:
    chance = random.Random(seed)
    return [
        tuple(
            word
            for value in METER
            for word in encode(
                "float32", value * (1 + chance.uniform(-0.003, 0.003)), word_order=word_order, byte_order=byte_order
            )
        )
        for _ in range(times)
    ]


@pytest.mark.parametrize("word_order", ["big", "little"])
@pytest.mark.parametrize("byte_order", ["big", "little"])
def test_the_order_of_a_meter_is_found_and_clear_after_three_reads(word_order: Order, byte_order: Order) -> None:
    layout = best_layout(meter(word_order, byte_order, 3), NOW)

    assert (layout.word_order, layout.byte_order) == (word_order, byte_order)
    assert [one.type for one in layout.readings] == ["float32"] * len(METER)
    assert "clearly" in layout.verdict
    assert f'word_order = "{word_order}"' in layout.verdict


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(["big", "little"]))
def test_one_read_of_a_meter_is_never_called_clear_in_the_wrong_order(seed: int, word_order: Order) -> None:
    layout = best_layout(meter(word_order, "big", 1, seed), NOW)

    assert layout.word_order == word_order or "clearly" not in layout.verdict


def test_a_single_voltage_shows_its_word_order_when_it_moves() -> None:
    shots = [encode("float32", volts, word_order="little") for volts in (231.28, 231.11, 230.97)]

    layout = best_layout(shots, NOW)

    assert layout.word_order == "little"
    assert layout.ranked[0][0].reading.type == "float32"
    assert layout.ranked[0][0].share > 0.5
    assert layout.ranked[0][0].reading.values[0] == pytest.approx(231.28)


def test_a_counter_of_known_type_shows_its_order_at_once() -> None:
    layout = best_layout([encode("uint32", 12_345_678, word_order="little")], NOW, {"uint32"})

    assert layout.word_order == "little"
    assert layout.readings[0].values == (12_345_678,)


def test_what_cannot_be_told_is_not_told() -> None:
    layout = best_layout([(215, 220, 213)], NOW)

    assert "cannot be told" in layout.verdict
    assert [one.type for one in layout.readings] == ["uint16"] * 3


def test_two_small_registers_are_no_wide_value_but_the_order_is_named_in_case_they_are() -> None:
    layout = best_layout([encode("uint32", 12_345_678 + 3 * n, word_order="little") for n in range(3)], NOW)

    assert layout.pairs == "little"
    assert '"little" if two registers make one value' in layout.verdict


def test_text_is_found_between_numbers() -> None:
    registers = (412, *encode_text("Ferrule Works", 7), 7, 9)

    layout = best_layout([registers], NOW)

    texts = [one for one in layout.readings if one.type == "string"]
    assert [text.values[0] for text in texts] == ["Ferrule Works"]
    assert texts[0].offset == 1


def test_text_with_swapped_bytes_is_put_right() -> None:
    layout = best_layout([encode_text("Ferrule Works", 7, byte_order="little")], NOW)

    assert layout.byte_order == "little"
    assert layout.readings[0].values == ("Ferrule Works",)
    assert layout.verdict == "word order: text has none, it reads forward"


def test_marks_for_no_value_and_times_near_now_are_known() -> None:
    registers = (0x8000, *divmod(int(NOW) - 60, 0x10000))

    layout = best_layout([registers], NOW)

    assert layout.ranked[1][0].reading.type == "epoch32"
    assert "sentinels = [32768]" in toml_line(layout.ranked[0][0].reading, "holding", 10)


def test_the_line_for_the_configuration_is_toml_and_says_the_order() -> None:
    layout = best_layout(meter("little", "big", 3), NOW)

    line = toml_line(layout.readings[5], "input", 100)

    assert tomllib.loads(f"tag = {line}")["tag"] == {
        "name": "frequency_110",
        "table": "input",
        "address": 110,
        "type": "float32",
        "word_order": "little",
        "units": "Hz",
    }


def test_registers_that_do_not_make_values_of_the_type_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be divided into values of type uint32"):
        best_layout([(1, 2, 3)], NOW, {"uint32"})


def test_reads_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="the same registers"):
        best_layout([(1, 2), (1,)], NOW)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 0xFFFF), min_size=5, max_size=5), min_size=1, max_size=3))
def test_any_registers_get_a_layout_that_covers_them_once(reads: list[list[int]]) -> None:
    layout = best_layout([tuple(read) for read in reads], NOW)

    assert [one.offset for one in layout.readings] == [
        sum(before.length for before in layout.readings[:n]) for n in range(len(layout.readings))
    ]
    assert sum(one.length for one in layout.readings) == 5
    for ways in layout.ranked:
        assert sum(way.share for way in ways) == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(70_000, 2**31), st.integers(1, 50), st.sampled_from(["big", "little"]))
def test_a_counter_that_moves_is_never_told_in_the_wrong_order(start: int, step: int, word_order: Order) -> None:
    shots = [encode("uint32", start + n * step, word_order=word_order) for n in range(5)]

    layout = best_layout(shots, NOW, {"uint32"})

    assert layout.word_order == word_order or "cannot be told" in layout.verdict


def test_the_advice_is_not_what_has_been_done_already() -> None:
    still = encode("uint32", 12_345_678, word_order="little")
    moving = [encode("uint32", 12_345_678 + 3 * n, word_order="little") for n in range(5)]
    once = best_layout([still], NOW).advice(typed=False)
    standing = best_layout([still] * 5, NOW).advice(typed=False)
    moved = best_layout(moving, NOW).advice(typed=False)
    pasted = best_layout([still], NOW).advice(typed=True)

    assert once is not None
    assert "(--repeat 5), while the values move" in once
    assert standing is not None
    assert "nothing moved in 5 reads" in standing
    assert "--repeat" not in standing
    assert moved is not None
    assert "--repeat 20" in moved
    assert pasted is not None
    assert "parted by a slash" in pasted
    assert "--repeat" not in pasted
    assert best_layout([encode_text("Ferrule Works", 7)], NOW).advice(typed=False) is None
