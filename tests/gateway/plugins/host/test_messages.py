"""Messages are read strictly, and written so that the other side reads the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plugins.host.messages import (
    DEEPEST,
    INVALID_REQUEST,
    NOT_PERMITTED,
    PARSE_ERROR,
    Answer,
    Fault,
    Garbage,
    Request,
    TooLargeError,
    decode,
    encode_fault,
    encode_request,
    encode_result,
)

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
IDS = st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8"), max_size=64)
MANY = 10**6


@settings(max_examples=150)
@given(method=st.text("abc.", min_size=1, max_size=20), params=st.dictionaries(TEXT, JSON), id_=IDS | st.none())
def test_a_request_arrives_as_it_was(method: str, params: dict[str, Any], id_: int | str | None) -> None:
    line = encode_request(method, params, id_, MANY)
    assert line.count(b"\n") == 1
    assert decode(line[:-1]) == Request(method, params, id_)


@settings(max_examples=150)
@given(id_=IDS, result=JSON, code=st.integers(-40000, 0), message=TEXT)
def test_an_answer_arrives_as_it_was(id_: int | str, result: Any, code: int, message: str) -> None:
    assert decode(encode_result(id_, result, MANY)[:-1]) == Answer(id_, result=result)
    fault = Fault(code, message, result)
    assert decode(encode_fault(id_, fault, MANY)[:-1]) == Answer(id_, fault=fault)


@settings(max_examples=300)
@given(line=st.binary(max_size=60) | JSON.map(lambda document: json.dumps(document).encode()))
def test_whatever_comes_is_told_apart(line: bytes) -> None:
    assert isinstance(decode(line), Request | Answer | Garbage)


@settings(max_examples=200)
@given(
    members=st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error", "code"]), JSON),
    whole=st.booleans(),
)
def test_no_member_makes_it_fall(members: dict[str, Any], *, whole: bool) -> None:
    document = {**members, "jsonrpc": "2.0"} if whole else members
    assert isinstance(decode(json.dumps(document).encode()), Request | Answer | Garbage)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (b"hello", PARSE_ERROR, "no JSON"),
        (b'{"jsonrpc":"2.0","method":"\xff"}', PARSE_ERROR, "not UTF-8"),
        (b'{"jsonrpc":"2.0","method":"a","params":{"x":NaN}}', PARSE_ERROR, "NaN is no JSON"),
        (b'{"jsonrpc":"2.0","method":"a","params":{"x":1e999}}', PARSE_ERROR, "too large"),
        (b'{"jsonrpc":"2.0","method":"a","params":{"x":' + b"9" * 5000 + b"}}", PARSE_ERROR, "no JSON"),
        (b'{"jsonrpc":"2.0","method":"a","method":"b"}', PARSE_ERROR, "stands twice"),
        (b'{"jsonrpc":"2.0","method":"a","params":{"x":"\\ud800"}}', PARSE_ERROR, "not UTF-8"),
        (b"[" * 5000 + b"]" * 5000, PARSE_ERROR, "nested deeper"),
        (b"[" * 100_000, PARSE_ERROR, "brackets"),
        (b"[" + b"," * 100_000 + b"]", PARSE_ERROR, "commas"),
        (b"[]", INVALID_REQUEST, "is an object"),
        (b'{"method":"a"}', INVALID_REQUEST, "jsonrpc"),
        (b'{"jsonrpc":"2.0"}', INVALID_REQUEST, "neither"),
        (b'{"jsonrpc":"2.0","method":"a","params":[]}', INVALID_REQUEST, "params"),
        (b'{"jsonrpc":"2.0","method":"","params":{}}', INVALID_REQUEST, "method"),
        (b'{"jsonrpc":"2.0","method":"a","id":null}', INVALID_REQUEST, "id"),
        (b'{"jsonrpc":"2.0","method":"a","id":1.5}', INVALID_REQUEST, "id"),
        (b'{"jsonrpc":"2.0","method":"a","more":1}', INVALID_REQUEST, "more"),
        (b'{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}', INVALID_REQUEST, "exactly one"),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":true,"message":""}}', INVALID_REQUEST, "error"),
        (b'{"jsonrpc":"2.0","result":1}', INVALID_REQUEST, "id"),
    ],
)
def test_what_is_wrong_is_said(line: bytes, code: int, words: str) -> None:
    message = decode(line)
    assert isinstance(message, Garbage)
    assert message.fault.code == code
    assert words in message.fault.message


def test_a_request_gone_wrong_keeps_its_number() -> None:
    message = decode(b'{"jsonrpc":"2.0","id":7,"method":"a","params":1}')
    assert isinstance(message, Garbage)
    assert message.id == 7


@pytest.mark.parametrize(("depth", "fine"), [(DEEPEST - 2, True), (DEEPEST, False)])
def test_depth_has_an_end(depth: int, *, fine: bool) -> None:
    line = b'{"jsonrpc":"2.0","method":"a","params":{"x":' + b"[" * depth + b"]" * depth + b"}}"
    assert isinstance(decode(line), Request) is fine


def test_what_does_not_fit_is_not_written() -> None:
    with pytest.raises(TooLargeError, match="at most 100"):
        encode_result(1, "x" * 100, 100)
    line = encode_fault(1, Fault(NOT_PERMITTED, "no", {"permission": "x" * 100}), 100)
    assert decode(line[:-1]) == Answer(1, fault=Fault(NOT_PERMITTED, "no"))
