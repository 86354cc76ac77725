"""The system's own clock."""

from __future__ import annotations

import time
import uuid

from gateway.wallclock import WallClock, boot_id, uptime


def test_the_wall_clock_is_the_system_s() -> None:
    before = time.time()
    assert before <= WallClock().now() <= time.time()


def test_asking_for_synchronisation_changes_nothing_and_needs_no_rights() -> None:
    clock = WallClock()
    answers = {clock.synchronised() for _ in range(3)}
    assert len(answers) == 1
    assert answers <= {True, False}


def test_a_boot_has_one_id_and_a_clock_that_runs() -> None:
    assert boot_id() == boot_id()
    assert uuid.UUID(boot_id()).version == 4
    first = uptime()
    assert 0 < first <= uptime()
