"""Agents at work on a running gateway, for a moment; ``python -m tests.drill soak`` gives a hundred of them minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lookout import contradictions
from tests.e2e.soak import soak

AGENTS = 20
SECONDS = 20.0


def test_agents_work_on_a_gateway_that_polls_and_keeps_its_promises(tmp_path: Path) -> None:
    found = soak(tmp_path, AGENTS, SECONDS)
    assert found.faults() == [], str(found)
    assert found.crowded or found.late() == [], str(found)


@pytest.mark.parametrize(
    ("health", "counts", "agrees"),
    [
        (92, (3, 2, 1), True),
        (93, (3, 2, 1), False),
        (92, (3, 1, 2), False),
        (92, (1, 2, 2), False),
        (None, None, False),
    ],
)
def test_figures_that_contradict_each_other_are_found(
    health: int | None, counts: tuple[int, int, int] | None, *, agrees: bool
) -> None:
    levels = dict(zip("abcde", (95, 88, 92, 90, 94), strict=True))
    governors: dict[str, dict[str, object]] = {
        name: {"active": True, "health": level} for name, level in levels.items()
    }
    governors["f"] = {"active": False, "health": None}
    total, active, healthy = counts or (0, 0, 0)
    status = {"governors": governors, "overall": {"health": health}}
    agents = {"agents": {"total": total, "active": active, "healthy": healthy}}
    assert (contradictions(status, agents) == []) is agrees
