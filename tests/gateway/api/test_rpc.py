"""JSON-RPC 2.0, judged by the specification's own examples and by arbitrary bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.api import rpc
from gateway.core.ports import Json

REQUEST = {"jsonrpc": "2.0", "method": "tag.read", "params": {"tags": ["a"]}, "id": 1}


def parse(document: object) -> rpc.Call | rpc.Malformed | rpc.Batch:
    return rpc.parse(json.dumps(document).encode())


def fault(body: bytes) -> rpc.Malformed:
    parsed = rpc.parse(body)
    assert isinstance(parsed, rpc.Malformed)
    return parsed


def nested(depth: int) -> bytes:
    return b'{"jsonrpc":"2.0","method":"m","id":1,"params":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def test_a_request_is_read() -> None:
    assert parse(REQUEST) == rpc.Call("tag.read", {"tags": ["a"]}, 1)


def test_params_may_be_left_out_or_be_an_array() -> None:
    assert parse({"jsonrpc": "2.0", "method": "m", "id": 1}) == rpc.Call("m", {}, 1)
    assert parse({"jsonrpc": "2.0", "method": "m", "id": 1, "params": [1]}) == rpc.Call("m", [1], 1)


def test_no_id_makes_a_notification_and_null_does_not() -> None:
    assert parse({"jsonrpc": "2.0", "method": "m"}) == rpc.Call("m", {}, None, notification=True)
    assert parse({"jsonrpc": "2.0", "method": "m", "id": None}) == rpc.Call("m", {}, None)


@pytest.mark.parametrize(
    "written", ["1", "1.0", '"1"', "null", "-7", "0.5", '""', str(2**80), '"\\u00e4\\ud83d\\ude00"']
)
def test_an_id_keeps_value_and_type(written: str) -> None:
    call = rpc.parse(b'{"jsonrpc":"2.0","method":"m","id":%b}' % written.encode())
    assert isinstance(call, rpc.Call)
    for body in (rpc.success(call.id, {}), rpc.failure(call.id, rpc.Fault(1, "x"))):
        echoed = json.loads(body)["id"]
        assert echoed == json.loads(written)
        assert type(echoed) is type(json.loads(written))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "line 1", id="nothing"),
        pytest.param(b'{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', "line 1", id="spec: no JSON"),
        pytest.param(b'[{"jsonrpc": "2.0", "method"', "line 1", id="spec: batch cut off"),
        pytest.param(b'{"a":1} {"b":2}', "Extra data", id="two documents"),
        pytest.param(b'{"a":1, // note\n"b":2}', "line 1", id="comment"),
        pytest.param(b'{"a":1,"a":1}', "twice", id="a name twice"),
        pytest.param(b'{"x":{"a":1,"b":2,"a":3}}', "twice", id="a name twice, further in"),
        pytest.param(b'{"a":NaN}', "NaN", id="NaN"),
        pytest.param(b'{"a":-Infinity}', "Infinity", id="Infinity"),
        pytest.param(b'{"a":1e999}', "too large", id="a number that would become infinite"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", "a number is too large", id="more digits than Python reads"),
        pytest.param(b'{"a":"\xff"}', "UTF-8", id="no UTF-8"),
        pytest.param('{"a":1}'.encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', "byte order mark", id="byte order mark"),
        pytest.param(b'{"a":"\\ud800"}', "surrogate", id="half a surrogate pair"),
        pytest.param(b'{"a":"\n"}', "control", id="raw control character"),
        pytest.param(nested(33), "deeper than 32", id="33 deep"),
        pytest.param(b"[" * 500_000, "too many values", id="a bracket bomb"),
        pytest.param(b'{"a":' * 100_000, "too many values", id="a brace bomb"),
    ],
)
def test_what_is_no_json_is_a_parse_error(body: bytes, reason: str) -> None:
    malformed = fault(body)
    assert malformed.fault.code == -32700
    assert malformed.fault.message == "Parse error"
    assert malformed.fault.data is not None
    assert reason.lower() in str(malformed.fault.data["reason"]).lower()
    assert malformed.id is None


def test_32_deep_is_fine() -> None:
    assert isinstance(rpc.parse(nested(32)), rpc.Call)


def test_many_flat_objects_are_not_deep() -> None:
    assert isinstance(parse(REQUEST | {"params": [{}] * 100}), rpc.Call)


@pytest.mark.parametrize(
    ("document", "id_"),
    [
        (1, None),
        ("x", None),
        (None, None),
        ([], None),
        ([REQUEST] * 21, None),
        ({}, None),
        (REQUEST | {"jsonrpc": "1.0"}, 1),
        (REQUEST | {"jsonrpc": 2.0}, 1),
        ({"method": "m", "id": "x"}, "x"),
        ({"jsonrpc": "2.0", "method": 1, "params": "bar"}, None),
        (REQUEST | {"method": None}, 1),
        (REQUEST | {"params": "bar"}, 1),
        (REQUEST | {"params": None}, 1),
        (REQUEST | {"id": True}, None),
        (REQUEST | {"id": {}}, None),
        (REQUEST | {"id": [1]}, None),
        (REQUEST | {"parameters": {}}, 1),
    ],
)
def test_json_that_is_no_request_is_an_invalid_request(document: object, id_: rpc.Id) -> None:
    malformed = fault(json.dumps(document).encode())
    assert malformed.fault.code == -32600
    assert malformed.fault.message == "Invalid Request"
    assert malformed.id == id_


def test_a_member_that_a_request_does_not_have_is_named() -> None:
    malformed = fault(json.dumps({"jsonrpc": "2.0", "method": "agent.list", "param": {"active": True}}).encode())
    assert malformed.fault.data == {
        "reason": 'there is no member "param" of a request; there are: jsonrpc, method, params, id'
    }


def test_each_item_of_a_batch_is_judged_alone() -> None:
    parsed = parse([1, REQUEST, {"foo": "boo"}, {"jsonrpc": "2.0", "method": "m"}])
    assert isinstance(parsed, rpc.Batch)
    one, two, three, four = parsed.items
    assert isinstance(one, rpc.Malformed)
    assert two == rpc.Call("tag.read", {"tags": ["a"]}, 1)
    assert isinstance(three, rpc.Malformed)
    assert four == rpc.Call("m", {}, None, notification=True)


json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0"]) | json_values,
        "method": st.text() | json_values,
        "params": json_values,
        "id": json_values,
        "more": json_values,
    },
)


@given(st.binary() | (json_values | requests | st.lists(requests)).map(lambda value: json.dumps(value).encode()))
@example(b"\xed\xa0\x80")
@settings(max_examples=300)
def test_every_body_has_an_answer_that_is_json(body: bytes) -> None:
    parsed = rpc.parse(body)
    items = parsed.items if isinstance(parsed, rpc.Batch) else (parsed,)
    for item in items:
        answer = rpc.failure(item.id, item.fault) if isinstance(item, rpc.Malformed) else rpc.success(item.id, {})
        assert json.loads(answer)["jsonrpc"] == "2.0"


@given(st.dictionaries(st.text(), json_values), st.text(), st.integers() | st.text() | st.none())
def test_what_a_caller_says_is_what_is_heard(params: dict[str, Json], method: str, id_: rpc.Id) -> None:
    # Escaped as ASCII, a half surrogate would pass json.dumps; hypothesis text holds none.
    document = {"jsonrpc": "2.0", "method": method, "params": params, "id": id_}
    assert parse(document) == rpc.Call(method, params, id_)
    assert rpc.parse(json.dumps(document, ensure_ascii=False).encode()) == rpc.Call(method, params, id_)


@pytest.mark.parametrize("body", [b"[" + b"{}," * 5000 + b"{}]", b"[" * 5000, b"[" + b"1," * 70_000 + b"1]"])
def test_a_body_of_very_many_values_is_refused_before_any_is_made(body: bytes) -> None:
    found = rpc.parse(body)
    assert isinstance(found, rpc.Malformed)
    assert found.fault.code == rpc.PARSE_ERROR
    assert found.fault.data == {"reason": "too many values"}


def test_a_full_batch_of_reads_of_a_thousand_tags_is_no_such_body() -> None:
    call = {"jsonrpc": "2.0", "method": "tag.read", "params": {"tags": ["line/device/tag"] * 1000}, "id": 1}
    found = parse([call] * rpc.MAX_BATCH)
    assert isinstance(found, rpc.Batch)
    assert len(found.items) == rpc.MAX_BATCH
