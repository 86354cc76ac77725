"""Alarms, messages and events by name, and what their answers become."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.sdk.ferrule_client import ProtocolError, UnreachableError

from .conftest import Stage

ALARM: dict[str, Any] = {
    "alarmId": "alarm-1",
    "alarm": "boiler-hot",
    "tag": "heating/boiler/flow",
    "device": None,
    "severity": "critical",
    "condition": "high",
    "state": "raised",
    "frozen": False,
    "reason": None,
    "value": 91.5,
    "current": 92,
    "limit": 90.0,
    "units": "°C",
    "message": "too hot",
    "raisedAt": "2026-11-22T08:13:46.123Z",
    "clearedAt": None,
    "acknowledgedAt": None,
    "clock": "unsynchronised",
    "acknowledgedBy": None,
    "comment": None,
    "times": 1,
}
MESSAGE: dict[str, Any] = {
    "messageId": "msg-1",
    "sequence": 17,
    "fromAgent": "a",
    "toAgent": "b",
    "content": "hello",
    "priority": "normal",
    "category": "general",
    "correlationId": None,
    "createdAt": "2026-11-22T08:13:46.123Z",
    "expiresAt": "2026-11-29T08:13:46.123Z",
    "acknowledgedAt": None,
}
EVENT: dict[str, Any] = {
    "type": "user:counted",
    "timestamp": "2026-11-22T08:13:46.123Z",
    "data": {"number": 1},
    "id": "e-1",
    "seq": 18,
    "gateway": "gw",
    "clock": "synchronised",
    "routingKey": "shop.till",
}


def test_alarms(stage: Stage) -> None:
    stage.answers |= {"alarm.list": {"alarms": [ALARM], "total": 3}, "alarm.ack": {**ALARM, "state": "acknowledged"}}
    found = stage.play(stage.operations.list_alarms("standing", "critical", None, None, 2))
    assert stage.sent[0]["params"] == {"state": "standing", "severity": "critical", "offset": 2}
    assert found.total == 3
    [alarm] = found.alarms
    assert (alarm.alarm, alarm.current, alarm.units, alarm.synchronised) == ("boiler-hot", 92, "°C", False)
    assert alarm.raised_at == datetime(2026, 11, 22, 8, 13, 46, 123000, UTC)
    assert stage.play(stage.operations.acknowledge_alarm("alarm-1", "seen")).state == "acknowledged"
    assert stage.sent[1]["params"] == {"alarmId": "alarm-1", "comment": "seen"}


def test_messages(stage: Stage) -> None:
    stage.answers |= {
        "agent.message": {"sent": True, "messageId": "msg-1", "sequence": 17, "expiresAt": MESSAGE["expiresAt"]},
        "agent.messages": {"messages": [MESSAGE], "after": 17},
        "agent.acknowledge": {"acknowledged": True, "messageId": "msg-1", "acknowledgedAt": MESSAGE["createdAt"]},
    }
    send = stage.operations.send_message(
        "b", "hello", priority="normal", category="general", correlation_id="q", ttl=None
    )
    assert stage.play(send).message_id == "msg-1"
    assert stage.sent[0]["params"] == {
        "toAgent": "b",
        "content": "hello",
        "priority": "normal",
        "category": "general",
        "correlationId": "q",
    }
    found = stage.play(stage.operations.messages(5, None, waiting=True))
    assert stage.sent[1]["params"] == {"after": 5, "waiting": True}
    assert (found.after, found.messages[0].content, found.messages[0].acknowledged_at) == (17, "hello", None)
    assert stage.play(stage.operations.acknowledge_message("msg-1")).year == 2026


def test_a_message_is_sent_once_and_what_is_said_twice_is_tried_again(stage: Stage) -> None:
    broken = UnreachableError("hung up", sent=True)
    stage.answers |= {
        "agent.message": broken,
        "agent.acknowledge": [broken, {"acknowledgedAt": MESSAGE["createdAt"]}],
        "alarm.ack": [broken, ALARM],
    }
    with pytest.raises(UnreachableError):
        stage.play(stage.operations.send_message("b", "x", priority="low", category="c", correlation_id=None, ttl=60.0))
    assert stage.methods() == ["agent.message"]
    stage.play(stage.operations.acknowledge_message("msg-1"))
    stage.play(stage.operations.acknowledge_alarm("alarm-1", None))
    assert stage.methods()[1:] == ["agent.acknowledge"] * 2 + ["alarm.ack"] * 2


def test_events(stage: Stage) -> None:
    stage.answers["event.list"] = {"events": [EVENT], "after": 18, "more": False, "complete": True}
    found = stage.play(stage.operations.list_events(3, "user:*", 10))
    assert stage.sent[0]["params"] == {"after": 3, "type": "user:*", "limit": 10}
    [event] = found.events
    assert (event.type, event.seq, event.data, event.routing_key) == ("user:counted", 18, {"number": 1}, "shop.till")
    assert (found.after, found.more, found.complete) == (18, False, True)
    stage.answers["event.list"] = {"events": [{**EVENT, "seq": "18"}], "after": 18, "more": False, "complete": True}
    with pytest.raises(ProtocolError, match="seq"):
        stage.play(stage.operations.list_events(0, None, None))
