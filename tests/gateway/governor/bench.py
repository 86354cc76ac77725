"""What tests of governors stand on: a field that does what it is told, a door, alerts, and time by the second."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from gateway.core.alerts import Alerts
from gateway.core.ports import Json
from gateway.core.steering import MOST_STRETCH, DeviceGlance, FieldGlance, LineGlance
from gateway.governor.actions import ActionDoor, Mode
from gateway.governor.level import Level, LevelName


@dataclass
class Facts:
    """A fact store that outlives the governors of a test."""

    kept: dict[str, dict[str, Json]] = field(default_factory=dict)

    def recall(self, kind: str) -> dict[str, Json]:
        return dict(self.kept.get(kind, {}))

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        self.kept.setdefault(kind, {})[key] = value

    async def settle(self) -> None:
        return


class Field:
    """A field side whose lines and devices are what the test says, and which does what governors ask."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: dict[str, LineGlance] = {}
        self.devices: dict[str, DeviceGlance] = {}
        self.did: list[tuple[str, str]] = []
        self.works = True

    def line(self, name: str = "bus", **changes: object) -> None:
        before = self.lines.get(name, LineGlance(name, modbus=True, state="up", utilisation=0.5))
        self.lines[name] = replace(before, **changes)  # type: ignore[arg-type]

    def device(self, name: str = "bus/meter", **changes: object) -> None:
        line = name.partition("/")[0]
        before = self.devices.get(
            name, DeviceGlance(line, name, unit=len(self.devices) + 1, state="online", answers=10, tags=5, good=5)
        )
        self.devices[name] = replace(before, **changes)  # type: ignore[arg-type]

    def glance(self) -> FieldGlance:
        return FieldGlance(self.now, tuple(self.lines.values()), tuple(self.devices.values()))

    def stretch(self, line: str, factor: float) -> float | None:
        if line not in self.lines:
            return None
        self.line(line, stretch=min(factor, MOST_STRETCH))
        return self.lines[line].stretch

    def bound_on_demand(self, line: str, share: float | None) -> float | None:
        self.line(line, on_demand_bound=share)
        return share

    def _do(self, what: str, line: str) -> bool:
        self.did.append((what, line))
        return self.works

    def reopen(self, line: str) -> bool:
        return self._do("reopen", line)

    def relearn(self, line: str) -> bool:
        return self._do("relearn", line)

    def restart(self, line: str) -> bool:
        return self._do("restart", line)


class Bench:
    """A field, a door, alerts, and a level that is ticked second by second at its own pace."""

    def __init__(self) -> None:
        self.field = Field()
        self.facts = Facts()
        self.wall_offset = 1_700_000_000.0
        self.modes: dict[LevelName, Mode] = {}
        self.told: list[tuple[str, dict[str, object]]] = []
        numbers = count(1)
        self.alerts = Alerts(self.wall, self._tell, lambda: f"alert-{next(numbers)}")
        self.door = ActionDoor(self.mode, self.wall, self._tell)

    def _tell(self, type_: str, data: dict[str, object]) -> None:
        self.told.append((type_, data))

    def mode(self, level: LevelName) -> Mode:
        return self.modes.get(level, Mode.GOVERN)

    def wall(self) -> float:
        return self.wall_offset + self.field.now

    @property
    def now(self) -> float:
        return self.field.now

    def run(self, level: Level, seconds: float) -> None:
        """Let so much time go by, with the level's ticks in it."""
        for _ in range(round(seconds / level.pace)):
            self.field.now += level.pace
            level.tick(self.field.now)

    def standing(self) -> list[tuple[str, str]]:
        return [(alert.component, alert.metric) for alert in self.alerts.standing()]
