"""Who may receive what, by which channel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.catalogue import CATALOGUE, type_of
from gateway.core.channels import CHANNELS, may_receive, may_subscribe
from gateway.core.events import Event
from gateway.core.patterns import parse_pattern
from gateway.core.principal import Kind, Principal

SCOPES = sorted({type_.scope for type_ in CATALOGUE.values()} | {"events:subscribe"})


def event(type_: str, **data: object) -> Event:
    return Event("id", "gw", 1, type_, 0.0, "synchronised", data)


def caller(*scopes: str, subject: str = "somebody", kind: Kind = Kind.OPERATOR) -> Principal:
    return Principal(subject, frozenset(scopes), kind, "t")


@pytest.mark.parametrize(
    ("channel", "scope"),
    [
        ("plugin:lifecycle", "plugins:read"),
        ("agent:messages", "messaging:read"),
        ("system:health", "system:read"),
        ("governor:analysis", "governor:read"),
        ("tag:changes", "devices:read"),
    ],
)
def test_the_channels_of_the_seed_and_of_ruling_23_need_their_scope(channel: str, scope: str) -> None:
    assert CHANNELS[channel].scope == scope


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_type_comes_by_its_channel_and_by_no_other_with_the_same_scope(name: str) -> None:
    type_ = CATALOGUE[name]
    bringing = [channel for channel in CHANNELS.values() if any(pattern.matches(name) for pattern in channel.patterns)]
    assert [channel.name for channel in bringing] == [type_.channel]
    assert bringing[0].scope == type_.scope


@given(st.sampled_from(sorted(CATALOGUE)), st.sets(st.sampled_from(SCOPES)))
def test_an_event_needs_the_scope_of_its_type(name: str, scopes: set[str]) -> None:
    told = event(name, from_agent="somebody")
    assert may_receive(caller(*scopes), told) == (type_of(name).scope in scopes)


def test_events_of_others_need_the_scope_to_subscribe() -> None:
    assert may_receive(caller("events:subscribe"), event("user:action"))
    assert not may_receive(caller("devices:read"), event("user:action"))


def test_a_message_is_for_its_sender_its_receiver_and_who_may_everything() -> None:
    """D-133."""
    message = event("message:received", from_agent="one", to_agent="two")
    for subject in ("one", "two"):
        assert may_receive(caller("messaging:read", subject=subject, kind=Kind.AGENT), message)
        assert not may_receive(caller("messaging:write", subject=subject, kind=Kind.AGENT), message)
    assert not may_receive(caller("messaging:read", subject="three", kind=Kind.AGENT), message)
    assert not may_receive(caller("messaging:read", "messaging:*"), message)
    assert may_receive(caller("*"), message)


@pytest.mark.parametrize(
    ("pattern", "scope", "allowed"),
    [
        ("alarm:*", "devices:read", True),
        ("alarm:*", "agents:read", False),
        ("*", "devices:read", True),
        ("*", "events:subscribe", True),
        ("*:*", "events:subscribe", True),
        ("*", "events:publish", False),
        ("tag:*", "events:subscribe", True),
        ("tag:changed", "events:subscribe", False),
        ("device:*", "events:subscribe", False),
        ("device:exploded", "devices:read", False),
        ("user:action:*", "events:subscribe", True),
        ("user:action:*", "devices:read", False),
        ("analytics.*", "events:subscribe", True),
        ("analytics.*", "devices:read", False),
        ("device:down", "*", True),
    ],
)
def test_a_pattern_of_which_nothing_could_come_is_told_at_once(pattern: str, scope: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    assert may_subscribe(caller(scope), parse_pattern(pattern)) is allowed
