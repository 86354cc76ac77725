"""Plugins as real processes within a gateway: its lines and tags, its events, its disk, its audit log."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from drivers.simulated.device import SimulatedDevice
from gateway.api.metrics.exposition import render
from gateway.api.metrics.plugins import plugin_families
from gateway.core.alerts import Alert
from gateway.core.errors import Code, GatewayError
from gateway.core.patterns import parse_selection
from gateway.core.reading import Quality, Reading, Reason
from gateway.core.supervise import Lives
from gateway.core.timeline import Timeline
from gateway.events.charges import Charges
from gateway.events.publishers import Publishers
from gateway.events.shares import Shares
from gateway.events.tag_watch import TagWatch
from gateway.governor.arbitration import Arbitration
from gateway.hosting import Hosting, Surrounding
from gateway.plugins.host.ground import INSTANCES
from gateway.plugins.host.instance import Instance
from gateway.plugins.host.sandbox import MEBI, Bounds, Means
from gateway.plugins.host.states import Timing
from gateway.plugins.host.usage import descendants
from gateway.settings.model import Settings
from gateway.storage.plugin_store import open_plugins
from gateway.storage.settings import StoreSettings
from gateway.storage.storage import open_storage
from tests.gateway.agents.board import Facts
from tests.gateway.api.fakes import Notes
from tests.gateway.events.board import Board
from tests.gateway.events.board import running as running_board
from tests.gateway.lines.bench import Bench, device, open_bench, tag

from .fakes import spec
from .real import PATIENCE_S

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[4]
DERIVED = ROOT / "docs" / "examples" / "plugins" / "derived-tag"
KIT = ROOT / "gateway" / "sdk" / "ferrule_plugin"
RESULT = "plugin/heat/power"
INPUTS = {"supply": "bus/d1/supply", "return": "bus/d1/return", "flow": "bus/d1/flow"}
BEGIN = "from ferrule_plugin import *\nplugin = Plugin()\n"
# Does something once it is started, and says in its log what came of it.
TRY = """
def tried(work):
    try:
        return work()
    except PluginError as error:
        return f"{type(error).__name__}: {error}"
"""


@dataclass
class Site:
    bench: Bench
    board: Board
    notes: Notes
    device: SimulatedDevice
    hosting: Hosting
    place: Path

    async def start(self, code: str | Path, **changes: Any) -> Instance:
        """Install a plugin, and have it run."""
        package = self.place / "package"
        if isinstance(code, Path):
            shutil.copytree(code, package)
        else:
            package.mkdir()
            (package / "main.py").write_text(BEGIN + TRY + code + "\nplugin.run()\n")
        package.chmod(0o755)
        kit = self.place / "kit"
        shutil.copytree(KIT, kit / "ferrule_plugin", ignore=shutil.ignore_patterns("__pycache__"))
        members = {
            "instance": "heat-1",
            "plugin": "heat",
            "package": package,
            "kit": kit,
            "bounds": Bounds(memory=64 * MEBI, tasks=16, cpu=4.0),
        }
        instance = await self.hosting.host.add(spec(**{**members, **changes}))
        await instance.activate(None)
        return instance

    async def reads(self, wanted: Callable[[Reading], bool], name: str = RESULT) -> Reading:
        """What a tag says, once it says what is wanted."""
        with trio.fail_after(PATIENCE_S):
            while True:
                reading = self.bench.store.read(name)
                if reading is not None and wanted(reading):
                    return reading
                await trio.sleep(0.02)

    async def alert(self) -> Alert:
        """The first one that stands."""
        with trio.fail_after(PATIENCE_S):
            while True:
                for alert in self.board.alerts.standing():
                    return alert
                await trio.sleep(0.02)

    async def says(self, instance: Instance, start: str) -> str:
        """The first line of an instance's log that starts so."""
        with trio.fail_after(PATIENCE_S):
            while True:
                for note in instance.notes.last():
                    if note.text.startswith(start):
                        return note.text
                await trio.sleep(0.02)


