"""What an exchange costs on a wire, as the configuration describes it."""

from __future__ import annotations

import pytest

from gateway.lines.wire import Wire
from gateway.settings.line_model import LineSettings, Transport


@pytest.mark.parametrize(
    ("transport", "gap", "waits"),
    [
        ("rtu", None, 0.02 + 3.5 * 10 / 9600),
        ("rtu", 0.005, 0.025),
        ("ascii", None, 0.02),
        ("ascii", 0.005, 0.025),
        ("rtu-over-tcp", None, 0.02 + 3.5 * 10 / 9600),
        ("rtu-over-tcp", 0.005, 0.025),
        ("tcp", None, 0.02),
    ],
)
def test_the_delay_after_an_answer_comes_on_top_of_the_gap(
    transport: Transport, gap: float | None, waits: float
) -> None:
    line = LineSettings(name="l", transport=transport, baudrate=9600, gap=gap, request_delay=0.02)
    assert Wire.of(line).gap == pytest.approx(waits)


def test_behind_a_serial_server_characters_take_the_time_of_its_bus() -> None:
    behind, own = (
        Wire.of(LineSettings(name="l", transport=transport, baudrate=2400)) for transport in ("rtu-over-tcp", "rtu")
    )
    assert behind.read("holding", 125) == own.read("holding", 125)
    assert behind.break_even("holding") == own.break_even("holding")
