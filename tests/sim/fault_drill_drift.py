"""The story of a sensor that drifts: days of values, fed to the governor itself.

Days of a whole line on virtual time would take hours. So here the intelligence governor gets what it would get from a
tag of a line: a value every ten seconds; governor, detector, alerts and events are the product's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from random import Random

from gateway.core.alerts import Alerts
from gateway.core.ports import Json
from gateway.core.steering import FieldGlance
from gateway.governor.intelligence import PACE_S, Intelligence, TagValue
from tests.sim.fault_drill_stand import WALL, Entry, Track

DAY_S = 86400.0
TAG = "bus/station/temperature"
# Days of a sound sensor before the fault, of drifting, and of the sensor that replaced it.
SOUND, DRIFTING, REPLACED = 6, 2, 2
# Slower ones than about four spreads a day are followed, and never told: see docs/governors.md.
DRIFT_A_DAY = 1.0
NOISE = 0.2
COLD_STORE = 4.0
EVERY_S = 600.0


class Unsteered:
    """A field without lines."""

    def glance(self) -> FieldGlance:
        return FieldGlance(0.0)

    def stretch(self, line: str, factor: float) -> float | None:
        del line, factor
        return None

    def bound_on_demand(self, line: str, share: float | None) -> float | None:
        del line, share
        return None

    def reopen(self, line: str) -> bool:
        del line
        return False

    relearn = restart = reopen


@dataclass
class Kept:
    """Facts in memory."""

    facts: dict[tuple[str, str], Json] = field(default_factory=dict)

    def recall(self, kind: str) -> dict[str, Json]:
        return {key: value for (known, key), value in self.facts.items() if known == kind}

    def remember(self, kind: str, key: str, value: Json, *, urgent: bool = False) -> None:
        del urgent
        self.facts[kind, key] = value

    async def settle(self) -> None:
        """It is settled."""


@dataclass(frozen=True, slots=True)
class Drifted:
    """What came of it."""

    entries: list[Entry]
    track: Track
    ended: str


def temperatures(seed: int) -> Iterator[tuple[float, float, float]]:
    """(seconds after the fault, true, measured), every ten seconds: a cold store, and its sensor, to a tenth."""
    rng = Random(f"{seed}/drift")
    number = round((SOUND + DRIFTING + REPLACED) * DAY_S / PACE_S)
    for step in range(number):
        at = step * PACE_S - SOUND * DAY_S
        wrong = DRIFT_A_DAY * at / DAY_S if 0 <= at < DRIFTING * DAY_S else 0.0
        yield at, COLD_STORE, round(COLD_STORE + wrong + rng.gauss(0.0, NOISE), 1)


def drift(seed: int) -> Drifted:
    """Let the sensor drift.

    Raises:
        AssertionError: it was not found, not explained, not resolved, or something else was.
    """
    entries: list[Entry] = []
    track, now, numbers = Track(), 0.0, count(1)

    def announce(type_: str, data: dict[str, object]) -> None:
        who = "intelligence" if type_ == "governor:anomaly" else "alert"
        raised = "raised" if data["state"] == "firing" else "resolved"
        about = (
            f"{data['component']}: {data['summary']}" if who == "alert" else f"{data['series']}, {data.get('rule', '')}"
        )
        entries.append(Entry(now, who, f"{raised} {about}"))

    alerts = Alerts(lambda: WALL + now, announce, lambda: f"alert-{next(numbers)}")
    value = 0.0
    governor = Intelligence(
        steering=Unsteered(),
        tags=lambda: [TagValue(TAG, value, "°C")],
        alerts=alerts,
        facts=Kept(),
        wall=lambda: WALL + now,
        announce=announce,
        synchronised=lambda: True,
    )
    begun = -SOUND * DAY_S
    for at, true, measured in temperatures(seed):
        now, value = at, measured
        governor.tick(at - begun)
        if at % EVERY_S == 0:
            unusual = COLD_STORE - 1.0 if alerts.standing() else None
            track.add(at, {"true, °C": true, "measured, °C": measured, "alert stands": unusual})
    raised = next(entry for entry in entries if entry.who == "alert")
    story = "\n".join(map(str, entries))
    assert 0 < raised.at < DAY_S, story
    assert "usual" in raised.what, story
    assert "drift" in entries[entries.index(raised) + 1].what, story
    assert not alerts.standing(), story
    last = entries[-1]
    assert last.at < (DRIFTING + 1) * DAY_S, story
    off = DRIFT_A_DAY * raised.at / DAY_S
    ended = (
        f"found after {raised.at / 3600:.1f} h, when the sensor was {off:.1f} °C off, and resolved "
        f"{(last.at - DRIFTING * DAY_S) / 3600:.1f} h after it was replaced; no alarm in {SOUND} days before"
    )
    return Drifted(entries, track, ended)