@asynccontextmanager
async def site(place: Path, *, poll: float = 0.1, timing: Timing | None = None) -> AsyncIterator[Site]:
    simulated = SimulatedDevice(1, holding=dict(enumerate((70, 50, 1, 5, 0))))
    tags = [tag(name, address, poll=poll) for address, name in enumerate(INPUTS)]
    tags.append(tag("set", 3, poll=poll, writable=True))
    tags.append(tag("fixed", 4, poll=poll))
    notes = Notes()
    state = place / "state"
    state.mkdir(mode=0o750)
    settings = StoreSettings(write_budget=200_000_000)
    async with (
        running_board() as board,
        open_storage(state, settings=settings, monotonic=trio.current_time, wall=board.timeline.now) as storage,
        open_plugins(storage) as plugins,
        open_bench([device(1, *tags)], [simulated], arbiter=Arbitration(trio.current_time, lambda _: None)) as bench,
        trio.open_nursery() as nursery,
    ):
        shares = Shares(1_000_000, 604_800.0, Facts(), board.timeline.now)
        publishers = Publishers(board.journal, Charges(shares, board.alerts), notes, board.timeline.now)
        hosting = Hosting(
            Surrounding(
                state=state,
                settings=lambda: Settings(lines=(bench.settings,)),
                devices=bench.field,
                tags=bench.store,
                timeline=Timeline(trio.current_time, lambda: 1_700_000_000 + trio.current_time(), lambda: True),
                audit=notes,
                alerts=board.alerts,
                bus=board.bus,
                door=publishers,
                database=plugins.database,
                exists=_exists,
                journal=board.journal,
                timing=timing or Timing(),
            )
        )
        nursery.start_soon(TagWatch(bench.store, board.journal, lambda: 0.0).run)
        async with hosting.running():
            yield Site(bench, board, notes, simulated, hosting, place)
        nursery.cancel_scope.cancel()


async def _exists(plugin: str) -> None:
    await trio.lowlevel.checkpoint()
    if plugin != "heat":
        raise GatewayError(Code.NOT_FOUND, f"there is no plugin {plugin}")


def good(value: object) -> Callable[[Reading], bool]:
    return lambda reading: reading.quality is Quality.GOOD and reading.value == value


def bad(reason: Reason) -> Callable[[Reading], bool]:
    return lambda reading: reading.quality is Quality.BAD and reading.reason is reason


def kill_plugins() -> None:
    """Kill -9 what runs a plugin, deep in its sandbox."""
    killed = 0
    for pid, _ in reversed(descendants(os.getpid())):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"python" in words[0] and any(word.endswith(b"main.py") for word in words):
            os.kill(pid, signal.SIGKILL)
            killed += 1
    assert killed == 1


async def test_a_derived_tag_lives_and_dies_with_its_plugin(means: Means, place: Path) -> None:
    granted = ("read-tags:bus/*", "read-events:tag:changed", "publish-readings:plugin/heat/*")
    async with site(place) as on:
        await on.reads(lambda reading: reading.quality is Quality.GOOD, INPUTS["flow"])
        instance = await on.start(DERIVED, config={**INPUTS, "result": RESULT}, permissions=granted)
        found = await on.reads(good(83.8))
        assert found.sample is not None
        assert found.sample.acquired <= trio.current_time()
        (row,) = [row for row in on.bench.field.tags() if row.name == RESULT]
        assert (row.type, row.units, row.place) == ("float64", "kW", {"plugin": "heat", "instance": "heat-1"})
        on.device.set("holding", 2, 2)
        await on.reads(good(167.6))
        (changed,) = [event for event in on.board.told if event.data.get("value") == 167.6]
        assert changed.type == "tag:changed"

        kill_plugins()
        dead = await on.reads(bad(Reason.PLUGIN_STOPPED))
        assert dead.value is None
        await on.reads(good(167.6))
        assert instance.report().restarts == 1

        await on.hosting.host.remove("heat-1", None)
        assert on.bench.store.read(RESULT) is None
        assert list((on.place / "state" / INSTANCES).iterdir()) == []


async def test_a_plugin_writes_what_it_may_through_the_door_of_all_and_is_noted(means: Means, place: Path) -> None:
    code = """
@plugin.on_start
def begin():
    for tag in ("bus/d1/set", "bus/d1/fixed", "bus/d1/flow"):
        plugin.log.info("%s %s", tag, tried(lambda: plugin.write(tag, 42).outcome))
"""
    async with site(place) as on:
        await on.reads(good(5), "bus/d1/set")
        instance = await on.start(code, permissions=("write-tags:bus/d1/set", "write-tags:bus/d1/fixed"))
        assert await on.says(instance, "bus/d1/set") == "bus/d1/set confirmed"
        assert on.device.get("holding", 3) == 42
        assert "read-only" in await on.says(instance, "bus/d1/fixed")
        assert "NotPermittedError" in await on.says(instance, "bus/d1/flow")
        done, failed = on.notes.of("tag.write")
        assert (done.subject, done.kind, done.target) == ("plugin:heat/heat-1", "plugin", "bus/d1/set")
        assert (done.outcome, done.details) == ("done", {"value": 42})
        assert (failed.target, failed.outcome) == ("bus/d1/fixed", "failed")


