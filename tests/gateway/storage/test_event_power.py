"""A short run of the power cuts in ``event_power``."""

from __future__ import annotations

import random

from tests.e2e.programs import missing
from tests.gateway.storage.event_disk import Operation, after_power_cut, library, memory_directory
from tests.gateway.storage.event_power import cut_everywhere


async def test_a_power_cut_after_any_write_loses_nothing_that_was_acknowledged() -> None:
    if library() is None:
        missing("this Python's SQLite cannot be reached")
    with memory_directory() as memory:
        survived = await cut_everywhere(memory, 2)
    assert survived.cuts > 200
    assert (survived.broken, survived.ahead, survived.corrupt) == ([], 0, 0)
    # Had nothing been synced, this would have told.
    assert survived.careless == survived.acknowledged


def test_the_cuts_would_find_a_missing_sync() -> None:
    done = [Operation("write", "x", 0, b"a" * 1024), Operation("write", "y", 0, b"b"), Operation("sync", "y")]
    assert after_power_cut(done, None, 0.0) == {"x": b"", "y": b"b"}
    assert after_power_cut(done, None, 1.0) == {"x": b"a" * 1024, "y": b"b"}
    torn = after_power_cut(done, random.Random(3), 0.5)["x"]
    assert torn in {b"", b"a" * 512, b"a" * 1024, bytes(512) + b"a" * 512}
