"""The file of simulated devices that the manual begins with is one, and does what is said of it."""

from __future__ import annotations

import re
from pathlib import Path

from drivers.simulated.plan import read_plan

MANUAL = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
[EXAMPLE] = re.findall(r"### `ferrule simulate FILE`.*?```toml\n(.*?)```", MANUAL, re.DOTALL)


def test_the_example_is_taken() -> None:
    [line] = read_plan(EXAMPLE).line
    [device] = line.device
    assert [point.name for point in device.point] == ["voltage", "setpoint", "relay"]


def test_what_moves_by_a_signal_refuses_writes_and_what_has_a_value_takes_them() -> None:
    with_signal = EXAMPLE.replace(
        "value = 40", 'signal = { kind = "counter" } }, { name = "b", table = "holding", address = 1, value = 7'
    )
    device = read_plan(with_signal).line[0].device[0].build()
    answers = [device.answer(bytes.fromhex(f"06000{address}0005"), 0.0) for address in range(3)]
    assert [answer[0] for answer in answers if answer is not None] == [0x86, 0x06, 0x86]
