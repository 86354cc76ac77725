"""A short run of the crash drill in ``event_kill``."""

from __future__ import annotations

from pathlib import Path

from tests.gateway.storage.event_kill import drill


def test_no_kill_loses_what_was_acknowledged(tmp_path: Path) -> None:
    found = drill(12, tmp_path, seed=5)
    assert found.kills == 12
    assert set(found.acknowledged) == {"event", "message", "read", "delivery", "cursor"}
    assert found.dropped > 0
    assert (found.lost, found.ahead, found.corrupt, found.news) == ([], 0, 0, [])
