"""A card is looked at field by field, and everything that is wrong is said with its place (D-036 to D-042)."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.agents.card import validate_card
from gateway.agents.inspection import MOST_ISSUES
from gateway.agents.issues import Severity, refusal
from gateway.core.errors import Code
from gateway.core.ports import Json
from gateway.core.roster import Endpoint
from tests.gateway.agents.board import card_json

CAPABILITY = card_json()["capabilities"][0]
ENDPOINT = card_json()["endpoints"][0]
PARAMETER = CAPABILITY["parameters"][0]


def said(card: Json, *, local_peer: bool = False) -> list[tuple[str, str]]:
    return [(issue.field, issue.code) for issue in validate_card(card, local_peer=local_peer).issues]


def with_capability(**changes: Json) -> dict[str, Any]:
    return card_json(capabilities=[{**CAPABILITY, **changes}])


def with_parameter(**changes: Json) -> dict[str, Any]:
    return with_capability(parameters=[{**PARAMETER, **changes}])


def with_endpoint(**changes: Json) -> dict[str, Any]:
    return card_json(endpoints=[{**ENDPOINT, **changes}])


def without(given: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != name}


def test_the_cards_of_the_seed_are_sound() -> None:
    check = validate_card(card_json())
    assert check.valid
    assert check.issues == ()
    assert check.card is not None
    assert check.card.agent_id == "temp-sensor-001"
    assert check.card.capabilities == ("temperature-read",)
    assert check.card.endpoints == (Endpoint("https", "192.168.1.100", 8443, "/api/v1"),)
    assert check.card.given == card_json()
    bare = {"agentId": "test-agent-001", "name": "Test Agent", "description": "Testing agent", "version": "1.0.0"}
    check = validate_card({**bare, "capabilities": [], "endpoints": []})
    assert (check.valid, check.endpoints_secure, check.capabilities_valid) == (True, True, True)


@pytest.mark.parametrize("name", ["agentId", "name", "description", "version", "capabilities", "endpoints"])
def test_a_card_needs_its_fields(name: str) -> None:
    assert said(without(card_json(), name)) == [(name, "missing")]


@pytest.mark.parametrize("name", ["id", "name", "description", "category", "version"])
def test_a_capability_needs_its_fields(name: str) -> None:
    assert said(card_json(capabilities=[without(CAPABILITY, name)])) == [(f"capabilities[0].{name}", "missing")]


@pytest.mark.parametrize("name", ["protocol", "host", "port", "path"])
def test_an_endpoint_needs_its_fields(name: str) -> None:
    assert said(card_json(endpoints=[without(ENDPOINT, name)])) == [(f"endpoints[0].{name}", "missing")]


@pytest.mark.parametrize("card", [None, True, 1, "card", [], [card_json()]])
def test_what_is_no_object_is_no_card(card: Json) -> None:
    assert said(card) == [("", "type")]
    check = validate_card(card)
    assert (check.valid, check.endpoints_secure, check.capabilities_valid) == (False, False, False)


@pytest.mark.parametrize(
    ("card", "field", "code"),
    [
        (card_json(""), "agentId", "empty"),
        (card_json("-x"), "agentId", "format"),
        (card_json("a/b"), "agentId", "format"),
        (card_json("a\n"), "agentId", "characters"),
        (card_json("x" * 129), "agentId", "too_long"),
        (card_json(agentId=7), "agentId", "type"),
        (card_json(name=""), "name", "empty"),
        (card_json(name="a\x1b[31mb"), "name", "characters"),
        (card_json(name="\u202edesrever"), "name", "characters"),
        (card_json(name="\ud800"), "name", "characters"),
        (card_json(name="two\u2028lines"), "name", "characters"),
        (card_json(name=" "), "name", "empty"),
        (card_json(name="\u200b\ufeff\u3000"), "name", "empty"),
        (card_json(name="x" * 201), "name", "too_long"),
        (card_json(description=None), "description", "type"),
        (card_json(version="1.0"), "version", "format"),
        (card_json(version="v1.0.0"), "version", "format"),
        (card_json(version="1.0.0-01"), "version", "format"),
        (card_json(version="01.0.0"), "version", "format"),
        (card_json(version="1.0.0\n"), "version", "characters"),
        (card_json(capabilities={}), "capabilities", "type"),
        (card_json(capabilities=["temperature-read"]), "capabilities[0]", "type"),
        (card_json(capabilities=[CAPABILITY] * 65), "capabilities", "too_many"),
        (card_json(capabilities=[CAPABILITY, CAPABILITY]), "capabilities[1].id", "duplicate"),
        (with_capability(id="a b"), "capabilities[0].id", "format"),
        (with_capability(category="Sensor"), "capabilities[0].category", "format"),
        (with_capability(category="x" * 65), "capabilities[0].category", "too_long"),
        (with_capability(version="2"), "capabilities[0].version", "format"),
        (with_capability(parameters=None), "capabilities[0].parameters", "type"),
        (with_capability(parameters=[PARAMETER] * 33), "capabilities[0].parameters", "too_many"),
        (with_capability(parameters=[PARAMETER, PARAMETER]), "capabilities[0].parameters[1].name", "duplicate"),
        (with_parameter(type="float"), "capabilities[0].parameters[0].type", "choice"),
        (with_parameter(type=["number"]), "capabilities[0].parameters[0].type", "choice"),
        (with_parameter(required="yes"), "capabilities[0].parameters[0].required", "type"),
        (with_parameter(description=7), "capabilities[0].parameters[0].description", "type"),
        (with_parameter(minimum=5, maximum=1), "capabilities[0].parameters[0].minimum", "range"),
        (with_parameter(minimum=True), "capabilities[0].parameters[0].minimum", "type"),
        (with_parameter(type="string", maximum=1), "capabilities[0].parameters[0].maximum", "type"),
        (with_parameter(default="1"), "capabilities[0].parameters[0].default", "type"),
        (with_parameter(default=True), "capabilities[0].parameters[0].default", "type"),
        (with_parameter(type="integer", default=1.5), "capabilities[0].parameters[0].default", "type"),
        (with_parameter(enum=[]), "capabilities[0].parameters[0].enum", "empty"),
        (with_parameter(enum=[1, "2"]), "capabilities[0].parameters[0].enum[1]", "type"),
        (with_parameter(enum=7), "capabilities[0].parameters[0].enum", "type"),
        (card_json(endpoints=[ENDPOINT] * 17), "endpoints", "too_many"),
        (with_endpoint(protocol="http"), "endpoints[0].protocol", "choice"),
        (with_endpoint(host="8.8.8.8"), "endpoints[0].host", "not_private"),
        (with_endpoint(host="0.0.0.0"), "endpoints[0].host", "not_private"),  # noqa: S104 - refused
        (with_endpoint(host="fd00::1"), "endpoints[0].host", "not_private"),
        (with_endpoint(host="::ffff:8.8.8.8"), "endpoints[0].host", "not_private"),
        (with_endpoint(host="sensor.local"), "endpoints[0].host", "not_an_address"),
        (with_endpoint(host="192.168.001.1"), "endpoints[0].host", "not_an_address"),
        (with_endpoint(host="localhost"), "endpoints[0].host", "loopback"),
        (with_endpoint(host="127.0.0.1"), "endpoints[0].host", "loopback"),
        (with_endpoint(port=0), "endpoints[0].port", "range"),
        (with_endpoint(port=65536), "endpoints[0].port", "range"),
        (with_endpoint(port=2**70), "endpoints[0].port", "range"),
        (with_endpoint(port=8443.5), "endpoints[0].port", "type"),
        (with_endpoint(port="8443"), "endpoints[0].port", "type"),
        (with_endpoint(port=True), "endpoints[0].port", "type"),
        (with_endpoint(path="api"), "endpoints[0].path", "format"),
        (with_endpoint(path="/a b"), "endpoints[0].path", "format"),
        (with_endpoint(path="/a?b"), "endpoints[0].path", "format"),
        (with_endpoint(path="/a#b"), "endpoints[0].path", "format"),
        (card_json(metadata=[]), "metadata", "type"),
        (card_json(metadata={"x": "y" * 17_000}), "metadata", "too_large"),
        (card_json(metadata={"a b": 2**53}), 'metadata["a b"]', "range"),
        (card_json(metadata={"x": float("inf")}), "metadata.x", "range"),
        (card_json(metadata={"x": [{"y": "\udc00"}]}), "metadata.x[0].y", "characters"),
        (card_json(metadata={"k" * 129: 1}), "metadata", "name"),
    ],
)
def test_a_fault_is_said_with_its_place(card: Json, field: str, code: str) -> None:
    assert said(card) == [(field, code)]
    assert not validate_card(card).valid


def test_all_faults_are_said_at_once() -> None:
    card = card_json("", name=1, version="x", capabilities=[CAPABILITY, {**CAPABILITY, "id": "other", "category": 1}])
    card["endpoints"] = [ENDPOINT, {**ENDPOINT, "host": "8.8.8.8", "port": -1}]
    assert said(card) == [
        ("agentId", "empty"),
        ("name", "type"),
        ("version", "format"),
        ("capabilities[1].category", "type"),
        ("endpoints[1].host", "not_private"),
        ("endpoints[1].port", "range"),
    ]
    check = validate_card(card)
    assert (check.endpoints_secure, check.capabilities_valid) == (False, False)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_leads_to_an_agent_on_this_machine(host: str) -> None:
    assert said(with_endpoint(host=host), local_peer=True) == []


def test_a_host_is_taken_in_its_one_normal_form() -> None:
    card = validate_card(with_endpoint(host="::ffff:192.168.1.7")).card
    assert card is not None
    assert card.endpoints[0].host == "192.168.1.7"


@pytest.mark.parametrize(
    "version", ["0.0.0", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-0.3.7", "1.0.0+20130313144700", "1.0.0-x-y-z.--"]
)
def test_versions_are_semantic(version: str) -> None:
    assert said(card_json(version=version)) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "integer", "default": 1.0, "minimum": 0, "maximum": 247.0},
        {"minimum": 1},
        {"type": "integer", "maximum": 247},
        {"type": "string", "default": "", "enum": ["", "a"]},
        {"type": "boolean", "default": False},
        {"type": "array", "default": []},
        {"type": "object", "default": {}},
        {"type": "number", "enum": [1, 2.5], "minimum": 1, "maximum": 1},
    ],
)
def test_parameters_are_a_part_of_json_schema(changes: dict[str, Json]) -> None:
    assert said(with_parameter(**changes)) == []


def test_the_time_of_the_last_heartbeat_is_the_gateways_and_not_looked_at() -> None:
    assert said(card_json(lastSeen={"any": [2**60, float("nan")]})) == []


def test_what_has_no_meaning_is_kept_and_said() -> None:
    check = validate_card(card_json(mood="good", endpoints=[{**ENDPOINT, "weight": 3}]))
    assert [(issue.field, issue.severity) for issue in check.issues] == [
        ("mood", Severity.WARNING),
        ("endpoints[0].weight", Severity.WARNING),
    ]
    assert check.valid
    assert check.card is not None
    assert check.card.given["mood"] == "good"


def test_no_number_of_oddities_hides_a_fault() -> None:
    card = card_json("", **{f"odd{number}": 1 for number in range(2 * MOST_ISSUES)})
    check = validate_card(card)
    assert not check.valid
    assert check.issues[0].field == "agentId"
    assert len(check.issues) == 1 + MOST_ISSUES


def test_a_card_is_bounded_in_depth_and_size() -> None:
    deep: Json = 1
    for _ in range(5000):
        deep = [deep]
    assert said(card_json(metadata={"deep": deep})) == [("metadata.deep" + "[0]" * 10, "too_deep")]
    long = [{**CAPABILITY, "id": f"c{number}", "description": "x" * 2000} for number in range(40)]
    assert said(card_json(capabilities=long)) == [("", "too_large")]


def test_a_card_may_go_up_to_its_bounds() -> None:
    small = {**CAPABILITY, "description": "", "parameters": []}
    many = [{**small, "id": f"c{number}"} for number in range(63)]
    full = [{**PARAMETER, "name": f"p{number}", "description": ""} for number in range(31)]
    full.append({**PARAMETER, "name": "x" * 128, "enum": list(range(64))})
    many.append({**small, "id": "x" * 128, "name": "x" * 200, "category": "x" * 64, "parameters": full})
    endpoint = {**ENDPOINT, "port": 65535, "path": "/" + "x" * 1023}
    metadata = {"k" * 128: "x" * (16 * 1024 - 128 - 7)}
    card = card_json("x" * 128, name="x" * 200, capabilities=many, endpoints=[endpoint] * 16, metadata=metadata)
    assert said(card) == []
    metadata["k" * 128] += "x"
    assert said(card) == [("metadata", "too_large")]


def test_a_refused_card_becomes_the_error_of_its_first_fault() -> None:
    error = refusal(validate_card(card_json("")).issues, "agentCard")
    assert error is not None
    assert (error.code, error.field, error.provided) == (Code.INVALID, "agentCard.agentId", "")
    assert error.reason == "must be a non-empty string"
    assert error.details == {}


def test_an_endpoint_elsewhere_becomes_the_violation_the_seed_shows() -> None:
    error = refusal(validate_card(with_endpoint(host="8.8.8.8", port=0)).issues, "agentCard")
    assert error is not None
    assert (error.code, error.field) == (Code.NOT_PRIVATE, "agentCard.endpoints[0].host")
    assert error.reason == "Public IP addresses are not allowed"
    assert error.details["address"] == "8.8.8.8"
    listed = error.details["issues"]
    assert isinstance(listed, list)
    assert [issue["field"] for issue in listed] == ["agentCard.endpoints[0].host", "agentCard.endpoints[0].port"]


def test_a_card_that_is_only_odd_is_not_refused() -> None:
    assert refusal(validate_card(card_json(mood="good")).issues, "agentCard") is None


def test_a_card_that_is_no_object_is_refused_as_a_whole() -> None:
    error = refusal(validate_card([]).issues, "agentCard")
    assert error is not None
    assert (error.field, error.reason) == ("agentCard", "an agent card must be an object")
