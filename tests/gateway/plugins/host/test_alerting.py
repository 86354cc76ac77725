"""Whoever is out of lives is an alert, until it is well again or nobody wants it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio
from trio.testing import MockClock

from gateway.core.alerts import Alerts, Severity
from gateway.plugins.host.alerting import ParkedAlerts

from .fakes import WALL, Program
from .lives import Scene, good, living, scene


@dataclass
class Watched:
    on: Scene
    alerts: Alerts
    told: list[dict[str, Any]]

    @property
    def standing(self) -> list[str]:
        return [alert.component for alert in self.alerts.standing()]


@asynccontextmanager
async def watched(*programs: Program) -> AsyncIterator[Watched]:
    told: list[dict[str, Any]] = []
    names = iter(range(100))

    def wall() -> float:
        return WALL + trio.current_time()

    alerts = Alerts(wall, lambda _, data: told.append(data), lambda: f"alert-{next(names)}")
    parked = ParkedAlerts(alerts, wall)
    async with scene(*programs) as on, trio.open_nursery() as nursery:

        async def look() -> None:
            while True:
                parked.look([on.instance.report()])
                await trio.sleep(10)

        nursery.start_soon(look)
        yield Watched(on, alerts, told)
        nursery.cancel_scope.cancel()


async def test_one_that_is_parked_is_told_of_until_it_has_lived_for_a_while(autojump_clock: MockClock) -> None:
    async with watched(*[living(1)] * 4, good) as it:
        await it.on.instance.activate(None)
        await trio.sleep(5)
        # It falls, and may recover by itself: that is nobody's business yet.
        assert it.standing == []
        await trio.sleep(30)
        (alert,) = it.alerts.standing()
        assert (alert.component, alert.metric, alert.severity) == ("instance:scale-1", "parked", Severity.WARNING)
        assert alert.value == 4
        assert alert.summary.startswith("the plugin scale falls again and again: ")
        assert "GET /v1/instances/scale-1/logs" in alert.summary
        # Tried again, it is not called well at once.
        await trio.sleep(600)
        assert it.on.state == "active"
        assert it.standing == ["instance:scale-1"]
        await trio.sleep(60)
        assert it.standing == []
        assert [data["state"] for data in it.told] == ["firing", "resolved"]


async def test_one_that_keeps_falling_is_told_of_once(autojump_clock: MockClock) -> None:
    async with watched(*[living(1)] * 12) as it:
        await it.on.instance.activate(None)
        await trio.sleep(1800)
        assert it.standing == ["instance:scale-1"]
        assert [data["state"] for data in it.told] == ["firing"]


async def test_one_that_nobody_wants_any_more_is_no_trouble(autojump_clock: MockClock) -> None:
    async with watched(*[living(1)] * 4) as it:
        await it.on.instance.activate(None)
        await trio.sleep(60)
        assert it.standing == ["instance:scale-1"]
        await it.on.instance.deactivate("user:ada")
        await trio.sleep(15)
        assert it.standing == []
