"""Whatever the JSON, a card or a service is judged without an exception, and every issue names its place."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agents.announcement import validate_service
from gateway.agents.card import LARGEST_CARD, validate_card
from gateway.agents.issues import Issue, Severity, element, member, refusal
from gateway.core.network import classify
from tests.gateway.agents.board import card_json, service_json

NAMES = st.text(max_size=8) | st.sampled_from(["id", "name", "port", "host", "enum", "a.b", 'q"', "[0]", "metadata"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["https", "192.168.1.7", "8.8.8.8", "localhost", "1.0.0", "/", "https://10.0.0.1", "\ud800", 1e300]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
STEP = re.compile(r'\.?([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]+)\]|\[("(?:[^"\\]|\\.)*")\]')
MISSING = object()


def steps(path: str) -> list[str | int]:
    found: list[str | int] = []
    place = 0
    while place < len(path):
        match = STEP.match(path, place)
        assert match, f"{path} is no path from {place}"
        plain, index, quoted = match.groups()
        found.append(plain if plain is not None else int(index) if index is not None else json.loads(quoted))
        place = match.end()
    return found


def at(document: Any, path: str) -> Any:
    """What is at a path; only its last step may lead nowhere."""
    value = document
    for step in steps(path):
        assert value is not MISSING, f"{path} goes on where nothing is"
        if isinstance(step, int):
            assert isinstance(value, list)
            value = value[step]
        else:
            assert isinstance(value, dict)
            value = value.get(step, MISSING)
    return value


@st.composite
def spoilt(draw: st.DrawFn, sound: dict[str, Any]) -> Any:
    """A sound document with some places changed, removed or added to."""
    document = copy.deepcopy(sound)
    for _ in range(draw(st.integers(1, 4))):
        value: Any = document
        while True:
            keys = list(value) if isinstance(value, dict) else list(range(len(value)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(value[key], dict | list) and value[key] and draw(st.booleans()):
                value = value[key]
                continue
            if draw(st.booleans()):
                value[key] = draw(JSON)
            elif isinstance(value, dict) and draw(st.booleans()):
                value[draw(NAMES)] = draw(JSON)
            else:
                del value[key]
            break
    return document


def issues_are_true(document: Any, issues: tuple[Issue, ...]) -> None:
    for issue in issues:
        found = at(document, issue.field)
        assert (found is MISSING) == (issue.code == "missing"), issue
        assert issue.message
    error = refusal(issues, "agentCard")
    assert (error is None) == (not any(issue.severity is Severity.ERROR for issue in issues))
    assert error is None or (error.field or "").startswith("agentCard")


@settings(max_examples=300)
@given(JSON | spoilt(card_json(metadata={"location": "a", "x": [1, {"y": 2}]})), st.booleans())
def test_every_json_is_judged_as_a_card(document: Any, local_peer: bool) -> None:  # noqa: FBT001
    before = copy.deepcopy(document)
    check = validate_card(document, local_peer=local_peer)
    assert repr(document) == repr(before)
    issues_are_true(document, check.issues)
    assert check.valid is (not any(issue.severity is Severity.ERROR for issue in check.issues))
    if check.card is None:
        return
    assert check.endpoints_secure
    assert check.capabilities_valid
    assert len(check.card.capabilities) == len(set(check.card.capabilities))
    signed = {name: value for name, value in document.items() if name != "lastSeen"}
    assert check.card.given == signed
    assert len(json.dumps(signed, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()) <= LARGEST_CARD
    for endpoint in check.card.endpoints:
        assert endpoint.protocol in {"https", "wss"}
        local = endpoint.host == "localhost" or classify(endpoint.host).kind == "loopback"
        assert local_peer if local else classify(endpoint.host).accepted


@settings(max_examples=300)
@given(JSON | spoilt(service_json(metadata={"location": "a"})))
def test_every_json_is_judged_as_a_service(document: Any) -> None:
    check = validate_service(document)
    issues_are_true(document, check.issues)
    if check.announcement is None:
        return
    assert check.announcement.given is document
    assert 30 <= check.announcement.ttl <= 86400
    host = re.fullmatch(r"(?:https|wss)://([0-9.]+)(?::[0-9]+)?(?:/.*)?", check.announcement.endpoint, re.IGNORECASE)
    assert host, check.announcement.endpoint
    assert classify(host[1]).kind.startswith("rfc1918")


@given(st.lists(st.text(max_size=6) | st.integers(0, 9), max_size=5))
def test_a_path_names_one_place(way: list[str | int]) -> None:
    path = ""
    for step in way:
        path = element(path, step) if isinstance(step, int) else member(path, step)
    assert steps(path) == way