async def test_a_plugin_hears_and_publishes_events_within_its_share(means: Means, place: Path) -> None:
    code = """
@plugin.on_event()
def orders(event):
    plugin.log.info("heard %s", event.data["what"])
    plugin.publish("heat:done", {"of": event.data["what"]}, persistent=True)
    plugin.log.info("told %s", tried(lambda: plugin.publish("alarm:raised", {})))
    plugin.log.info("large %s", tried(lambda: plugin.publish("heat:large", {"x": ["y"] * 20000})))
"""
    async with site(place) as on:
        instance = await on.start(
            code,
            permissions=("read-events:order:*", "publish-events"),
            subscriptions={"orders": parse_selection(["order:*"], {})},
        )
        await on.board.journal.accept("order:made", {"what": "heat"})
        assert await on.says(instance, "heard") == "heard heat"
        assert "InvalidError" in await on.says(instance, "told")
        assert "InvalidError" in await on.says(instance, "large")
        (done,) = [event for event in on.board.disk.events if event.type == "heat:done"]
        assert done.data == {"of": "heat"}
        (noted,) = on.notes.of("event.publish")
        assert (noted.subject, noted.target) == ("plugin:heat", done.id)


async def test_what_a_plugin_keeps_outlives_it_until_it_is_removed(means: Means, place: Path) -> None:
    code = """
@plugin.on_start
def begin():
    lives = plugin.storage.get("lives", 0) + 1
    plugin.storage.put("lives", lives)
    plugin.log.info("life %s", lives)
"""
    async with site(place) as on:
        instance = await on.start(code, permissions=("use-storage",))
        await on.says(instance, "life 1")
        kill_plugins()
        await on.says(instance, "life 2")
        await on.hosting.host.remove("heat-1", None)
        shutil.rmtree(on.place / "package")
        shutil.rmtree(on.place / "kit")
        await on.says(await on.start(code, permissions=("use-storage",)), "life 1")


async def test_a_plugin_that_does_not_stay_up_is_an_alert(means: Means, place: Path) -> None:
    async with site(place, timing=Timing(lives=Lives(restarts=0))) as on:
        await on.start("raise SystemExit(3)")
        alert = await on.alert()
        assert (alert.component, alert.metric) == ("instance:heat-1", "parked")
        assert "code 3" in alert.summary


async def test_a_plugin_that_babbles_does_not_stop_the_polling(means: Means, place: Path) -> None:
    code = """
import threading

def babble():
    number = 0
    while True:
        number += 1
        tried(lambda: plugin.publish_reading("plugin/heat/noise", number))
        tried(lambda: plugin.publish("noise:made", {"number": number}))

@plugin.on_start
def begin():
    for _ in range(4):
        threading.Thread(target=babble, daemon=True).start()
"""
    async with site(place) as on:
        instance = await on.start(code, permissions=("publish-readings", "publish-events"))
        await _until(lambda: instance.report().request_errors > 200)
        before = await on.reads(lambda reading: reading.sample is not None, "bus/d1/set")
        assert before.sample is not None
        on.device.set("holding", 3, 6)
        after = await on.reads(good(6), "bus/d1/set")
        assert after.sample is not None
        assert after.sample.acquired > before.sample.acquired
        # So much a minute is told, and no more.
        assert len([event for event in on.board.told if event.type == "noise:made"]) < 1200


async def test_how_plugins_do_is_measured(means: Means, place: Path) -> None:
    async with site(place) as on:
        assert on.hosting.health() == (None, 0)
        instance = await on.start("")
        await _until(lambda: instance.report().usage is not None and instance.report().health is not None)
        assert on.hosting.health() == ("healthy", 1)
        page = "".join(piece for family in plugin_families(on.hosting.reports()) for piece in render(family))
        text = '{plugin="heat",instance="heat-1"}'
        assert f"ferrule_plugin_instance_up{text} 1\n" in page
        assert 'ferrule_plugin_instance_state{plugin="heat",instance="heat-1",state="active"} 1\n' in page
        memory = re.search(rf"ferrule_plugin_instance_memory_bytes{re.escape(text)} (\d+)\n", page)
        assert memory is not None
        assert int(memory[1]) > MEBI
        assert f"ferrule_plugin_instance_restarts_total{text} 0\n" in page
        kill_plugins()
        await _until(lambda: instance.report().restarts == 1)
        assert on.hosting.health() == ("degraded", 0)
        await instance.deactivate(None)
        assert on.hosting.health() == ("healthy", 0)


async def _until(true: Callable[[], bool]) -> None:
    with trio.fail_after(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - another process sets no event
            await trio.sleep(0.02)
