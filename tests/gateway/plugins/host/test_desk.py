"""What a plugin asks for is served where it is permitted, and refused with the missing permission's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.core.eventlog import NotKept
from gateway.plugins.host.desk import PUTS_A_MINUTE, Desk
from gateway.plugins.host.messages import (
    BUSY,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    NOT_PERMITTED,
    QUOTA_EXCEEDED,
    UNAVAILABLE,
    Fault,
)
from gateway.plugins.host.notes import Notes
from gateway.plugins.host.permissions import Word, parse_permissions
from gateway.plugins.host.requests import METHODS
from gateway.plugins.host.services import Caller
from gateway.plugins.host.subscriptions import Subscriptions

from .fakes import FakeGateway, event

EVERYTHING = [word.value for word in Word]


def desk(gateway: FakeGateway, *permissions: str, quota: int = 1000) -> tuple[Desk, Notes, Subscriptions]:
    granted = parse_permissions(permissions)
    notes = Notes(lambda: 0.0, trio.current_time, lambda _: None)
    subscriptions = Subscriptions(granted, {})
    caller = Caller("scale-1", "scale")
    return Desk(caller, granted, gateway.services, notes, subscriptions, quota, trio.current_time), notes, subscriptions


CALLS: Mapping[str, tuple[dict[str, Any], str | None]] = {
    "tag.list": ({}, "read-tags"),
    "tag.read": ({"tags": ["boiler/plc/temp"], "maxAge": 5}, "read-tags:boiler/plc/temp"),
    "tag.write": ({"tag": "boiler/plc/set", "value": 5, "lease": 10}, "write-tags:boiler/plc/set"),
    "reading.publish": ({"tag": "scale/weight", "value": 1.5, "units": "kg"}, "publish-readings:scale/weight"),
    "event.publish": ({"type": "scale:stable", "data": {"kg": 1}}, "publish-events:scale:stable"),
    "event.subscribe": ({"name": "a", "patterns": ["alarm:*"]}, "read-events"),
    "event.unsubscribe": ({"name": "a"}, None),
    "message.send": ({"to": "analytics", "type": "ask", "payload": 1, "timeout": 5}, "send-messages:analytics"),
    "storage.get": ({"key": "a"}, "use-storage"),
    "storage.put": ({"key": "a", "value": {"b": 1}}, "use-storage"),
    "storage.delete": ({"key": "a"}, "use-storage"),
    "storage.list": ({}, "use-storage"),
    "log": ({"message": "hello"}, None),
    "serial.read": ({"line": "scale"}, "read-serial:scale"),
    "serial.write": ({"line": "scale", "text": "P\r\n"}, "write-serial:scale"),
}


def test_the_table_has_every_method() -> None:
    assert CALLS.keys() == METHODS.keys()


@pytest.mark.parametrize("method", list(CALLS))
async def test_every_method_needs_its_permission_and_no_other(method: str) -> None:
    params, permission = CALLS[method]
    gateway = FakeGateway()
    refused = await desk(gateway)[0].serve(method, params)
    if permission is None:
        assert not isinstance(refused, Fault)
        return
    assert isinstance(refused, Fault)
    assert refused.code == NOT_PERMITTED
    assert refused.data == {"permission": permission}
    assert permission in refused.message
    assert not gateway.written
    assert not gateway.events
    assert not gateway.kept
    others = [word for word in EVERYTHING if word != permission.partition(":")[0]]
    assert isinstance(await desk(gateway, *others)[0].serve(method, params), Fault)
    assert not isinstance(await desk(gateway, permission)[0].serve(method, params), Fault)


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("tag.read", {"tags": []}, "tags"),
        ("tag.read", {"tags": ["a"], "more": 1}, "more"),
        ("tag.read", {"tags": ["nobody/knows/it"]}, "there is no tag"),
        ("tag.write", {"tag": "a", "value": None}, "value"),
        ("tag.write", {"tag": "a", "value": [1]}, "value"),
        ("reading.publish", {"tag": "a b", "value": 1}, "tag"),
        ("reading.publish", {"tag": "a", "value": None}, "null where quality is bad"),
        ("reading.publish", {"tag": "a", "value": 1, "quality": "bad"}, "null where quality is bad"),
        ("reading.publish", {"tag": "a", "value": 1, "timestamp": "yesterday"}, "RFC 3339"),
        ("event.publish", {"type": "alarm:raised", "data": {}}, "only the gateway"),
        ("event.publish", {"type": "plugin:activated", "data": {}}, "only the gateway"),
        ("event.subscribe", {"name": "a", "patterns": ["a b"]}, "pattern"),
        ("message.send", {"to": "a", "type": "b", "priority": "asap"}, "priority"),
        ("serial.write", {"line": "a"}, "text"),
        ("serial.write", {"line": "a", "text": "x", "data": "00"}, "not both"),
        ("serial.write", {"line": "a", "data": "0"}, "data"),
        ("storage.put", {"key": ""}, "key"),
    ],
)
async def test_what_is_wrong_is_said(method: str, params: dict[str, Any], words: str) -> None:
    answer = await desk(FakeGateway(), *EVERYTHING)[0].serve(method, params)
    assert isinstance(answer, Fault)
    assert answer.code == INVALID_PARAMS
    assert words in answer.message


async def test_answers_have_the_members_of_the_api() -> None:
    gateway = FakeGateway()
    served, notes, _ = desk(gateway, *EVERYTHING)
    reading = {
        "tag": "boiler/plc/temp",
        "value": 21.5,
        "quality": "good",
        "reason": None,
        "message": None,
        "timestamp": "2027-01-15T08:00:01.000Z",
        "clock": "synchronised",
        "sequence": 7,
    }
    assert await served.serve("tag.read", {"tags": ["boiler/plc/temp"]}) == {"readings": [reading]}
    assert await served.serve("tag.write", {"tag": "boiler/plc/set", "value": 5}) == {
        "outcome": "confirmed",
        "reason": None,
        "message": None,
        "readBack": None,
    }
    await served.serve("serial.write", {"line": "scale", "data": "41"})
    read = await served.serve("serial.read", {"line": "scale"})
    assert isinstance(read, dict)
    assert (read["data"], read["text"]) == ("41", "A")
    await served.serve("log", {"message": "a\nb", "level": "warning"})
    assert [(note.source, note.level, note.text) for note in notes.last()] == [("log", "warning", "a\\x0ab")]
    assert served.tally.calls == 5
    assert served.tally.errors == 0


async def test_only_readable_tags_are_listed() -> None:
    served = desk(FakeGateway(), "read-tags:boiler/plc/temp")[0]
    listed = await served.serve("tag.list", {})
    assert isinstance(listed, dict)
    assert [row["tag"] for row in listed["tags"]] == ["boiler/plc/temp"]


async def test_storage_has_a_quota_and_a_pace(autojump_clock: MockClock) -> None:
    gateway = FakeGateway()
    served = desk(gateway, "use-storage", quota=100)[0]
    assert await served.serve("storage.put", {"key": "a", "value": "x" * 60}) == {}
    refused = await served.serve("storage.put", {"key": "b", "value": "x" * 60})
    assert isinstance(refused, Fault)
    assert refused.code == QUOTA_EXCEEDED
    assert "63 of 100 bytes" in refused.message
    assert await served.serve("storage.put", {"key": "a", "value": "y" * 90}) == {}
    assert await served.serve("storage.list", {}) == {"keys": ["a"], "used": 93, "quota": 100}
    assert await served.serve("storage.get", {"key": "a"}) == {"value": "y" * 90}
    assert await served.serve("storage.delete", {"key": "a"}) == {"removed": True}
    assert await served.serve("storage.get", {"key": "a"}) == {"value": None}
    for _ in range(PUTS_A_MINUTE):
        await served.serve("storage.put", {"key": "a", "value": 1})
    busy = await served.serve("storage.put", {"key": "a", "value": 1})
    assert isinstance(busy, Fault)
    assert busy.code == BUSY
    await trio.sleep(2)
    assert await served.serve("storage.put", {"key": "a", "value": 1}) == {}


async def test_a_full_disk_and_a_fault_of_ours_are_told_apart() -> None:
    gateway = FakeGateway()
    served = desk(gateway, "use-storage", "read-tags")[0]
    gateway.kept["scale-1", "broken"] = "{"
    gateway.trouble = NotKept("the disk is full")
    full = await served.serve("storage.put", {"key": "a", "value": 1})
    assert isinstance(full, Fault)
    assert (full.code, full.data) == (UNAVAILABLE, {"code": "not_kept"})
    fault = await served.serve("storage.get", {"key": "broken"})
    assert isinstance(fault, Fault)
    assert fault.code == INTERNAL_ERROR
    assert "{" not in fault.message


async def test_its_own_subscriptions_end_with_the_process() -> None:
    served, _, subscriptions = desk(FakeGateway(), "read-events")
    await served.serve("event.subscribe", {"name": "a", "patterns": ["user:*"], "filter": {"action": ["click"]}})
    assert subscriptions.names(event("user:action", {"action": "click"})) == ["a"]
    assert subscriptions.names(event("user:action", {"action": "submit"})) == []
    assert subscriptions.names(event("plugin:message", {})) == []
    subscriptions.forget()
    assert subscriptions.names(event("user:action", {"action": "click"})) == []


async def test_regular_is_what_others_call_normal() -> None:
    """D-117."""
    gateway = FakeGateway()
    for word in ("low", "normal", "regular", "high", "urgent"):
        await desk(gateway, "send-messages")[0].serve("message.send", {"to": "a", "type": "b", "priority": word})
    assert [sent.priority for sent in gateway.sent] == ["low", "normal", "normal", "high", "urgent"]
