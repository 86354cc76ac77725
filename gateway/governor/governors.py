"""The five loops: one supervised task a level, and the status they make together.

A level that falls is set up again like any other part, and parked alone when it keeps falling: polling does not depend
on it. What a level had in force is taken back when it falls or is switched to advising.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
import trio

from gateway.core.ports import Json
from gateway.core.supervise import Lives, supervise
from gateway.governor.actions import ActionDoor, Mode
from gateway.governor.health import Term, health_of, overall, status
from gateway.governor.level import Level, LevelName

log = structlog.stdlib.get_logger(__name__)

# A level that has not ticked for so many of its paces counts as stuck.
STUCK_PACES = 5


@dataclass(slots=True, eq=False)
class Pulse:
    """How a level's loop does.

    Attributes:
        ticked: when it last finished a tick, on the run loop's clock; None before the first.
        busy: seconds of the processor all its ticks took.
        longest: seconds of the longest: for so long it held up everything else.
        falls: how often it fell by a fault of ours.
        parked: it is out of lives, for now.
    """

    level: Level
    ticked: float | None = None
    busy: float = 0.0
    longest: float = 0.0
    falls: int = 0
    parked: bool = False
    terms: tuple[Term, ...] = field(default=())

    def stuck(self, now: float) -> bool:
        """Whether it should have ticked long ago."""
        return self.ticked is not None and now - self.ticked > STUCK_PACES * self.level.pace

    def active(self, now: float) -> bool:
        """Whether its figures can be relied on: it has looked, and goes on looking."""
        return self.ticked is not None and not self.parked and not self.stuck(now)


class Governors:
    """The governors of this gateway.

    Args:
        levels: lowest first; the order in which they are shown.
        door: what they act through.
        mode: whether a level acts or advises.
        at_end: called when the loops have ended, for what has been learned since it was last kept.
        lives: how often a level may fall by a fault of ours.
        processor: seconds of the processor this thread has used.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        door: ActionDoor,
        mode: Callable[[LevelName], Mode],
        *,
        at_end: Callable[[], None] = lambda: None,
        lives: Lives | None = None,
        processor: Callable[[], float] = time.thread_time,
    ) -> None:
        self.door = door
        self.pulses: Mapping[LevelName, Pulse] = {level.name: Pulse(level) for level in levels}
        self._mode = mode
        self._at_end = at_end
        self._lives = lives
        self._processor = processor

    async def run(self) -> None:
        """Run the loops until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                for pulse in self.pulses.values():
                    nursery.start_soon(self._supervised, pulse)
        finally:
            self._at_end()

    async def _supervised(self, pulse: Pulse) -> None:
        name = pulse.level.name

        def fell(_: Exception) -> None:
            pulse.falls += 1
            self.door.withdraw_all(name, f"the {name} governor fell by a fault of its own", trio.current_time())

        def parked(_: Exception) -> None:
            pulse.parked = True

        await supervise(f"governor {name}", lambda: self._loop(pulse), lives=self._lives, on_fall=fell, on_park=parked)

    async def _loop(self, pulse: Pulse) -> None:
        pulse.parked = False
        while True:
            self.tick(pulse, trio.current_time())
            await trio.sleep(pulse.level.pace)

    def tick(self, pulse: Pulse, now: float) -> None:
        """Let one level look and decide, and measure what that costs."""
        name = pulse.level.name
        begun = self._processor()
        if self._mode(name) is Mode.ADVISE:
            self.door.withdraw_all(name, f"the {name} governor only advises", now)
        pulse.level.tick(now)
        pulse.terms = pulse.level.terms()
        took = self._processor() - begun
        pulse.ticked = now
        pulse.busy += took
        pulse.longest = max(pulse.longest, took)

    def health(self, name: LevelName, now: float) -> int | None:
        """A level's health; None while it is not active, or measured nothing yet."""
        pulse = self.pulses[name]
        return health_of(pulse.terms) if pulse.active(now) else None

    def status(self, now: float) -> dict[str, Json]:
        """What ``governor.status`` answers: the seed's members first, then what the figures are made of."""
        healths = {name: self.health(name, now) for name in self.pulses}
        whole = overall(health for health in healths.values() if health is not None)
        return {
            "governors": {str(name): self._shown(pulse, healths[name], now) for name, pulse in self.pulses.items()},
            "overall": {"health": whole, "status": status(whole)},
        }

    def _shown(self, pulse: Pulse, health: int | None, now: float) -> dict[str, Json]:
        return {
            "active": pulse.active(now),
            "health": health,
            **pulse.level.figures(),
            "mode": str(self._mode(pulse.level.name)),
            "longestTick": round(pulse.longest, 5),
            "terms": [
                {
                    "name": term.name,
                    "score": None if term.score is None else round(term.score, 1),
                    "weight": term.weight,
                    "measured": term.words,
                }
                for term in pulse.terms
            ],
        }
