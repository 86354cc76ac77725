"""Every method in the form the design fixes, called through the whole application."""

from __future__ import annotations

import base64

import httpx
import pytest
from trio.testing import MockClock

from gateway.core.ports import RawAnswer, SerialAnswer
from gateway.core.reading import Quality, Reading, Sample
from gateway.core.timeline import Era
from tests.gateway.api.fakes import NOON
from tests.gateway.api.rig import Rig, error, result

NOON_TEXT = "2027-01-15T08:00:00.000Z"


async def test_a_good_reading_has_value_quality_and_the_time_of_its_acquisition(client: httpx.AsyncClient) -> None:
    assert await result(client, "tag.read", {"tags": ["bus/meter/power"]}) == {
        "readings": [
            {
                "tag": "bus/meter/power",
                "value": 42.5,
                "quality": "good",
                "reason": None,
                "timestamp": NOON_TEXT,
                "clock": "synchronised",
                "sequence": 7,
            }
        ]
    }


async def test_a_bad_reading_has_no_value_but_the_last_one_with_its_own_time(client: httpx.AsyncClient) -> None:
    dead, new = (await result(client, "tag.read", {"tags": ["bus/dead/flow", "bus/dead/new"]}))["readings"]
    assert dead == {
        "tag": "bus/dead/flow",
        "value": None,
        "quality": "bad",
        "reason": "no_answer",
        "message": "the device does not answer: check power, wiring (A and B swapped?), unit, baud rate and parity",
        "timestamp": NOON_TEXT,
        "clock": "synchronised",
        "sequence": 7,
        "lastValue": 3,
    }
    assert new == {
        "tag": "bus/dead/new",
        "value": None,
        "quality": "bad",
        "reason": "not_yet_read",
        "message": "not read since the gateway started",
        "timestamp": None,
        "clock": None,
        "sequence": None,
    }


async def test_an_uncertain_reading_keeps_its_value_and_says_why(client: httpx.AsyncClient) -> None:
    (reading,) = (await result(client, "tag.read", {"tags": ["bus/meter/run"]}))["readings"]
    assert (reading["value"], reading["quality"], reading["reason"]) == (True, "uncertain", "stale")


async def test_tags_of_different_answers_have_their_own_times(rig: Rig, client: httpx.AsyncClient) -> None:
    late = Sample(200.25, Era(NOON - 100.0, synchronised=False), 8)
    rig.field.known["bus/meter/late"] = Reading("bus/meter/late", 1, Quality.GOOD, None, late, 1)
    names = ["bus/meter/power", "bus/meter/late", "bus/meter/run", "bus/dead/new", "bus/meter/late"]
    found = (await result(client, "tag.read", {"tags": names}))["readings"]
    assert [reading["timestamp"] for reading in found] == [
        NOON_TEXT,
        "2027-01-15T08:01:40.250Z",
        NOON_TEXT,
        None,
        "2027-01-15T08:01:40.250Z",
    ]
    assert [reading["clock"] for reading in found[:2]] == ["synchronised", "unsynchronised"]


async def test_the_greatest_register_values_come_through_exactly(rig: Rig, client: httpx.AsyncClient) -> None:
    for value in (2**64 - 1, -(2**63), 1e308, "Zähler №1"):
        rig.field.known["bus/meter/power"] = Reading("bus/meter/power", value, Quality.GOOD, None, None, value)
        (reading,) = (await result(client, "tag.read", {"tags": ["bus/meter/power"]}))["readings"]
        assert reading["value"] == value


async def test_max_age_reaches_the_field(rig: Rig, client: httpx.AsyncClient) -> None:
    await result(client, "tag.read", {"tags": ["bus/meter/power"], "maxAge": 2})
    await result(client, "tag.read", {"tags": ["bus/meter/power"], "maxAge": 0.5})
    await result(client, "tag.read", {"tags": ["bus/meter/power"], "maxAge": None})
    assert [max_age for _, max_age in rig.field.asked] == [2, 0.5, None]


