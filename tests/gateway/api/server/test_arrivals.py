"""New connections are counted before they cost a handshake."""

from __future__ import annotations

import structlog
import trio
import trio.testing
from trio.testing import MockClock

from gateway.api.server.arrivals import Arrivals
from gateway.settings.model import LimitSettings
from tests.gateway.api.rig import Rig
from tests.gateway.api.wire import Wire, rest

SLOW = LimitSettings(requests_per_minute=60, burst=3, total_requests_per_minute=120, total_burst=5)


def test_an_address_has_its_rate_and_its_burst() -> None:
    now = 0.0
    arrivals = Arrivals(SLOW, lambda: now)
    assert [arrivals.admit("a") for _ in range(5)] == [True] * 3 + [False] * 2
    now = 1.0
    assert [arrivals.admit("a") for _ in range(2)] == [True, False]
    arrivals.follow(LimitSettings(requests_per_minute=600, burst=30))
    now = 1.5
    assert arrivals.admit("a")


def test_where_all_together_come_too_often_a_newcomer_still_gets_in() -> None:
    now = 0.0
    arrivals = Arrivals(SLOW, lambda: now)
    for address in "aab" * 2:
        arrivals.admit(address)
    assert not arrivals.admit("a")
    assert not arrivals.admit("b")
    assert arrivals.admit("c")
    assert not arrivals.admit("c")
    now = 0.5
    assert arrivals.admit("c")


async def test_handshakes_one_after_the_other_come_to_an_end(
    rig: Rig, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    wire = Wire(rig, nursery, SLOW)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await (await wire.call()).aclose()
        for _ in range(5):
            assert await rest(await wire.plug()) == b""
    [said] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert "requests_per_minute" in said["cure"]
    await (await wire.call("10.0.0.10")).aclose()
    await trio.sleep(1)
    await (await wire.call()).aclose()
