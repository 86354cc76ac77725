"""Assaults that once cost more than they may, and forms nobody says, for a moment each; the drill has more time."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.siege import besieged

ASSAULTS = (
    "costly-handshakes",
    "forged-tokens",
    "handshakes-half-done",
    "json-that-is-odd",
    "nested-bodies-with-a-token",
    "odd-header-names",
    "random-bytes-for-tls",
    "slow-headers-from-many-addresses",
    "trailers",
    "upgrades-with-bodies",
)


def test_assailants_leave_a_gateway_that_polls_and_answers(tmp_path: Path) -> None:
    with besieged(tmp_path) as siege:
        for assault in ASSAULTS:
            damage = siege.suffer(assault, 0.5, settle=0.0)
            assert siege.good("plant/inverter/power"), damage
            assert siege.good("rs485/meter/power"), damage