async def test_tags_are_listed_filtered_and_paged(client: httpx.AsyncClient) -> None:
    everything = await result(client, "tag.list")
    assert everything["total"] == len(everything["tags"]) == 4
    assert everything["tags"][0] == {
        "tag": "bus/meter/power",
        "type": "float32",
        "units": "kW",
        "writable": True,
        "poll": 1.0,
        "description": None,
        "missedDeadlines": 0,
        "place": {},
    }
    page = await result(client, "tag.list", {"limit": 2, "offset": 1})
    assert page == {"tags": everything["tags"][1:3], "total": 4}
    assert (await result(client, "tag.list", {"line": "bus", "device": "dead"}))["total"] == 2
    assert (await result(client, "tag.list", {"device": "bus/dead"}))["total"] == 2
    assert (await result(client, "tag.list", {"line": "other", "device": "bus/dead"}))["total"] == 0
    assert await result(client, "tag.list", {"line": "other"}) == {"tags": [], "total": 0}
    assert (await result(client, "tag.list", {"offset": 9}))["tags"] == []


async def test_lines_devices_and_ports_are_listed(client: httpx.AsyncClient) -> None:
    assert await result(client, "line.list") == {"lines": [{"line": "line0", "state": "up"}], "total": 1}
    assert (await result(client, "device.list", {"line": "bus"}))["total"] == 2
    assert (await result(client, "device.list"))["devices"][1] == {"device": "dead", "line": "bus"}
    assert await result(client, "serial.list") == {"ports": [{"path": "/dev/ttyUSB0", "line": "scale"}], "total": 1}


@pytest.mark.parametrize("value", [1, 1.5, True, "on"])
async def test_a_write_ends_in_its_outcome(rig: Rig, client: httpx.AsyncClient, value: object) -> None:
    found = await result(client, "tag.write", {"tag": "bus/meter/power", "value": value, "lease": 60})
    assert found == {"outcome": "confirmed", "readBack": value}
    ((_, written, lease),) = rig.field.written
    assert (written, type(written), lease) == (value, type(value), 60)


async def test_a_write_that_takes_too_long_is_unknown_not_failed(rig: Rig, autojump_clock: MockClock) -> None:
    rig.field.write_takes = 100
    async with rig.in_memory() as client:
        found = await result(client, "tag.write", {"tag": "bus/meter/power", "value": 1})
    assert found["outcome"] == "unknown"
    assert found["reason"] == "deadline"
    assert "read the value" in found["message"]


async def test_history_takes_both_kinds_of_time(rig: Rig, client: httpx.AsyncClient) -> None:
    by_text = {"tag": "bus/meter/power", "start": NOON_TEXT, "end": "2027-01-15T10:00:00+01:00"}
    by_number = {"tag": "bus/meter/power", "start": NOON, "end": int(NOON) + 3600}
    found = await result(client, "tag.history", by_text)
    assert found == await result(client, "tag.history", by_number)
    assert rig.history.asked[0] == rig.history.asked[1] == ("bus/meter/power", NOON, NOON + 3600, None)
    assert found["truncated"] is False
    assert found["samples"][0] == {
        "timestamp": NOON_TEXT,
        "value": 0.0,
        "quality": "good",
        "clock": "synchronised",
    }


@pytest.mark.parametrize(("resolution", "expected"), [(60, 60.0), ("1m", 60.0), ("500ms", 0.5), (0.25, 0.25)])
async def test_history_with_a_resolution_sums_up(
    rig: Rig, client: httpx.AsyncClient, resolution: object, expected: float
) -> None:
    params = {"tag": "bus/meter/power", "start": NOON, "end": NOON + 3600, "resolution": resolution}
    found = await result(client, "tag.history", params)
    assert rig.history.asked[-1][3] == expected
    assert {"min": 0.0, "max": 9.0, "count": 5}.items() <= found["samples"][0].items()


async def test_a_history_too_long_is_cut_and_says_so(rig: Rig, client: httpx.AsyncClient) -> None:
    rig.history.length = 20_000
    found = await result(client, "tag.history", {"tag": "bus/meter/power", "start": 0, "end": 1e9})
    assert len(found["samples"]) == 10_000
    assert found["truncated"] is True


