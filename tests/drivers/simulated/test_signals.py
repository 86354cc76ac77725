import math

import pytest

from drivers.simulated.registers import encode, encode_text, width
from drivers.simulated.signals import Constant, Counter, Follow, Noise, Ramp, Signal, Sine, Square, Switched


@pytest.mark.parametrize(
    ("signal", "now", "expected"),
    [
        (Constant(5), 99, 5),
        (Sine(230, 2, 60), 0, 230),
        (Sine(230, 2, 60), 15, 232),
        (Sine(230, 2, 60, phase=0.25), 0, 232),
        (Ramp(0, 100, 10), 2.5, 25),
        (Ramp(0, 100, 10), 12.5, 25),
        (Counter(100, per_s=2), 10, 120),
        (Counter(0, per_s=1, wraps_at=100), 250, 50),
        (Square(1, 9, 10, duty=0.3), 2, 9),
        (Square(1, 9, 10, duty=0.3), 3, 1),
    ],
)
def test_a_signal_is_a_function_of_time(signal: Signal, now: float, expected: float) -> None:
    assert signal.value(now) == pytest.approx(expected)


def test_noise_is_the_same_for_the_same_seed_and_spreads_evenly() -> None:
    values = [Noise(50, 2, seed=3).value(t) for t in range(2000)]
    assert values == [Noise(50, 2, seed=3).value(t + 0.9) for t in range(2000)]
    assert values != [Noise(50, 2, seed=4).value(t) for t in range(2000)]
    assert min(values) >= 48
    assert max(values) <= 52
    assert sum(values) / 2000 == pytest.approx(50, abs=0.1)


def test_a_motor_follows_its_set_point() -> None:
    speed = Follow(0, lag_s=2, gain=2.0)
    speed.moved(10, 500)
    assert speed.value(10) == 0
    assert speed.value(12) == pytest.approx(1000 * (1 - math.exp(-1)))
    speed.moved(12, 0)
    assert speed.value(12) == pytest.approx(1000 * (1 - math.exp(-1)))
    assert speed.value(60) == pytest.approx(0, abs=1e-6)


def test_a_switched_level_depends_on_its_register() -> None:
    status = Switched(0, off=0x231, on=0x237)
    assert status.value(0) == 0x231
    status.moved(1, 900)
    assert status.value(1) == 0x237


@pytest.mark.parametrize(
    ("kind", "value", "order", "registers"),
    [
        ("uint16", 65535, {}, (0xFFFF,)),
        ("uint16", 70000, {}, (0xFFFF,)),
        ("int16", -1, {}, (0xFFFF,)),
        ("int16", math.nan, {}, (0x8000,)),
        ("int16", -12.34, {"scale": 0.1}, (0xFF85,)),
        ("uint32", 0x12345678, {}, (0x1234, 0x5678)),
        ("uint32", 0x12345678, {"word_order": "little"}, (0x5678, 0x1234)),
        ("uint32", 0x12345678, {"byte_order": "little"}, (0x3412, 0x7856)),
        ("float32", 1.0, {}, (0x3F80, 0)),
        ("float64", -2.0, {"word_order": "little"}, (0, 0, 0, 0xC000)),
    ],
)
def test_values_are_laid_into_registers(kind: str, value: float, order: dict[str, str], registers: object) -> None:
    assert encode(kind, value, **order) == registers  # type: ignore[arg-type]  # parametrized
    assert width(kind) == len(registers)  # type: ignore[arg-type]  # parametrized


def test_text_is_laid_into_registers() -> None:
    assert encode_text("ABC", 3) == (0x4142, 0x4300, 0)
    assert encode_text("ABC", 2, byte_order="little") == (0x4241, 0x0043)
    with pytest.raises(ValueError, match="more than 1 registers"):
        encode_text("ABC", 1)
