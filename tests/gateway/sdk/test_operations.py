"""Calls by name, and what their answers become."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.sdk.ferrule_client import (
    ConfigurationError,
    InvalidParamsError,
    NotTrustedError,
    Outcome,
    ProtocolError,
    Quality,
    RpcError,
    UnreachableError,
)
from gateway.sdk.ferrule_client.errors import rpc_error

from .conftest import CARD, Stage

SERVICE: dict[str, Any] = {
    "serviceId": "modbus-gateway-001",
    "name": "Modbus RTU Gateway",
    "type": "protocol-gateway",
    "capabilities": ["modbus-rtu"],
    "endpoint": "https://192.168.1.101:8443",
    "metadata": {"location": "factory-floor-a"},
}


def test_services_are_found_by_what_was_asked_for_only(stage: Stage) -> None:
    stage.answers["discovery.services"] = {"services": [SERVICE, {**SERVICE, "endpoint": None}], "total": 2}
    found = stage.play(stage.operations.discover_services("modbus-rtu", None))
    assert stage.sent[0]["params"] == {"capability": "modbus-rtu"}
    assert (found.total, found.services[0].endpoint) == (2, "https://192.168.1.101:8443")
    assert found.services[0].metadata["location"] == "factory-floor-a"
    assert found.services[1].endpoint is None


def test_the_addresses_of_the_reference(stage: Stage) -> None:
    stage.answers["security.validateAddress"] = {
        "valid": True,
        "address": "192.168.1.100",
        "range": "192.168.0.0/16",
        "type": "rfc1918-class-c",
        "message": "Address is RFC-1918 compliant",
    }
    check = stage.play(stage.operations.validate_address("192.168.1.100"))
    assert (check.valid, check.range, check.type) == (True, "192.168.0.0/16", "rfc1918-class-c")


def test_the_own_card_is_signed_and_another_is_not(stage: Stage) -> None:
    issue = {"field": "version", "code": "format", "message": "no version", "severity": "error"}
    security = {"signatureValid": None, "endpointsSecure": True, "capabilitiesValid": True}
    stage.answers["security.validateCard"] = {"valid": False, "issues": [issue], "security": security}
    check = stage.play(stage.operations.validate_agent_card(None))
    stage.play(stage.operations.validate_agent_card({**CARD, "version": "x"}))
    assert ["X-Agent-Signature" in request["headers"] for request in stage.sent] == [True, False]
    assert stage.sent[0]["params"]["agentCard"] == CARD
    assert (check.valid, check.issues[0].field, check.signature_valid) == (False, "version", None)


def test_a_reading_that_is_not_good_has_no_value(stage: Stage) -> None:
    good = {"tag": "a/b/t", "value": 21.5, "quality": "good", "reason": None, "timestamp": "2026-11-22T08:13:46.123Z"}
    bad = {"tag": "a/b/u", "value": None, "quality": "bad", "reason": "no_answer", "message": "m", "lastValue": 3}
    stage.answers["tag.read"] = {
        "readings": [
            {**good, "clock": "synchronised", "sequence": 7},
            {**bad, "timestamp": None, "clock": "unsynchronised", "sequence": 0},
        ]
    }
    readings = stage.play(stage.operations.read_tags(["a/b/t", "a/b/u"], 5))
    assert stage.sent[0]["params"] == {"tags": ["a/b/t", "a/b/u"], "maxAge": 5}
    assert (readings["a/b/t"].value, readings["a/b/t"].quality) == (21.5, Quality.GOOD)
    assert readings["a/b/t"].timestamp == datetime(2026, 11, 22, 8, 13, 46, 123000, UTC)
    assert (readings["a/b/u"].value, readings["a/b/u"].last_value) == (None, 3)
    assert (readings["a/b/u"].synchronised, readings["a/b/u"].timestamp) == (False, None)
    with pytest.raises(ConfigurationError, match="list"):
        stage.play(stage.operations.read_tags("a/b/t", None))


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        ({"outcome": "confirmed", "readBack": 5}, Outcome.CONFIRMED),
        ({"outcome": "refused", "reason": "illegal_value", "message": "m"}, Outcome.REFUSED),
        ({"outcome": "not_sent", "reason": "link_down"}, Outcome.NOT_SENT),
        ({"outcome": "unknown", "reason": "no_answer"}, Outcome.UNKNOWN),
        (UnreachableError("refused", sent=False), Outcome.NOT_SENT),
        (UnreachableError("broke off", sent=True), Outcome.UNKNOWN),
        (ProtocolError("no JSON"), Outcome.UNKNOWN),
        (rpc_error(-32603, "Internal error", {"errorId": "x"}), Outcome.UNKNOWN),
        ({"outcome": "perhaps"}, Outcome.UNKNOWN),
        ({}, Outcome.UNKNOWN),
    ],
)
def test_a_write_is_sent_once_and_its_outcome_is_never_guessed(stage: Stage, what: object, outcome: Outcome) -> None:
    stage.answers["tag.write"] = what
    result = stage.play(stage.operations.write_tag("a/b/t", 5, None))
    assert (result.outcome, result.confirmed) == (outcome, outcome is Outcome.CONFIRMED)
    assert len(stage.sent) == 1
    assert stage.sent[0]["params"] == {"tag": "a/b/t", "value": 5}


def test_a_write_the_gateway_did_not_take_is_an_error(stage: Stage) -> None:
    for error in (rpc_error(-32602, "Invalid params"), rpc_error(-32002, "scope"), NotTrustedError("another")):
        stage.answers["tag.write"] = error
        with pytest.raises((RpcError, NotTrustedError)):
            stage.play(stage.operations.write_tag("a/b/t", 5, 60))


def test_history_takes_times_that_have_an_offset(stage: Stage) -> None:
    sample = {"timestamp": "2026-11-22T08:00:00.000Z", "value": 1.5, "quality": "good", "clock": "synchronised"}
    stage.answers["tag.history"] = {"samples": [{**sample, "min": 1, "max": 2, "count": 60}], "truncated": False}
    start, end = datetime(2026, 11, 22, tzinfo=UTC), 1_800_000_000
    history = stage.play(stage.operations.history("a/b/t", start, end, "1m"))
    assert stage.sent[0]["params"]["start"] == "2026-11-22T00:00:00+00:00"
    assert (history.samples[0].low, history.samples[0].high, history.samples[0].count) == (1, 2, 60)
    with pytest.raises(ConfigurationError, match="offset"):
        stage.play(stage.operations.history("a/b/t", datetime(2026, 11, 22), end, None))  # noqa: DTZ001 # on purpose


def test_tags_say_whether_they_may_be_written(stage: Stage) -> None:
    row = {"tag": "a/b/t", "type": "uint16", "units": "°C", "writable": True, "poll": None, "description": None}
    stage.answers["tag.list"] = {"tags": [row], "total": 40}
    found = stage.play(stage.operations.list_tags("a", None, 1, 0))
    assert stage.sent[0]["params"] == {"line": "a", "limit": 1, "offset": 0}
    assert (found.total, found.tags[0].writable, found.tags[0].units) == (40, True, "°C")


@pytest.mark.parametrize(
    "result",
    [None, "all", {"services": {}}, {"services": [1], "total": 1}, {"services": [], "total": True}, {"services": []}],
)
def test_an_answer_of_another_shape_is_said_to_be_one(stage: Stage, result: object) -> None:
    stage.answers["discovery.services"] = result
    with pytest.raises(ProtocolError, match=r"discovery\.services"):
        stage.play(stage.operations.discover_services(None, None))


def call_service(stage: Stage, endpoint: str, token: str | None = None) -> object:
    return stage.play(
        stage.operations.call_service(
            endpoint, "temperature.read", {"address": 1}, path="temperature", token=token, trust=None
        )
    )


def test_another_agent_is_called_at_its_endpoint_and_never_sees_our_token(stage: Stage) -> None:
    stage.play(stage.membership.register())
    stage.answers["temperature.read"] = {"value": 21.5}
    assert call_service(stage, "https://192.168.1.102:8443") == {"value": 21.5}
    assert stage.sent[-1]["url"] == "https://192.168.1.102:8443/temperature"
    assert stage.bearers()[-1] is None
    call_service(stage, "https://192.168.1.102:8443", token="theirs")
    assert stage.bearers()[-1] == "theirs"


def test_another_agent_may_refuse(stage: Stage) -> None:
    stage.answers["temperature.read"] = rpc_error(-32602, "Invalid params", {"field": "address"})
    with pytest.raises(InvalidParamsError):
        call_service(stage, "https://192.168.1.102:8443")
    with pytest.raises(ConfigurationError, match="private"):
        call_service(stage, "https://8.8.8.8")