async def test_no_history_is_empty_for_a_known_tag_and_an_error_for_none(rig: Rig, client: httpx.AsyncClient) -> None:
    rig.history.length = 0
    assert (await result(client, "tag.history", {"tag": "bus/meter/power", "start": 0, "end": 1}))["samples"] == []
    found = await error(client, "tag.history", {"tag": "bus/meter/pwr", "start": 0, "end": 1})
    assert (found["code"], found["data"]["field"]) == (-32602, "tag")


async def test_modbus_registers_are_read(rig: Rig, client: httpx.AsyncClient) -> None:
    params = {"line": "bus", "unit": 1, "table": "holding", "address": 0, "count": 2}
    assert await result(client, "modbus.read", params) == {"values": [1, 2]}
    assert rig.field.asked == [("bus", 1, "holding", 0, 2)]
    rig.field.raw = RawAnswer(None, "no_answer", "the device does not answer")
    assert await result(client, "modbus.read", params) == {
        "values": None,
        "reason": "no_answer",
        "message": "the device does not answer",
    }


async def test_modbus_registers_and_coils_are_written(rig: Rig, client: httpx.AsyncClient) -> None:
    place = {"line": "bus", "unit": 1, "address": 5}
    found = await result(client, "modbus.write", place | {"table": "holding", "values": [0, 65535]})
    assert found == {"outcome": "refused", "reason": "illegal_address", "message": "no such register"}
    await result(client, "modbus.write", place | {"table": "coil", "values": [True, 0, 1]})
    assert rig.field.written == [("bus", 1, "holding", 5, [0, 65535]), ("bus", 1, "coil", 5, [True, False, True])]


async def test_a_serial_line_is_read_as_text_and_as_bytes(rig: Rig, client: httpx.AsyncClient) -> None:
    found = await result(client, "serial.read", {"line": "scale", "maxAge": 1})
    assert base64.b64decode(found.pop("data")) == b"\xff12\n"
    assert found == {
        "line": "scale",
        "text": "12",
        "reason": None,
        "message": None,
        "timestamp": NOON_TEXT,
        "clock": "synchronised",
    }
    rig.field.serial = SerialAnswer(None, None, None, None, "not_yet_read")
    nothing = await result(client, "serial.read", {"line": "scale"})
    assert (nothing["data"], nothing["text"], nothing["timestamp"]) == (None, None, None)
    assert nothing["reason"] == "not_yet_read"


async def test_a_serial_line_is_written_with_text_or_bytes(rig: Rig, client: httpx.AsyncClient) -> None:
    assert await result(client, "serial.write", {"line": "scale", "text": "T\r\n"}) == {"outcome": "confirmed"}
    await result(client, "serial.write", {"line": "scale", "data": base64.b64encode(b"\x00\xff").decode()})
    assert rig.field.written == [("scale", b"T\r\n"), ("scale", b"\x00\xff")]


