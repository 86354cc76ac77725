"""The examples of the plugin kit, as real processes in real sandboxes, beside a gateway in memory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import trio

from gateway.plugins.host.sandbox import Means, Runtime
from gateway.plugins.host.services import DerivedReading
from gateway.plugins.host.states import Health

from .fakes import event
from .real import PATIENCE_S, Site, site

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[4]
EXAMPLES = ROOT / "docs" / "examples" / "plugins"


@pytest.fixture
def kit(place: Path) -> Path:
    """The kit where users of plugins can read it."""
    target = place / "kit"
    shutil.copytree(
        ROOT / "gateway" / "sdk" / "ferrule_plugin",
        target / "ferrule_plugin",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    return target


async def published(on: Site, count: int) -> DerivedReading:
    with trio.fail_after(PATIENCE_S):
        while len(on.gateway.published) < count:  # noqa: ASYNC110 - another process sets no event
            await trio.sleep(0.02)
    return on.gateway.published[count - 1][1]


async def test_a_derived_tag_follows_its_inputs(means: Means, place: Path, kit: Path) -> None:
    config = {
        "supply": "heat/plc/supply",
        "return": "heat/plc/return",
        "flow": "heat/plc/flow",
        "result": "derived/power",
    }
    granted = ("read-tags:heat/*", "read-events:tag:changed", "publish-readings:derived/*")
    async with site(
        means,
        place,
        EXAMPLES / "derived-tag",
        config={**config},
        permissions=granted,
        kit=kit,
        values={
            "heat/plc/supply": 70.0,
            "heat/plc/return": 50.0,
            "heat/plc/flow": 0.5,
        },
    ) as on:
        assert await published(on, 1) == DerivedReading("derived/power", 41.9, "good", "kW", None)
        change = {"tag": "heat/plc/supply", "value": 60.0, "quality": "good", "reason": None}
        on.instance.offer(event("tag:changed", change))
        assert (await published(on, 2)).value == 20.95
        on.instance.offer(event("tag:changed", {**change, "value": None, "quality": "bad", "reason": "no_answer"}))
        assert await published(on, 3) == DerivedReading("derived/power", None, "bad", "kW", None)
        assert await on.instance.message({"type": "power", "payload": None}, PATIENCE_S) == {"kilowatts": None}
        await on.health(Health.DEGRADED)


async def test_a_raw_scale_is_read(means: Means, place: Path) -> None:
    config = {"line": "scale", "tag": "scale/weight", "period": 0.05}
    granted = ("read-serial:scale", "publish-readings:scale/*")
    async with site(
        means,
        place,
        EXAMPLES / "raw-scale",
        config=config,
        permissions=granted,
        runtime=Runtime.NODE,
        command=("main.js",),
    ) as on:
        first = await published(on, 1)
        assert (first.value, first.quality) == (None, "bad")
        for text, value, quality in (
            ("ST,GS,+  12.34kg\r\n", 12.34, "good"),
            ("US,GS,-   0.50kg\r\n", -0.5, "uncertain"),
            ("OL,GS,+  99.99kg\r\n", None, "bad"),
        ):
            on.gateway.serial["scale"] = text
            count = len(on.gateway.published)
            reading = await published(on, count + 3)
            assert (reading.tag, reading.value, reading.quality, reading.units) == (
                "scale/weight",
                value,
                quality,
                "kg",
            )
        await on.health(Health.HEALTHY)
