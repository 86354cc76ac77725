"""Which absent unit is asked first."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.lines.health import Presence
from gateway.lines.polling import Polling
from gateway.settings.line_model import LineSettings
from tests.gateway.lines.bench import Facts, device, tag


async def test_a_unit_in_doubt_does_not_wait_behind_an_expensive_probe(autojump_clock: MockClock) -> None:
    devices = (
        device(1, tag("t", 0), timeout=2.0),
        device(2, tag("t", 0), timeout=0.1),
        device(3, tag("t", 0)),
        device(4, tag("t", 0)),
    )
    settings = LineSettings(name="bus", transport="rtu", port="sim", devices=devices)
    store = TagStore(trio.current_time, Timeline(trio.current_time, lambda: 0.0, lambda: True))
    polling = Polling(settings, numbered=False, store=store, facts=Facts(), announce=lambda *_: None)
    slow, quick, silent = (polling.unit(number) for number in (1, 2, 3))
    for unit in (slow, quick):
        unit.health.answered(0.0, 0.01)
    for unit in (silent, slow, quick):
        unit.health.missed(1.0)
        polling.absent.add(unit)
    assert silent.health.presence is Presence.SILENT
    await trio.sleep(2.0)
    polling.budget.spend(0.7, 2.0)
    due = polling.absent.due(trio.current_time())
    assert due is not None
    assert due[0] is quick, "the credit is enough for the quick one alone"
    polling.absent.remove(quick, Presence.DOUBTFUL, 2.0)
    assert polling.absent.due(trio.current_time()) is None, "the silent one does not spend what is saved for the other"
