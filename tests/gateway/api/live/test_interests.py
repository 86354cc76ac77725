"""Looking up who wants an event finds exactly those whom asking one by one would find."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api.live.interests import Interests, Wish, make_wish, wanted, words_of
from gateway.core.channels import may_receive
from gateway.core.events import Event
from gateway.core.patterns import parse_selection
from gateway.core.principal import Kind, Principal

TYPES = ["alarm:raised", "alarm:cleared", "device:up", "user:action", "message:received"]
VALUES = st.sampled_from([None, True, False, 0, 1, 1.0, "1", "a"])
FILTERS = st.dictionaries(
    st.sampled_from(["tag", "deep.tag", "x.y"]), st.lists(VALUES, min_size=1, max_size=3), max_size=2
)
PATTERNS = st.sampled_from(["*", "alarm:*", "*:raised", "device:up", "user:*", "message:*", "shop.*", "*.till"])
WISHES = st.builds(
    lambda pattern, values: make_wish("pattern", pattern, parse_selection([pattern], values), words_of(values)),
    PATTERNS,
    FILTERS,
)
PRINCIPALS = st.builds(
    lambda subject, scopes: Principal(subject, frozenset(scopes), Kind.AGENT, "t"),
    st.sampled_from(["a", "b"]),
    st.sets(st.sampled_from(["devices:read", "events:subscribe", "messaging:read", "*"])),
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "tag": st.one_of(VALUES, st.just([1]), st.just({"a": 1})),
        "deep": st.one_of(st.fixed_dictionaries({"tag": VALUES}), VALUES),
        "x.y": VALUES,
        "to_agent": st.sampled_from(["a", "b"]),
    },
)
EVENTS = st.builds(
    lambda type_, data, key: Event("i", "g", 1, type_, 0.0, "synchronised", data, key),
    st.sampled_from(TYPES),
    DATA,
    st.sampled_from([None, "shop.till", "shop"]),
)
# A client's number, who it is from now on, and what it wants.
CHANGES = st.tuples(st.integers(0, 4), PRINCIPALS, st.lists(WISHES, max_size=3))


@settings(max_examples=60)
@given(st.lists(st.one_of(CHANGES, EVENTS), max_size=30))
def test_everybody_who_wants_an_event_and_may_receive_it_is_found_once(
    steps: list[tuple[int, Principal, list[Wish]] | Event],
) -> None:
    interests, clients = Interests[int](), dict[int, tuple[Principal, list[Wish]]]()
    for step in steps:
        if isinstance(step, Event):
            found = [client for interest in interests.in_(step) for client in interest.clients]
            expected = {
                client
                for client, (principal, wishes) in clients.items()
                if may_receive(principal, step) and wanted(wishes, step)
            }
            assert len(found) == len(set(found))
            assert set(found) == expected
            assert interests.wants(step.type) >= bool(expected and step.routing_key is None)
        else:
            client, principal, wishes = step
            clients[client] = principal, wishes
            interests.put(client, principal, wishes)
    for client in clients:
        interests.drop(client)
    assert not any(interests.in_(step) for step in steps if isinstance(step, Event))


def test_types_and_keys_that_others_choose_do_not_fill_the_memory() -> None:
    interests = Interests[int]()
    interests.put(
        1,
        Principal("a", frozenset({"*"}), Kind.OPERATOR, "t"),
        [make_wish("pattern", "*", parse_selection(["*"], {}), "")],
    )
    for number in range(5000):
        event = Event("i", "g", number, f"user:t{number}", 0.0, "synchronised", {}, f"k.{number}")
        assert len(interests.in_(event)) == 1
        assert interests.wants(event.type)
    assert len(interests._found) + len(interests._wants) <= 2048


def test_filters_with_many_values_do_not_fill_it_either() -> None:
    interests = Interests[int]()
    for client in range(20):
        principal = Principal(f"a{client}", frozenset({"*"}), Kind.OPERATOR, "t")
        values = {"x": [f"{client}-{number}" for number in range(64)]}
        patterns = ("*", "user:*", "*:*", "*:*:*")
        interests.put(
            client,
            principal,
            [make_wish("pattern", text, parse_selection([text], values), words_of(values)) for text in patterns],
        )
    tracemalloc.start()
    try:
        for number in range(60):
            event = Event("i", "g", number, "user:t", 0.0, "synchronised", {"x": f"{number % 20}-7"}, f"k.{number}")
            assert [interest.principal.subject for interest in interests.in_(event)] == [f"a{number % 20}"]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 20_000_000
