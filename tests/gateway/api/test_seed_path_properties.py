"""Whatever is sent to a path that stands for a method, there is an answer to it that says what is wrong."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.api import rpc
from gateway.api.asgi import Scope
from gateway.api.seed_paths import ROUTES, Body, Route, call_of, find

API = "/api/v1"
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)
words = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=40)
routes = st.sampled_from(ROUTES)


def ask(route: Route, value: str, query: bytes, body: bytes | None) -> rpc.Call | rpc.Malformed:
    path = API + (route.path if route.parameter is None else route.path.replace(f"{{{route.parameter}}}", value))
    found = find(path, route.verb)
    assert found is not None
    scope: Scope = {"path": path, "query_string": query}
    return call_of(found, scope, body)


@settings(max_examples=200)
@given(
    routes,
    words,
    st.binary(max_size=60) | words.map(lambda text: quote(text).encode()),
    st.binary(max_size=200) | st.none(),
)
def test_bytes_are_a_call_or_say_what_is_wrong(route: Route, value: str, query: bytes, body: bytes | None) -> None:
    call = ask(route, value, query, body)
    if isinstance(call, rpc.Malformed):
        assert call.fault.code in {-32700, -32600, -32601, -32602}
    assert rpc.failure(call.id, rpc.Fault(-32600, "x"))


@settings(max_examples=200)
@given(routes, words, values, values)
def test_json_is_a_call_of_the_method_of_its_path_or_none(route: Route, value: str, params: Any, id_: Any) -> None:
    document = {"jsonrpc": "2.0", "method": route.method, "params": params, "id": id_}
    call = ask(route, value, b"", json.dumps(document).encode())
    if isinstance(call, rpc.Malformed):
        return
    assert call.method == route.method
    if route.parameter is not None and isinstance(call.params, dict):
        assert call.params[route.parameter] == value


@given(words)
def test_the_path_is_what_it_says_whatever_that_is(value: str) -> None:
    for route in ROUTES:
        if route.parameter is not None and route.body is not Body.REQUIRED:
            call = ask(route, value, b"", None)
            assert isinstance(call, rpc.Call)
            assert call.params == {route.parameter: value}


@given(words, words)
def test_two_places_that_disagree_are_told_apart(one: str, other: str) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "params": {"capability": one}}
    (route,) = (route for route in ROUTES if route.method == "agent.list")
    call = ask(route, "", f"capability={quote(other)}".encode(), json.dumps(body).encode())
    assert isinstance(call, rpc.Call if one == other else rpc.Malformed)
