"""The fault drill: each story goes as it must, and the same seed draws the same figure."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sim.fault_drill import SCENES, Scene, told
from tests.sim.fault_drill_drift import drift
from tests.sim.fault_drill_figures import draw

pytestmark = pytest.mark.sim


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_what_goes_wrong_is_seen_acted_on_and_over(scene: Scene) -> None:
    assert told(scene, 2).ended.startswith("all is as before")


def test_a_sensor_that_drifts_is_found_and_explained() -> None:
    assert drift(2).ended.startswith("found after")


@pytest.mark.parametrize("seed", [1, 5])
def test_a_drift_near_the_edge_of_what_is_usual_is_told_once(seed: int) -> None:
    told = [entry for entry in drift(seed).entries if entry.who == "alert"]
    assert [entry.what.split()[0] for entry in told] == ["raised", "resolved"]


def test_the_same_seed_gives_the_same_story_and_the_same_figure(tmp_path: Path) -> None:
    vanishes = next(scene for scene in SCENES if scene.name == "port-vanishes")
    drawn = []
    for name in ("first.svg", "second.svg"):
        story = told(vanishes, 3)
        draw(tmp_path / name, story.title, story.track, story.shown)
        drawn.append((str(story), (tmp_path / name).read_bytes()))
    assert drawn[0] == drawn[1]
    figure = drawn[0][1].decode()
    assert all(f"{name}</text>" in figure for name in vanishes.shown)
    assert "<script" not in figure
