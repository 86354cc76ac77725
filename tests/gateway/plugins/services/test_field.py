"""What plugins write is noted under the name of their instance, with an honest outcome, in bounded time."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from gateway.core.audit import AuditEntry
from gateway.core.ports import Outcome
from gateway.core.principal import Kind
from gateway.core.tags import TagStore
from gateway.core.timeline import Timeline
from gateway.plugins.host.desk import DEADLINE_S
from gateway.plugins.host.services import Caller
from gateway.plugins.services.derived import DerivedTags
from gateway.plugins.services.field import WRITE_S, SerialService, TagService, Writes
from tests.gateway.api.fakes import FakeField, Notes

HEAT = Caller("heat-1", "heat")


def services(devices: FakeField, notes: Notes) -> tuple[TagService, SerialService]:
    timeline = Timeline(trio.current_time, trio.current_time, lambda: True)
    derived = DerivedTags(TagStore(trio.current_time, timeline), timeline, tuple, trio.current_time)
    writes = Writes(notes)
    return TagService(devices, derived, writes), SerialService(devices, writes)


def shown(entry: AuditEntry) -> tuple[object, ...]:
    return entry.subject, entry.target, entry.outcome, entry.details


async def test_writes_of_tags_and_lines_are_noted_and_judged_as_those_of_the_instance(
    autojump_clock: MockClock,
) -> None:
    devices, notes = FakeField(), Notes()
    tags, serial = services(devices, notes)
    assert (await tags.write(HEAT, "bus/d1/set", 5, 10.0)).outcome is Outcome.CONFIRMED
    (by,) = devices.wrote_for
    assert by is not None
    assert (by.subject, by.kind, by.scopes) == ("plugin:heat/heat-1", Kind.PLUGIN, frozenset())
    assert (await serial.write(HEAT, "scale", b"Z\r\n")).outcome is Outcome.CONFIRMED
    assert devices.written == [("bus/d1/set", 5, 10.0), ("scale", b"Z\r\n")]
    assert [shown(entry) for entry in notes.entries] == [
        ("plugin:heat/heat-1", "bus/d1/set", "done", {"value": 5, "lease": 10.0}),
        ("plugin:heat/heat-1", "scale", "done", {"bytes": 3, "data": "5a0d0a"}),
    ]


async def test_a_write_that_does_not_come_to_its_end_is_said_to_be_unknown(autojump_clock: MockClock) -> None:
    devices, notes = FakeField(), Notes()
    devices.write_takes = 60.0
    tags, _ = services(devices, notes)
    begun = trio.current_time()
    result = await tags.write(HEAT, "bus/d1/set", 5, None)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "deadline")
    # The host has patience enough to hear of it.
    assert trio.current_time() - begun == WRITE_S < DEADLINE_S
    assert [entry.outcome for entry in notes.of("tag.write")] == ["unknown"]


async def test_a_serial_line_is_read_as_callers_of_the_api_read_it(autojump_clock: MockClock) -> None:
    devices = FakeField()
    _, serial = services(devices, Notes())
    assert await serial.read("scale", 1.5) == devices.serial
    assert devices.asked == [("scale", 1.5)]
