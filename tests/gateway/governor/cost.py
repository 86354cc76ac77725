"""What five governors cost: ``python -m tests.gateway.governor.cost [HOURS]`` governs a large plant for so many hours.

Ten lines with a hundred devices and a thousand tags, 200 of them learned, as many as may be. Time is virtual; what is
measured is the processor time of the ticks, and the memory that the governors and what they keep take.
"""

from __future__ import annotations

import random
import sys
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import gateway.governor
from gateway.core.roster import AgentCounts
from gateway.governor.arbitration import Arbitration
from gateway.governor.coordination import Coordination
from gateway.governor.governors import Governors
from gateway.governor.intelligence import Intelligence, TagValue
from gateway.governor.level import Level
from gateway.governor.management import Management, Means
from gateway.governor.meta import Meta
from gateway.governor.operational import Operational
from tests.gateway.governor.bench import Bench

LINES, DEVICES_EACH, TAGS_EACH, LEARNED = 10, 10, 10, 200
MB = 1 << 20
OWN = tracemalloc.Filter(inclusive=True, filename_pattern=f"{Path(gateway.governor.__path__[0])}/*")


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured.

    Attributes:
        share: of a core.
        memory: bytes that the governors hold.
    """

    share: float
    memory: int

    def __str__(self) -> str:
        return f"{self.share:.2%} of a core, {self.memory / MB:.1f} MB"


class Plant:
    """A field in which all is well but for a little noise, and the five that govern it."""

    def __init__(self) -> None:
        self.bench, self.rng = Bench(), random.Random(1)
        bench, field = self.bench, self.bench.field
        for line in range(LINES):
            field.line(f"line-{line}", utilisation=0.7, stretchable=TAGS_EACH)
            for number in range(DEVICES_EACH):
                field.device(f"line-{line}/device-{number}", tags=TAGS_EACH, good=TAGS_EACH, latency=0.02)
        names = [f"{device}/tag-{tag}" for device in field.devices for tag in range(2)][:LEARNED]
        self.tags = dict.fromkeys(names, 20.0)
        arbitration = Arbitration(lambda: bench.now, lambda _: None)
        means = Means(lambda: 80 * MB, 200 * MB, lambda: True, lambda _: True)
        levels: list[Level] = [
            Operational(field, bench.door, bench.alerts, bench.wall),
            Coordination(
                steering=field,
                door=bench.door,
                alerts=bench.alerts,
                arbitration=arbitration,
                agents=lambda: AgentCounts(100, 100, 100),
            ),
            Management(
                steering=field, door=bench.door, alerts=bench.alerts, facts=bench.facts, wall=bench.wall, means=means
            ),
            Intelligence(
                steering=field,
                tags=lambda: [TagValue(name, value, "°C") for name, value in self.tags.items()],
                alerts=bench.alerts,
                facts=bench.facts,
                wall=bench.wall,
                announce=lambda *_: None,
                synchronised=lambda: True,
            ),
            Meta(bench.door, bench.alerts, lambda: self.governors.pulses, bench.mode),
        ]
        self.governors = Governors(levels, bench.door, bench.mode)

    def run(self, seconds: int) -> float:
        """Let time go by. Returns the processor time of the ticks."""
        took, field = 0.0, self.bench.field
        for second in range(seconds):
            field.now += 1
            if second % 10 == 0:
                for name in self.tags:
                    self.tags[name] = self.rng.gauss(20.0, 0.5)
                for name, device in list(field.devices.items()):
                    field.device(name, requests=device.requests + 10, answers=device.answers + 10)
            begun = time.process_time()
            for pulse in self.governors.pulses.values():
                if field.now % pulse.level.pace == 0:
                    self.governors.tick(pulse, field.now)
            took += time.process_time() - begun
        return took


def measure(seconds: int, weighed: int) -> Cost:
    """Govern for so many seconds for the time, and for ``weighed`` for the memory, which slows all of it down."""
    share = Plant().run(seconds) / seconds
    tracemalloc.start()
    try:
        plant = Plant()
        plant.run(weighed)
        found = tracemalloc.take_snapshot().filter_traces([OWN])
    finally:
        tracemalloc.stop()
    return Cost(share, sum(trace.size for trace in found.statistics("filename")))


if __name__ == "__main__":
    HOURS = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    sys.stdout.write(f"{measure(round(HOURS * 3600), round(HOURS * 3600))}\n")
