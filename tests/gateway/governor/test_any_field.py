"""All five levels on a field that does anything at all, and then is well again: nothing falls, nothing is left."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gateway.core.errors import GatewayError
from gateway.core.principal import Kind, Principal
from gateway.core.roster import AgentCounts
from gateway.core.steering import Bid, Span
from gateway.governor.actions import Mode
from gateway.governor.arbitration import Arbitration, Conflict
from gateway.governor.coordination import Coordination
from gateway.governor.governors import Governors
from gateway.governor.health import health_of
from gateway.governor.intelligence import Intelligence, TagValue
from gateway.governor.level import LevelName
from gateway.governor.management import Management, Means
from gateway.governor.meta import Meta
from gateway.governor.operational import Operational
from tests.gateway.governor.bench import Bench

LINES, DEVICES = "abc", "xyz"
MB = 1 << 20
SANE = 1.8e9


class Board:
    """Five levels, and whatever chance makes of what they look at."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench, self.rng = bench, random.Random(seed)
        self.memory: int | None = 50 * MB
        self.durable = self.synchronised = True
        self.tags: dict[str, float] = {}
        alerts, door, field, wall = bench.alerts, bench.door, bench.field, bench.wall

        def told(conflict: Conflict) -> None:
            coordination.conflict(conflict)

        self.arbitration = Arbitration(lambda: bench.now, told)
        operational = Operational(field, door, alerts, wall)
        coordination = Coordination(
            steering=field, door=door, alerts=alerts, arbitration=self.arbitration, agents=lambda: AgentCounts(3, 3, 3)
        )
        means = Means(lambda: self.memory, 200 * MB, lambda: self.durable, lambda _: True)
        management = Management(steering=field, door=door, alerts=alerts, facts=bench.facts, wall=wall, means=means)
        intelligence = Intelligence(
            steering=field,
            tags=lambda: [TagValue(name, value, "m") for name, value in self.tags.items()],
            alerts=alerts,
            facts=bench.facts,
            wall=wall,
            announce=lambda *_: None,
            synchronised=lambda: self.synchronised,
        )
        self.meta = Meta(door, alerts, lambda: self.governors.pulses, bench.mode)
        self.governors = Governors([operational, coordination, management, intelligence, self.meta], door, bench.mode)

    def second(self) -> None:
        self.bench.field.now += 1
        for pulse in self.governors.pulses.values():
            if self.bench.now % pulse.level.pace == 0:
                self.governors.tick(pulse, self.bench.now)
            health = health_of(pulse.terms)
            assert health is None or 0 <= health <= 100

    def chaos(self, seconds: int) -> None:
        rng = self.rng
        for _ in range(seconds):
            if rng.random() < 0.1:
                self._shake(rng.choice(LINES))
            if rng.random() < 0.02:
                self.bench.wall_offset = rng.choice([-self.bench.now, SANE, SANE + 1e6, 1.6e9])
                self.synchronised, self.durable = rng.random() < 0.7, rng.random() < 0.7
                self.memory = rng.choice([None, 50 * MB, 900 * MB])
                self.bench.field.works = rng.random() < 0.7
            if rng.random() < 0.01:
                self.bench.modes = {level: rng.choice(list(Mode)) for level in LevelName}
            if rng.random() < 0.005:
                self.bench.field.now += rng.choice([10, 100, 4000])
            if rng.random() < 0.1:
                self.tags[f"a/x/{rng.randint(0, 5)}"] = rng.choice([0.0, 1e300, float("nan"), rng.random()])
                self._write()
            self.second()

    def _write(self) -> None:
        rng = self.rng
        by = Principal(rng.choice("pq"), frozenset(), rng.choice([Kind.AGENT, Kind.AGENT, Kind.OPERATOR]), "token")
        span = Span("a", 1, "holding", rng.randint(0, 3), rng.randint(1, 3))
        bid = Bid(by, span, rng.randint(0, 3), rng.choice([None, "a/x/s"]), rng.choice([None, None, 30.0]))
        try:
            self.arbitration.admit(bid)
        except GatewayError:
            return
        self.arbitration.settled(bid, sent=rng.random() < 0.9)

    def _shake(self, name: str) -> None:
        rng, field = self.rng, self.bench.field
        if rng.random() < 0.05:
            field.lines.pop(name, None)
            field.devices = {device: glance for device, glance in field.devices.items() if glance.line != name}
            return
        odd: dict[str, Any] = {"stretch": rng.choice([1.0, 1.3, 9.0]), "on_demand_bound": rng.choice([None, 0.01, 0.9])}
        field.line(
            name,
            state=rng.choice(["up", "up", "up", "down", "parked", "starting", "stopped"]),
            modbus=rng.random() < 0.9,
            lent=rng.random() < 0.05,
            utilisation=rng.choice([None, 0.0, 1.0, 1.0]),
            on_demand=rng.choice([None, 0.0, 0.1, 0.5]),
            missed=rng.choice([0, rng.randint(0, 10000)]),
            idle=rng.choice([0, 0, 0, 100, 1000]),
            stretchable=rng.choice([0, 5]),
            splits=rng.choice([0, 2]),
            **(odd if rng.random() < 0.1 else {}),
        )
        for device in DEVICES:
            causes = rng.sample(["crc", "timeout", "late"], rng.randint(0, 3))
            field.device(
                f"{name}/{device}",
                state=rng.choice(["online", "online", "doubtful", "silent", "unproven", "unknown"]),
                since=rng.choice([0.0, 10.0, 100.0, 1e5]),
                latency=rng.choice([None, 0.0, 0.02, 5.0]),
                bound=rng.choice([0.0, 1.0]),
                requests=rng.randint(0, 10000),
                answers=rng.choice([0, 50]),
                errors={cause: rng.randint(0, 100) for cause in causes},
                tags=rng.choice([0, 3]),
                good=rng.choice([0, 3]),
                advice=("look",) * rng.randint(0, 3),
            )

    def well(self, seconds: int) -> None:
        bench = self.bench
        bench.modes, bench.wall_offset, bench.field.works = {}, SANE, True
        self.memory, self.durable, self.synchronised = 50 * MB, True, True
        bench.field.now = float(round(bench.now))
        for second in range(seconds):
            for name in bench.field.lines:
                bench.field.line(
                    name, state="up", modbus=True, lent=False, utilisation=0.3, on_demand=0.0, idle=0, splits=0
                )
            for name, device in list(bench.field.devices.items()):
                if second % 5 == 0:
                    asked = device.requests + 5
                    bench.field.device(
                        name, state="online", since=second, latency=0.02, bound=1.0, requests=asked, tags=3, good=3
                    )
            self.second()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_field_does_no_level_falls_and_when_all_is_well_nothing_is_left(bench: Bench, seed: int) -> None:
    board = Board(bench, seed)
    board.chaos(2000)
    assert bench.told
    board.well(3 * 3600)
    assert bench.standing() == []
    assert bench.door.in_force() == []
    for line in bench.field.lines.values():
        assert (line.stretch, line.on_demand_bound) == (1.0, None)
    told = [data for type_, data in bench.told if type_ == "system:alert"]
    fired = [data["alert_id"] for data in told if data["state"] == "firing"]
    resolved = [data["alert_id"] for data in told if data["state"] == "resolved"]
    assert sorted(set(map(str, fired))) == sorted(map(str, resolved))
    assert board.governors.status(bench.now)["overall"] != {"health": None, "status": "unknown"}