@pytest.mark.parametrize(
    ("method", "params", "field", "reason"),
    [
        ("tag.read", {}, "tags", "required"),
        ("tag.read", {"tags": []}, "tags", "length >= 1"),
        ("tag.read", {"tags": ["x"] * 1001}, "tags", "length <= 1000"),
        ("tag.read", {"tags": "bus/meter/power"}, "tags", "expected array, got string"),
        ("tag.read", {"tags": ["bus/meter/power", 5]}, "tags[1]", "expected string, got whole number"),
        ("tag.read", {"tags": ["bus/meter/power", "bus/x"]}, "tags[1]", "there is no tag bus/x"),
        ("tag.read", {"tags": ["x"], "maxage": 1}, "maxage", "there are: tags, maxAge"),
        ("tag.read", {"tags": ["x"], "maxAge": -1}, "maxAge", ">= 0"),
        ("tag.read", {"tags": ["x"], "maxAge": 10**400}, "maxAge", "out of range"),
        ("tag.read", [["x"]], "params", "by name: tags, maxAge"),
        ("tag.list", {"limit": 0}, "limit", ">= 1"),
        ("tag.write", {"tag": "x"}, "value", "required"),
        ("tag.write", {"tag": "x", "value": None}, "value", "got null"),
        ("tag.write", {"tag": "x", "value": [1]}, "value", "got array"),
        ("tag.write", {"tag": "x", "value": 1, "lease": 0}, "lease", "> 0"),
        ("tag.history", {"tag": "x", "start": "yesterday", "end": 1}, "start", "Write it as"),
        ("tag.history", {"tag": "x", "start": 0, "end": 10**18}, "end", "seconds since 1970"),
        ("tag.list", {"limit": "5"}, "limit", "expected whole number, got string"),
        ("tag.history", {"tag": "x", "start": 2, "end": 1}, "end", "before start"),
        ("tag.history", {"tag": "x", "start": 0, "end": 1, "resolution": "1 fortnight"}, "resolution", "no unit"),
        ("tag.history", {"tag": "x", "start": 0, "end": 1, "resolution": 0}, "resolution", "more than 0"),
        (
            "modbus.read",
            {"line": "l", "unit": 256, "table": "coil", "address": 0, "count": 1},
            "unit",
            "<= 255",
        ),
        (
            "modbus.read",
            {"line": "l", "unit": 1, "table": "coils", "address": 0, "count": 1},
            "table",
            "no choice: 'coils'; there are: coil, discrete, input, holding",
        ),
        (
            "modbus.read",
            {"line": "l", "unit": 1, "table": "input", "address": 0, "count": 126},
            "count",
            "at most 125",
        ),
        (
            "modbus.read",
            {"line": "l", "unit": 1, "table": "input", "address": 65535, "count": 2},
            "count",
            "beyond address 65535",
        ),
        (
            "modbus.write",
            {"line": "l", "unit": 1, "table": "input", "address": 0, "values": [1]},
            "table",
            "no choice",
        ),
        (
            "modbus.write",
            {"line": "l", "unit": 1, "table": "holding", "address": 0, "values": [1, 65536]},
            "values[1]",
            "0 to 65535",
        ),
        (
            "modbus.write",
            {"line": "l", "unit": 1, "table": "holding", "address": 0, "values": [True]},
            "values[0]",
            "0 to 65535",
        ),
        (
            "modbus.write",
            {"line": "l", "unit": 1, "table": "coil", "address": 0, "values": [2]},
            "values[0]",
            "true or false",
        ),
        ("serial.write", {"line": "l"}, "data", "either text, or data"),
        ("serial.write", {"line": "l", "text": "a", "data": "YQ=="}, "data", "either text, or data"),
        ("serial.write", {"line": "l", "data": "not base64!"}, "data", "not base64"),
        ("serial.write", {"line": "l", "text": "x" * 4097}, "text", "longer than 4096"),
        ("server.info", {"verbose": True}, "verbose", "there are: none"),
    ],
)
async def test_a_wrong_parameter_is_named_with_reason_and_what_was_given(
    client: httpx.AsyncClient, method: str, params: object, field: str, reason: str
) -> None:
    found = await error(client, method, params)
    assert found["code"] == -32602
    assert found["message"] == "Invalid params"
    assert set(found["data"]) == {"field", "reason", "provided"}
    assert found["data"]["field"] == field
    assert reason in found["data"]["reason"]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (5, 5),
        ("x" * 5000, "x" * 256),
        ({"deep": ["x"]}, '{"deep": ["x"]}'),
        (10**30, "1" + "0" * 30),
        (True, True),
    ],
)
async def test_what_was_given_is_shown_cut(client: httpx.AsyncClient, given: object, shown: object) -> None:
    assert (await error(client, "tag.read", {"tags": given}))["data"]["provided"] == shown


async def test_health_follows_the_lines_not_the_devices(rig: Rig, client: httpx.AsyncClient) -> None:
    async def status(*states: str) -> object:
        rig.field.line_states = list(states)
        return (await result(client, "server.health"))["status"]

    assert await status() == "healthy"
    assert await status("up", "starting") == "healthy"
    assert await status("up", "down") == "degraded"
    assert await status("parked", "up") == "degraded"
    assert await status("parked", "down") == "unhealthy"
    rig.store.durable = False
    assert await status("up") == "degraded", "the disk takes no data"


async def test_a_read_that_takes_too_long_is_unavailable(rig: Rig, autojump_clock: MockClock) -> None:
    rig.field.read_takes = 100
    async with rig.in_memory() as client:
        found = await error(client, "tag.read", {"tags": ["bus/meter/power"]})
    assert found["code"] == -32007
    assert found["data"] == {"reason": "the answer took too long", "retryAfter": 1}
