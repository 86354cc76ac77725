"""What can be known of an event before it happens."""

from __future__ import annotations

import inspect
import re

import msgspec
import pytest

from gateway.core.catalogue import CATALOGUE, key_of, reserved, type_of
from gateway.core.eventlog import Priority
from gateway.core.events import RESERVED, Event

# Ruling 23, D-112, D-113, D-115, D-131 and D-135 name these; the seed's own are WS-12, 17, 22, 29, 34 and WH-04.
NAMED = {
    "plugin:installed",
    "plugin:activated",
    "plugin:deactivated",
    "plugin:uninstalled",
    "plugin:error",
    "plugin:config_updated",
    "plugin:message",
    "plugin:message_timeout",
    "system:health",
    "system:alert",
    "message:received",
    "tag:changed",
    "alarm:raised",
    "alarm:acknowledged",
    "alarm:cleared",
    "device:up",
    "device:down",
    "line:up",
    "line:down",
    "line:parked",
    "webhook:delivery_failed",
    "webhook:disabled",
    "webhook:overflow",
    "webhook:test",
}


def event(type_: str, **data: object) -> Event:
    return Event("id", "gw", 1, type_, 0.0, "synchronised", data)


def test_every_type_that_was_promised_is_there() -> None:
    assert set(CATALOGUE) >= NAMED


@pytest.mark.parametrize("name", CATALOGUE)
def test_only_the_core_may_announce_what_the_catalogue_lists(name: str) -> None:
    assert reserved(name)


def test_every_reserved_family_has_types() -> None:
    for word in RESERVED:
        assert any(name.startswith(word) for name in CATALOGUE), word


@pytest.mark.parametrize("name", ["user:action", "tag:renamed", "tags:changed", "plugins:installed", "system"])
def test_the_names_of_others_are_free(name: str) -> None:
    assert not reserved(name)


def test_a_type_of_others_is_open_and_needs_the_scope_to_subscribe() -> None:
    foreign = type_of("user:action")
    assert (foreign.data, foreign.scope, foreign.priority, foreign.kept) == (
        None,
        "events:subscribe",
        Priority.NORMAL,
        True,
    )


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_key_of_a_type_is_a_member_of_its_data(name: str) -> None:
    type_ = CATALOGUE[name]
    assert type_.data is not None
    assert set(type_.key) <= set(type_.data.__struct_fields__)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_member_is_described_and_nothing_else_is(name: str) -> None:
    data = CATALOGUE[name].data
    assert data is not None
    assert data.__doc__ is not None
    # Python 3.13 takes the indentation off by itself, earlier ones do not.
    described = re.findall(r"^ {4}(\w+): ", inspect.cleandoc(data.__doc__), re.MULTILINE)
    assert described == list(data.__struct_fields__)


def test_figures_are_told_but_not_kept() -> None:
    assert {name for name, type_ in CATALOGUE.items() if not type_.kept} == {
        "tag:changed",
        "plugin:message",
        "system:health",
        "webhook:test",
    }


def test_events_of_one_thing_share_a_key_whatever_happens_to_it() -> None:
    down = key_of(event("device:down", line="north", device="meter"))
    assert down == key_of(event("device:up", line="north", device="meter"))
    assert down != key_of(event("device:down", line="north", device="fan"))
    # Each line may have a device of that name.
    assert down != key_of(event("device:down", line="south", device="meter"))
    assert key_of(event("device:down", line="x", device="x")) != key_of(event("line:down", line="x"))
    # An alarm that is raised again is the same alarm, whatever the id of its standing.
    first = key_of(event("alarm:cleared", alarm="hot", tag="l/d/t", device=None, alarm_id="7"))
    assert first == key_of(event("alarm:raised", alarm="hot", tag="l/d/t", alarm_id="8"))
    # One alarm watches many tags, or devices.
    assert first != key_of(event("alarm:raised", alarm="hot", tag="l/d/u", alarm_id="9"))
    assert first != key_of(event("alarm:raised", alarm="hot", tag=None, device="l/d", alarm_id="9"))
    fired = key_of(event("system:alert", component="line:a", metric="down", alert_id="1"))
    assert fired == key_of(event("system:alert", component="line:a", metric="down", alert_id="2"))
    assert fired != key_of(event("system:alert", component="line:a", metric="load", alert_id="3"))
    assert key_of(event("user:action")) == "user:action"


def test_the_seeds_own_examples_are_covered() -> None:
    """WS-12 to WS-37: each member the seed shows stands in the data by that name."""
    seed = {
        "plugin:installed": {"plugin_id", "version", "instance_id", "status", "installed_by"},
        "plugin:activated": {"plugin_id", "instance_id", "capabilities", "health_status"},
        "message:received": {"message_id", "from_agent", "to_agent", "content", "priority", "category"},
        "system:health": {"overall_status", "components"},
        "plugin:message": {"from_plugin", "to_plugin", "message_type", "payload"},
    }
    for name, members in seed.items():
        data = CATALOGUE[name].data
        assert data is not None
        assert members <= set(data.__struct_fields__)


def test_a_member_nobody_described_is_refused() -> None:
    data = CATALOGUE["device:down"].data
    assert data is not None
    said = {"line": "bus", "device": "pump", "unit": 1, "reason": "no_answer"}
    msgspec.convert(said, data, strict=True)
    with pytest.raises(msgspec.ValidationError, match="extra"):
        msgspec.convert({**said, "extra": 1}, data, strict=True)
