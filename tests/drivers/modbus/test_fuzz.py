"""The framers under random damage; `make drill` runs the same for ten million frames."""

import pytest

from tests.drivers.modbus.fuzz_frames import fuzz


@pytest.mark.parametrize("seed", [1, 2])
def test_no_damage_makes_a_wrong_answer(seed: int) -> None:
    answered = fuzz(seed, 10_000)
    assert answered > 2_000
