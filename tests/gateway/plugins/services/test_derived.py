"""Tags that plugins make: named, timed, bounded and ended as the gateway says, never in the place of another tag."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from gateway.core.bus import Subscription
from gateway.core.derived import Derived
from gateway.core.errors import Code, GatewayError
from gateway.core.reading import Quality, Reading, Reason, Value
from gateway.core.tags import Changes, Tag, TagStore
from gateway.core.timeline import Timeline
from gateway.plugins.host.services import Caller, DerivedReading
from gateway.plugins.services.derived import CHANGES_A_MINUTE, MOST, MOST_EACH, STALE_AFTER_S, DerivedTags

NOON = 1_800_000_000.0
HEAT = Caller("heat-1", "heat")
OTHER = Caller("heat-2", "heat")
NAME = "derived/power"


@dataclass
class Site:
    lines: set[str] = field(default_factory=lambda: {"boiler"})

    def __post_init__(self) -> None:
        timeline = Timeline(trio.current_time, lambda: NOON + trio.current_time(), lambda: True)
        self.store = TagStore(trio.current_time, timeline)
        self.wall = timeline.now
        self.store.add([Tag("boiler/plc/temp", "float32")])
        self.tags = DerivedTags(self.store, timeline, lambda: self.lines, trio.current_time)
        self._ear = Subscription[Changes](10_000)
        self.store.changes._subscriptions.append(self._ear)

    def say(
        self,
        value: Value | None,
        quality: str = "good",
        *,
        tag: str = NAME,
        by: Caller = HEAT,
        time: float | None = None,
        stale_after: float | None = None,
        units: str | None = None,
    ) -> None:
        quality = "bad" if value is None else quality
        self.tags.publish(by, DerivedReading(tag, value, quality, units, time, stale_after))

    def refusal(self, value: Value | None, **more: object) -> GatewayError:
        with pytest.raises(GatewayError) as refused:
            self.say(value, **more)  # type: ignore[arg-type]  # test data
        return refused.value

    def read(self, tag: str = NAME) -> Reading:
        reading = self.store.read(tag)
        assert reading is not None
        return reading

    def told(self) -> list[tuple[str, Value | None, Quality, Reason | None]]:
        found = []
        while (changes := self._ear.receive_nowait()) is not None:
            found += [(one.tag, one.value, one.quality, one.reason) for one in changes.readings]
        return found


def state(reading: Reading) -> tuple[Value | None, Quality, Reason | None]:
    return reading.value, reading.quality, reading.reason


async def test_what_a_plugin_says_is_a_tag_with_its_quality_time_and_maker(autojump_clock: MockClock) -> None:
    site = Site()
    await trio.sleep(5)
    site.say(41.9, units="kW")
    found = site.read()
    assert state(found) == (41.9, Quality.GOOD, None)
    assert found.sample is not None
    assert found.sample.wall == pytest.approx(NOON + trio.current_time())
    cell = site.store.cell(NAME)
    assert cell is not None
    assert (cell.tag.type, cell.tag.units, cell.tag.writable) == ("float64", "kW", False)
    assert cell.tag.origin == Derived("heat", "heat-1")
    site.say(40.0, "uncertain")
    assert state(site.read()) == (40.0, Quality.UNCERTAIN, Reason.PLUGIN_SAYS)
    site.say(None)
    assert state(site.read()) == (None, Quality.BAD, Reason.PLUGIN_SAYS)
    assert site.read().last_value == 40.0
    # What a bad reading does not say stays as it was.
    cell = site.store.cell(NAME)
    assert cell is not None
    assert (cell.tag.type, cell.tag.units) == ("float64", "kW")


async def test_changes_are_told_and_repetitions_renew_the_time_only(autojump_clock: MockClock) -> None:
    site = Site()
    for value, quality in ((1.0, "good"), (1.0, "good"), (2.0, "uncertain"), (2.0, "uncertain")):
        site.say(value, quality)
        await trio.sleep(1)
    good, doubtful = (NAME, 1.0, Quality.GOOD, None), (NAME, 2.0, Quality.UNCERTAIN, Reason.PLUGIN_SAYS)
    assert site.told() == [good, doubtful]
    sample = site.read().sample
    assert sample is not None
    assert sample.acquired == pytest.approx(trio.current_time() - 1)


@pytest.mark.parametrize(("said", "seconds"), [(None, STALE_AFTER_S), (7.0, 7.0)])
async def test_a_value_that_is_not_renewed_is_stale(
    autojump_clock: MockClock, said: float | None, seconds: float
) -> None:
    site = Site()
    site.say(1.0, stale_after=said)
    await trio.sleep(seconds - 0.5)
    assert site.read().quality is Quality.GOOD
    await trio.sleep(1)
    assert state(site.read()) == (1.0, Quality.UNCERTAIN, Reason.STALE)


async def test_tags_are_bad_when_their_instance_ends_and_gone_when_it_does(autojump_clock: MockClock) -> None:
    site = Site()
    site.say(1.0)
    site.say(2.0, tag="derived/other", by=OTHER)
    site.tags.ended(HEAT)
    assert state(site.read()) == (None, Quality.BAD, Reason.PLUGIN_STOPPED)
    assert site.read("derived/other").quality is Quality.GOOD
    site.say(1.0)
    assert site.read().quality is Quality.GOOD
    site.tags.forget(HEAT)
    assert site.store.read(NAME) is None
    assert site.told()[-1] == (NAME, None, Quality.BAD, Reason.PLUGIN_STOPPED)
    site.say(3.0, by=OTHER)
    assert site.read().value == 3.0


async def test_no_plugin_takes_the_name_of_another_tag(autojump_clock: MockClock) -> None:
    site = Site()
    site.say(1.0)
    for name, by, code, words in (
        ("boiler/plc/temp", HEAT, Code.CONFLICT, "belong to the line"),
        ("boiler/plc/new", HEAT, Code.CONFLICT, "belong to the line"),
        (NAME, OTHER, Code.CONFLICT, "heat-1"),
        ("power", HEAT, Code.INVALID, "plugin/heat/power"),
        ("plugin/scale/weight", HEAT, Code.INVALID, "plugin/heat/"),
    ):
        refused = site.refusal(99.0, tag=name, by=by)
        assert refused.code is code
        assert words in refused.reason
    site.say(1.0, tag="plugin/heat/power")
    assert state(site.read("boiler/plc/temp")) == (None, Quality.BAD, Reason.NOT_YET_READ)
    assert site.read().value == 1.0


async def test_a_tag_that_is_configured_later_wins(autojump_clock: MockClock) -> None:
    site = Site()
    site.say(1.0)
    (cell,) = site.store.add([Tag(NAME, "float64")])
    site.store.apply([cell], [5.0], trio.current_time())
    assert "configuration" in site.refusal(2.0).reason
    site.tags.ended(HEAT)
    site.tags.forget(HEAT)
    assert state(site.read()) == (5.0, Quality.GOOD, None)


async def test_an_age_comes_from_the_plugins_time_and_never_runs_backwards(autojump_clock: MockClock) -> None:
    site = Site()
    await trio.sleep(1000)
    site.say(1.0, time=site.wall() - 20)
    sample = site.read().sample
    assert sample is not None
    assert sample.acquired == pytest.approx(trio.current_time() - 20)
    assert "older" in site.refusal(2.0, time=site.wall() - 21).reason
    assert "future" in site.refusal(2.0, time=site.wall() + 60).reason
    site.say(3.0, time=site.wall() + 0.5)
    sample = site.read().sample
    assert sample is not None
    assert sample.acquired == trio.current_time()
    site.say(4.0, tag="derived/old", time=site.wall() - 90)
    assert state(site.read("derived/old")) == (4.0, Quality.UNCERTAIN, Reason.STALE)


async def test_another_type_or_unit_is_another_thing(autojump_clock: MockClock) -> None:
    site = Site()
    site.say(1.0, units="kW")
    site.say(True)
    cell = site.store.cell(NAME)
    assert cell is not None
    assert (cell.tag.type, cell.value, cell.tag.units) == ("bool", True, "kW")
    site.say("on")
    assert site.read().value == "on"


async def test_tags_and_changes_are_bounded(autojump_clock: MockClock) -> None:
    site = Site()
    for number in range(MOST_EACH):
        site.say(0.0, tag=f"derived/t{number}")
    assert site.refusal(0.0).code is Code.TOO_MANY
    for instance in range(1, MOST // MOST_EACH):
        for number in range(MOST_EACH):
            site.say(0.0, tag=f"d{instance}/t{number}", by=Caller(f"i{instance}", "heat"))
    assert site.refusal(0.0, by=OTHER).code is Code.TOO_MANY
    for number in range(CHANGES_A_MINUTE - MOST_EACH):
        site.say(float(number + 1), tag="derived/t0")
    refused = site.refusal(-1.0, tag="derived/t0")
    assert refused.code is Code.TOO_MANY
    # What says nothing new costs nothing.
    site.say(float(CHANGES_A_MINUTE - MOST_EACH), tag="derived/t0")
    await trio.sleep(60)
    site.say(-1.0, tag="derived/t0")


@pytest.mark.parametrize("value", ["x" * 501, 2**63])
async def test_values_that_nobody_can_keep_are_refused(autojump_clock: MockClock, value: Value) -> None:
    assert Site().refusal(value).field == "value"
