"""The fault drill: things go wrong on the stand, and it is held against what governors, limits and lines did about it.

``python -m tests.drill governors`` plays all stories, asserts how each went and ended, prints who did what and when,
and draws docs/figures. The same seed gives the same to the last byte.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import trio
from trio.testing import MockClock

from gateway.core.principal import Principal
from gateway.governor.level import LevelName
from tests.sim.fault_drill_drift import drift
from tests.sim.fault_drill_figures import draw
from tests.sim.fault_drill_stand import SETPOINT, Entry, Stand, Track, standing
from tests.sim.run import heard_log, same_every_time

ALL_OF_THE_BUS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Story:
    """One fault and what came of it.

    Attributes:
        name: of its figure.
        title: of it.
        entries: who did what.
        track: figures by the second.
        shown: those of them that are drawn.
        ended: how, in words.
    """

    name: str
    title: str
    entries: list[Entry]
    track: Track
    shown: tuple[str, ...]
    ended: str

    def __str__(self) -> str:
        return "\n    ".join([f"{self.title}: {self.ended}", *map(str, self.entries)])


Play = Callable[[Stand], Awaitable[str]]


async def dies(stand: Stand) -> str:
    """A device loses its power for five minutes, and comes back."""
    stand.silence("bus", [2], silent=True)
    await trio.sleep(300)
    back = stand.at
    stand.note("field", "the drive has power again")
    stand.silence("bus", [2], silent=False)
    await trio.sleep(180)
    assert 30 <= stand.found("alert", "raised (warning) device:bus/drive").at <= 40
    assert stand.found("alert", "resolved (warning) device:bus/drive").at <= back + 30
    assert stand.found("management", "relearn done").at <= back + 30
    assert not [entry for entry in stand.entries if entry.what.startswith("raised") and entry.at > back]
    assert not stand.missed(10, back), "a silent device cost others their deadlines"
    worst = min(stand.track.between("operational", 10, back))
    assert 80 <= worst <= 90, worst
    return stand.ended(f"the others missed no deadline meanwhile; operational health was {worst:.0f}")


async def vanishes(stand: Stand) -> str:
    """A USB adapter is pulled for three minutes, and put back."""
    other = stand.line("net").missed
    stand.memory["bus"].unplug()
    await trio.sleep(180)
    back = stand.at
    stand.note("field", "the adapter is put back")
    stand.memory["bus"].replug()
    await trio.sleep(180)
    assert stand.found("line", "line:down").at <= 1
    assert 15 <= stand.found("alert", "raised (warning) line:bus downSeconds").at <= 25
    assert stand.found("line", "line:up").at <= back + 15
    assert stand.found("alert", "resolved (warning) line:bus downSeconds").at <= back + 20
    assert stand.line("net").missed == other, "a port that is away cost another line its deadlines"
    # Opening a lost port is the line's own; a governor that meddled would only be in its way.
    assert not [entry for entry in stand.entries if entry.who == "management"]
    assert not [entry for entry in stand.entries if "device:" in entry.what and entry.who == "alert"]
    worst = min(stand.track.between("overall health", 10, back))
    return stand.ended(f"one alert for the line and none for its devices; overall health was {worst:.0f}")


async def deserted(stand: Stand) -> str:
    """The power of all devices of a line is off for ten minutes; its port is there all the time."""
    stand.silence("bus", ALL_OF_THE_BUS, silent=True)
    await trio.sleep(600)
    back = stand.at
    stand.note("field", "the devices have power again")
    stand.silence("bus", ALL_OF_THE_BUS, silent=False)
    await trio.sleep(900)
    assert 30 <= stand.found("alert", "raised (critical) line:bus silentSeconds").at <= 45
    assert 120 <= stand.found("management", "reopen done").at <= 130
    assert 300 <= stand.found("management", "restart done").at <= 315
    assert stand.found("alert", "resolved (critical) line:bus silentSeconds").at <= back + 30
    last = [entry for entry in stand.entries if entry.who == "management"][-1]
    assert last.at <= back + 30, "it went on recovering what was well"
    assert not [entry for entry in stand.entries if "raised (warning) device:" in entry.what]
    terms = {term.name: term.words for term in stand.governors.pulses[LevelName.MANAGEMENT].terms}
    assert terms["healed"].startswith("1 trouble healed, 0 are being tried"), terms
    return stand.ended("one alert for all devices; the ladder was climbed and left")


async def floods(stand: Stand) -> str:
    """An agent asks for all tags of the slow line anew, as often as it may and oftener, for five minutes."""
    agent = stand.agent("flooder")
    tags = [row.name for row in stand.field.tags("bus")]

    async def flood() -> None:
        while True:
            if stand.admitted(agent, "tag.read"):
                await stand.field.read(tags, 0.0)
            await trio.sleep(0.1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        nursery.start_soon(flood)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()
    over = stand.at
    stand.note("field", f"the flood ends; {stand.refused} calls were refused by the limits")
    await trio.sleep(600)
    assert stand.refused > 500
    bound = stand.found("coordination", "bound_on_demand done")
    assert bound.at <= 60
    assert stand.line("bus").on_demand_bound is None
    late = stand.missed(120, over)
    assert late <= 10, f"{late} deadlines missed although callers were bounded"
    return stand.ended(f"{stand.missed(0, 120)} deadlines missed in the first two minutes, {late} in the other three")


async def fight(stand: Stand) -> str:
    """Two agents write one set-point every ten seconds, each its own value; after twelve minutes one is mended."""
    first, second = stand.agent("hvac-1"), stand.agent("optimizer-2")
    done = dict.fromkeys((first.subject, second.subject), 0)

    async def write(agent: Principal, value: int) -> None:
        while True:
            done[agent.subject] += await stand.write(agent, value) is not None
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write, first, 1500)
        await trio.sleep(5)
        with trio.move_on_after(720 - stand.at):
            await write(second, 900)
        stand.note("field", "optimizer-2 is mended: it writes no more")
        await trio.sleep(600)
        nursery.cancel_scope.cancel()
    await trio.sleep(60)
    raised = stand.found("alert", f"raised (warning) tag:{SETPOINT} fight")
    assert raised.at <= 30
    resolved = stand.found("alert", f"resolved (warning) tag:{SETPOINT} fight")
    # Ten minutes after the last refusal, which is told once a minute.
    assert 1260 <= resolved.at <= 1340
    kept = [entry.what.partition(";")[0] for entry in stand.entries if entry.who == "write door"]
    assert kept == [f"keeps {SETPOINT} for agent hvac-1, for {minutes} min" for minutes in (5, 10)], kept
    assert done[first.subject] >= 130, done
    assert done[second.subject] <= 10, done
    return stand.ended(f"hvac-1 wrote {done[first.subject]} times, optimizer-2 {done[second.subject]} times")


@dataclass(frozen=True, slots=True)
class Scene:
    """A story that is played on the stand, and what is drawn of it."""

    play: Play
    name: str
    title: str
    shown: tuple[str, ...]


SCENES = (
    Scene(dies, "device-dies", "A device dies", ("overall health", "operational", "management", "good tags, %")),
    Scene(
        vanishes, "port-vanishes", "A port vanishes", ("overall health", "operational", "management", "good tags, %")
    ),
    Scene(
        deserted,
        "nobody-answers",
        "Nobody answers on a line",
        ("overall health", "operational", "management", "good tags, %"),
    ),
    Scene(
        floods,
        "agent-floods",
        "An agent floods a slow line",
        ("line busy, %", "reads on demand, %", "bound, %", "deadlines missed"),
    ),
    Scene(
        fight, "agents-fight", "Two agents fight over one set-point", ("overall health", "coordination", "management")
    ),
)


def told(scene: Scene, seed: int) -> Story:
    """Play one scene.

    Raises:
        AssertionError: it did not go as it must.
    """
    with same_every_time(seed), heard_log() as falls, tempfile.TemporaryDirectory() as directory:
        story = trio.run(_played, scene, Path(directory), clock=MockClock(autojump_threshold=0))
    assert not falls, f"{scene.title}: a part of the gateway fell: {falls[0]}"
    return story


async def _played(scene: Scene, directory: Path) -> Story:
    async with standing(directory) as stand:
        stand.begin()
        ended = await scene.play(stand)
        return Story(scene.name, scene.title, stand.entries, stand.track, scene.shown, ended)


def stories(seed: int) -> list[Story]:
    """All of them, in the order of docs/governors.md."""
    drifted = drift(seed)
    shown = ("measured, °C", "true, °C", "alert stands")
    return [
        *(told(scene, seed) for scene in SCENES),
        Story("sensor-drifts", "A sensor drifts", drifted.entries, drifted.track, shown, drifted.ended),
    ]


def drill(seed: int = 1, figures: Path | None = None) -> str:
    """Play all stories; draw their figures where that is asked for.

    Raises:
        AssertionError: one did not go as it must.
    """
    played = stories(seed)
    if figures is not None:
        for story in played:
            draw(figures / f"governors-{story.name}.svg", story.title, story.track, story.shown)
    return "\n    ".join(["", *map(str, played)])
